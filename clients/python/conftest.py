"""What every test of this suite starts from: a client for the tenant that `aught run` made, names nobody else took, and how
a refusal is expected."""

import base64
import json
import os
import secrets
import time
from contextlib import contextmanager

import pytest
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError

PASSWORD = "Correct-Horse-7-Battery"
DATABASE = "Username-Password-Authentication"
# The SDK asks again after a 409, and waits in between; where a conflict is expected, that is time lost.
ONCE = {"max_retries": 0}


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
        self.renew()

    def renew(self):
        """Takes a client whose token is still to be asked for."""
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

    def action(self, trigger, version, code, **fields):
        """A new Action whose packages, if it has any, are there."""
        action = self.management.actions.create(
            name=unique("action"), supported_triggers=[{"id": trigger, "version": version}], code=code, **fields
        )
        return settled(lambda: self.management.actions.get(action.id), "pending", "building")

    def person(self, request_options=None, **fields):
        known = {"connection": DATABASE, "email": f"{unique('someone')}@example.com", "password": PASSWORD}
        return self.management.users.create(**{**known, **fields}, request_options=request_options)


@pytest.fixture(scope="session")
def tenant():
    return Tenant()


@pytest.fixture
def management(tenant):
    return tenant.management


def unique(prefix):
    """A name that no other test of this or an earlier run uses."""
    return f"{prefix}-{secrets.token_hex(5)}"


def settled(read, *passing):
    """What `read` finds once its status is none of the passing ones."""
    while (found := read()).status in passing:
        time.sleep(0.05)
    return found


def ids(items):
    """The identifiers of what a listing yields, page by page, as the SDK's iterator walks it."""
    return [item.id for item in items]


def holds(model, fields):
    """The model tells these fields as they were written; objects may hold more than was written."""

    def within(written, read):
        if isinstance(written, dict) and isinstance(read, dict):
            return all(name in read and within(value, read[name]) for name, value in written.items())
        return written == read

    read = model if isinstance(model, dict) else shown(model)
    assert within(fields, read), f"{fields} is not in {read}"
    return True


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
