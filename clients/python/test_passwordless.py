"""Logins without passwords: codes by mail and text message, with the SDK's authentication classes."""

import pytest
import requests
from auth0.authentication import GetToken, Passwordless
from auth0.authentication.exceptions import Auth0Error

from conftest import claims_of, unique

OTP = "http://auth0.com/oauth/grant-type/passwordless/otp"


@pytest.fixture(scope="module")
def app(tenant):
    client = tenant.management.clients.create(
        name=unique("app"), app_type="regular_web", grant_types=[OTP, "refresh_token"], oidc_conformant=True
    )
    mail = {"from": "login@example.com", "subject": "Your code", "body": "{{ code }}{{ link }}", "syntax": "liquid"}
    shared = {"brute_force_protection": True, "disable_signup": False}
    for strategy, options in [
        ("email", {"name": "email", "email": mail, **shared}),
        ("sms", {"name": "sms", "template": "@@password@@", "syntax": "md_with_macros", **shared}),
    ]:
        connection = tenant.management.connections.create(name=strategy, strategy=strategy, options=options)
        tenant.management.connections.clients.update(
            connection.id, request=[{"client_id": client.client_id, "status": True}]
        )
    return client


def sent(tenant, to):
    """The message that was sent to an address or a number."""
    answer = requests.get(f"https://{tenant.domain}/_aught/outbox", params={"to": to, "wait": "20"}, timeout=30)
    messages = answer.json()["messages"]
    assert messages, f"nothing was sent to {to}"
    return messages[0]


def test_whoever_reads_a_mail_is_its_user(tenant, app):
    passwordless = Passwordless(tenant.domain, app.client_id, client_secret=app.client_secret)
    tokens = GetToken(tenant.domain, app.client_id, client_secret=app.client_secret)
    email = f"{unique('ada')}@example.com"
    asked = passwordless.email(email, send="code")
    assert (asked["email"], asked["email_verified"]) == (email, False)
    code = sent(tenant, email)["codes"][0]
    with pytest.raises(Auth0Error) as wrong:
        tokens.passwordless_login(email, "000000" if code != "000000" else "1", "email", "openid", None)
    assert (wrong.value.status_code, wrong.value.message) == (403, "Wrong email or verification code.")
    answer = tokens.passwordless_login(email, code, "email", "openid email", None)
    claims = claims_of(answer["id_token"])
    assert (claims["email"], claims["email_verified"]) == (email, True)


def test_a_link_is_sent_where_the_application_says(tenant, app):
    passwordless = Passwordless(tenant.domain, app.client_id, client_secret=app.client_secret)
    email = f"{unique('ada')}@example.com"
    with pytest.raises(Auth0Error) as foreign:
        passwordless.email(email, auth_params={"redirect_uri": "https://evil.example/"})
    assert foreign.value.status_code == 400


def test_whoever_reads_a_text_message_is_its_user(tenant, app):
    passwordless = Passwordless(tenant.domain, app.client_id, client_secret=app.client_secret)
    tokens = GetToken(tenant.domain, app.client_id, client_secret=app.client_secret)
    number = "+4915112345678"
    passwordless.sms(number)
    answer = tokens.passwordless_login(number, sent(tenant, number)["codes"][0], "sms", "openid phone", None)
    assert claims_of(answer["id_token"])["phone_number"] == number
