"""Applications sign their users in: Authlib, and the SDK's authentication classes."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from auth0.authentication import GetToken, RevokeToken, Users
from auth0.authentication.exceptions import Auth0Error
from auth0.authentication.pushed_authorization_requests import PushedAuthorizationRequests
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier, TokenVerifier
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from joserfc import jwt
from joserfc.jwk import KeySet

from browser import Browser
from conftest import DATABASE, PASSWORD, unique

CALLBACK = "https://app.example.com/callback"


@pytest.fixture(scope="module")
def app(tenant):
    """A client of the tenant whose users come from the database."""
    client = tenant.management.clients.create(
        name=unique("app"),
        app_type="regular_web",
        callbacks=[CALLBACK],
        grant_types=["authorization_code", "refresh_token"],
        oidc_conformant=True,
        refresh_token={"rotation_type": "rotating", "expiration_type": "expiring"},
    )
    connection = next(iter(tenant.management.connections.list(name=DATABASE)))
    tenant.management.connections.clients.update(
        connection.id, request=[{"client_id": client.client_id, "status": True}]
    )
    return client


@pytest.fixture(scope="module")
def ada(tenant):
    return tenant.management.users.create(
        connection=DATABASE, email=f"{unique('ada')}@example.com", password=PASSWORD, email_verified=True, name="Ada"
    )


def log_in(tenant, address, ada):
    return Browser(tenant.domain).visit(address, username=ada.email, password=PASSWORD)


def code_of(callback):
    return parse_qs(urlsplit(callback).query)["code"][0]


def test_authlib_takes_a_code_reads_the_id_token_renews_and_revokes(tenant, app, ada):
    base = f"https://{tenant.domain}"
    session = OAuth2Session(
        app.client_id,
        app.client_secret,
        scope="openid profile email offline_access",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_post",
        revocation_endpoint_auth_method="client_secret_post",
    )
    metadata = session.request("GET", f"{base}/.well-known/openid-configuration", withhold_token=True).json()
    verifier, nonce = generate_token(48), generate_token(20)
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    callback = log_in(tenant, address, ada)
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(session.request("GET", metadata["jwks_uri"], withhold_token=True).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": app.client_id},
        nonce={"essential": True, "value": nonce},
    ).validate(claims)
    assert (claims["sub"], claims["name"], claims["email"]) == (ada.user_id, "Ada", ada.email)
    assert session.get(metadata["userinfo_endpoint"]).json()["sub"] == ada.user_id

    renewed = session.refresh_token(metadata["token_endpoint"])
    assert renewed["refresh_token"] != token["refresh_token"]
    assert session.revoke_token(metadata["revocation_endpoint"], renewed["refresh_token"]).status_code == 200
    with pytest.raises(OAuthError) as refused:
        session.refresh_token(metadata["token_endpoint"], renewed["refresh_token"])
    assert refused.value.error == "invalid_grant"


def test_the_sdk_takes_a_code_verifies_it_renews_and_revokes(tenant, app, ada):
    address = f"https://{tenant.domain}/authorize?" + urlencode(
        {
            "client_id": app.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email offline_access",
            "nonce": "n-1",
            "max_age": 600,
        }
    )
    tokens = GetToken(tenant.domain, app.client_id, client_secret=app.client_secret)
    code = code_of(log_in(tenant, address, ada))
    answer = tokens.authorization_code(code, CALLBACK)
    verifier = TokenVerifier(
        signature_verifier=AsymmetricSignatureVerifier(f"https://{tenant.domain}/.well-known/jwks.json"),
        issuer=f"https://{tenant.domain}/",
        audience=app.client_id,
    )
    claims = verifier.verify(answer["id_token"], nonce="n-1", max_age=600)
    assert claims["sub"] == ada.user_id
    info = Users(tenant.domain).userinfo(answer["access_token"])
    assert (info["sub"], info["email"]) == (ada.user_id, ada.email)

    with pytest.raises(Auth0Error) as again:
        tokens.authorization_code(code, CALLBACK)
    assert (again.value.status_code, again.value.error_code) == (403, "invalid_grant")

    other = tokens.authorization_code(code_of(log_in(tenant, address, ada)), CALLBACK)
    renewed = tokens.refresh_token(other["refresh_token"])
    revoke = RevokeToken(tenant.domain, app.client_id, client_secret=app.client_secret)
    revoke.revoke_refresh_token(renewed["refresh_token"])
    with pytest.raises(Auth0Error) as revoked:
        tokens.refresh_token(renewed["refresh_token"])
    assert (revoked.value.status_code, revoked.value.message) == (403, "Unknown or invalid refresh token.")


def test_the_sdk_pushes_a_request(tenant, app, ada):
    tenant.management.tenants.settings.update(pushed_authorization_requests_supported=True)
    try:
        requests = PushedAuthorizationRequests(tenant.domain, app.client_id, client_secret=app.client_secret)
        pushed = requests.pushed_authorization_request("code", CALLBACK, scope="openid")
        address = f"https://{tenant.domain}/authorize?" + urlencode(
            {"client_id": app.client_id, "request_uri": pushed["request_uri"]}
        )
        answer = GetToken(tenant.domain, app.client_id, client_secret=app.client_secret).authorization_code(
            code_of(log_in(tenant, address, ada)), CALLBACK
        )
        assert answer["id_token"]
    finally:
        tenant.management.tenants.settings.update(pushed_authorization_requests_supported=False)
