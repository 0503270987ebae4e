"""What every test of this suite starts from: a client for the tenant that `aught run` made, names nobody else took, and how
a refusal is expected."""

import base64
import json
import os
import secrets
from contextlib import contextmanager

import pytest
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError

PASSWORD = "Correct-Horse-7-Battery"
DATABASE = "Username-Password-Authentication"


def setting(name):
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set: start this suite with `aught run -- pytest`", returncode=2)
    return value


class Tenant:
    """The tenant under test, and short ways to what most tests need in it."""

    def __init__(self):
        self.domain = setting("AUTH0_DOMAIN")
        self.client_id = setting("AUTH0_CLIENT_ID")
        self.client_secret = setting("AUTH0_CLIENT_SECRET")
        self.audience = f"https://{self.domain}/api/v2/"
        self.management = ManagementClient(
            domain=self.domain, client_id=self.client_id, client_secret=self.client_secret
        )

    def api(self, *scopes):
        return self.management.resource_servers.create(
            name=unique("api"),
            identifier=f"https://{unique('api')}.example.com",
            scopes=[{"value": scope, "description": f"May {scope}"} for scope in scopes],
        )

    def machine(self, **fields):
        return self.management.clients.create(
            name=unique("machine"), app_type="non_interactive", grant_types=["client_credentials"], **fields
        )

    def person(self, **fields):
        known = {"connection": DATABASE, "email": f"{unique('someone')}@example.com", "password": PASSWORD}
        return self.management.users.create(**{**known, **fields})


@pytest.fixture(scope="session")
def tenant():
    return Tenant()


@pytest.fixture(scope="session")
def management(tenant):
    return tenant.management


def unique(prefix):
    """A name that no other test of this or an earlier run uses."""
    return f"{prefix}-{secrets.token_hex(5)}"


def claims_of(token):
    """The claims of a JSON Web Token, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def shown(model):
    """A model of the SDK as the plain JSON that the service sent."""
    return model.model_dump(mode="json", exclude_unset=True, by_alias=True)


@contextmanager
def refused(status, message=None, error_code=None):
    """The block is refused with this status and, in the service's own words, this message (or a part of it)."""
    with pytest.raises(ApiError) as caught:
        yield
    error = caught.value
    assert error.status_code == status, error
    body = error.body if isinstance(error.body, dict) else shown(error.body)
    assert body["statusCode"] == status
    if message:
        assert message in body["message"]
    if error_code:
        assert body["errorCode"] == error_code
