"""Users without pages: sign-up, tokens by password, and a forgotten password, with the SDK's authentication classes."""

import pytest
from auth0.authentication import Database, GetToken
from auth0.authentication.exceptions import Auth0Error

from conftest import DATABASE, PASSWORD, claims_of, unique


@pytest.fixture(scope="module")
def app(tenant):
    client = tenant.management.clients.create(
        name=unique("app"),
        app_type="regular_web",
        grant_types=["http://auth0.com/oauth/grant-type/password-realm", "refresh_token"],
        oidc_conformant=True,
    )
    connection = next(iter(tenant.management.connections.list(name=DATABASE)))
    tenant.management.connections.clients.update(
        connection.id, request=[{"client_id": client.client_id, "status": True}]
    )
    return client


def test_somebody_signs_up_and_logs_in_with_the_password(tenant, app):
    database = Database(tenant.domain, app.client_id)
    email = f"{unique('ada')}@example.com"
    signed = database.signup(email, PASSWORD, DATABASE, user_metadata={"plan": "pro"})
    assert (signed["email"], signed["email_verified"]) == (email, False)
    with pytest.raises(Auth0Error) as taken:
        database.signup(email, PASSWORD, DATABASE)
    assert (taken.value.status_code, taken.value.error_code) == (400, "invalid_signup")

    tokens = GetToken(tenant.domain, app.client_id, client_secret=app.client_secret)
    answer = tokens.login(email, PASSWORD, scope="openid email offline_access", realm=DATABASE)
    assert claims_of(answer["id_token"])["email"] == email
    assert tokens.refresh_token(answer["refresh_token"])["access_token"]
    with pytest.raises(Auth0Error) as wrong:
        tokens.login(email, "wrong", scope="openid", realm=DATABASE)
    assert (wrong.value.status_code, wrong.value.error_code) == (403, "invalid_grant")
    assert wrong.value.message == "Wrong email or password."


def test_a_forgotten_password_is_asked_for_anew_whoever_asks(tenant, app):
    database = Database(tenant.domain, app.client_id)
    assert "just sent you an email" in database.change_password(f"{unique('nobody')}@example.com", DATABASE)
