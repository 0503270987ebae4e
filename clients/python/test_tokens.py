"""Tokens by client credentials, with the SDK's authentication classes."""

import pytest
from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier, TokenVerifier
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import claims_of


def pem_of_private(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def pem_of_public(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def test_a_secret_buys_a_token_that_the_published_keys_verify(tenant):
    answer = GetToken(tenant.domain, tenant.client_id, client_secret=tenant.client_secret).client_credentials(
        tenant.audience
    )
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 86400
    claims = claims_of(answer["access_token"])
    assert claims["sub"] == f"{tenant.client_id}@clients"
    assert claims["gty"] == "client-credentials"
    assert "read:users" in claims["scope"].split()
    keys = AsymmetricSignatureVerifier(f"https://{tenant.domain}/.well-known/jwks.json")
    assert keys.verify_signature(answer["access_token"])["azp"] == tenant.client_id


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "access_denied"),
        ({"client_id": "nobody"}, 401, "access_denied"),
        ({"audience": "https://nowhere.example.com"}, 403, "access_denied"),
    ],
)
def test_a_wrong_request_is_refused(tenant, change, status, error):
    known = {"client_id": tenant.client_id, "client_secret": tenant.client_secret, "audience": tenant.audience}
    asked = {**known, **change}
    client = GetToken(tenant.domain, asked["client_id"], client_secret=asked["client_secret"])
    with pytest.raises(Auth0Error) as caught:
        client.client_credentials(asked["audience"])
    assert caught.value.status_code == status
    assert caught.value.error_code == error


def test_a_private_key_buys_a_token_of_what_was_granted(tenant, management):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    credential = {"credential_type": "public_key", "alg": "RS256", "pem": pem_of_public(key)}
    client = tenant.machine(client_authentication_methods={"private_key_jwt": {"credentials": [credential]}})
    server = tenant.api("read:things", "write:things")
    management.client_grants.create(client_id=client.client_id, audience=server.identifier, scope=["read:things"])

    asking = GetToken(tenant.domain, client.client_id, client_assertion_signing_key=pem_of_private(key))
    assert claims_of(asking.client_credentials(server.identifier)["access_token"])["scope"] == "read:things"

    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forging = GetToken(tenant.domain, client.client_id, client_assertion_signing_key=pem_of_private(stranger))
    with pytest.raises(Auth0Error) as caught:
        forging.client_credentials(server.identifier)
    assert caught.value.status_code == 401
