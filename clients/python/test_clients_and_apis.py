"""Applications, APIs, and the grants between them."""

from datetime import datetime, timedelta, timezone

import pytest
from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import ONCE, refused, shown, unique
from test_tokens import pem_of_public


def test_a_client_is_made_changed_and_deleted(management):
    name = unique("app")
    client = management.clients.create(
        name=name, app_type="spa", callbacks=["https://app.example.com/"], client_metadata={"team": "blue", "floor": "2"}
    )
    assert client.name == name and client.client_secret and client.is_first_party
    assert client.jwt_configuration.lifetime_in_seconds == 36000
    assert shown(management.clients.get(client.client_id)) == shown(client)

    changed = management.clients.update(
        client.client_id, description="The shop", client_metadata={"team": None, "floor": "3"}
    )
    assert changed.description == "The shop"
    assert changed.callbacks == ["https://app.example.com/"]
    assert changed.client_metadata == {"floor": "3"}

    management.clients.delete(client.client_id)
    with refused(404, "The client does not exist", "inexistent_client"):
        management.clients.get(client.client_id)


def test_pages_of_clients_follow_one_another(tenant, management):
    made = {tenant.machine().client_id for _ in range(3)}
    walked = [client.client_id for client in management.clients.list(per_page=2)]
    assert len(walked) == len(set(walked))
    assert made <= set(walked)
    page = management.clients.list(per_page=2, page=1).response
    assert (page.start, page.limit, len(page.clients)) == (2, 2, 2)
    assert page.total >= len(made)


def test_a_field_that_nobody_knows_is_refused(management):
    with refused(400, "Additional properties not allowed: colour", "invalid_body"):
        management.clients.create(
            name=unique("app"), request_options={"additional_body_parameters": {"colour": "red"}}
        )


def test_a_rotated_secret_replaces_the_old_one(tenant, management):
    client = tenant.machine()
    management.client_grants.create(client_id=client.client_id, audience=tenant.audience, scope=["read:roles"])
    rotated = management.clients.rotate_secret(client.client_id)
    assert rotated.client_secret != client.client_secret
    new = GetToken(tenant.domain, client.client_id, client_secret=rotated.client_secret)
    assert new.client_credentials(tenant.audience)["access_token"]
    old = GetToken(tenant.domain, client.client_id, client_secret=client.client_secret)
    with pytest.raises(Auth0Error):
        old.client_credentials(tenant.audience)


def test_credentials_are_kept_given_an_end_and_removed(tenant, management):
    client = tenant.machine()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    credential = management.clients.credentials.create(
        client.client_id, credential_type="public_key", name="spare", alg="RS256", pem=pem_of_public(key)
    )
    assert credential.id.startswith("cred_") and credential.kid
    until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    ending = management.clients.credentials.update(client.client_id, credential.id, expires_at=until)
    assert ending.expires_at == until
    assert management.clients.credentials.get(client.client_id, credential.id).expires_at == until
    assert [item.id for item in management.clients.credentials.list(client.client_id)] == [credential.id]
    management.clients.credentials.delete(client.client_id, credential.id)
    assert management.clients.credentials.list(client.client_id) == []


def test_an_api_is_made_read_by_identifier_changed_and_deleted(tenant, management):
    server = tenant.api("read:things")
    assert server.token_lifetime == 86400 and server.signing_alg == "RS256"
    assert management.resource_servers.get(server.identifier).id == server.id
    assert server.id in [item.id for item in management.resource_servers.list(per_page=2)]
    changed = management.resource_servers.update(server.id, token_lifetime=600)
    assert changed.token_lifetime == 600 and changed.name == server.name
    with refused(409, "A resource server with the same identifier already exists."):
        management.resource_servers.create(name=unique("api"), identifier=server.identifier, request_options=ONCE)
    management.resource_servers.delete(server.id)
    with refused(404, "The resource server does not exist", "inexistent_resource_server"):
        management.resource_servers.get(server.id)


def test_the_management_api_stays(tenant, management):
    server = management.resource_servers.get(tenant.audience)
    assert server.is_system
    with refused(400, "System resource servers cannot be deleted."):
        management.resource_servers.delete(server.id)


def test_a_grant_is_given_once_changed_and_removed(tenant, management):
    client, server = tenant.machine(), tenant.api("read:things", "write:things")
    pair = {"client_id": client.client_id, "audience": server.identifier}
    grant = management.client_grants.create(**pair, scope=["read:things"])
    assert grant.id.startswith("cgr_") and grant.scope == ["read:things"]
    with refused(409):
        management.client_grants.create(**pair, scope=["read:things"], request_options=ONCE)
    # Scopes are not judged against the API.
    assert management.client_grants.update(grant.id, scope=["fly:planes"]).scope == ["fly:planes"]
    assert management.client_grants.update(grant.id, scope=["write:things"]).scope == ["write:things"]
    assert management.client_grants.get(grant.id).scope == ["write:things"]
    assert [item.id for item in management.client_grants.list(client_id=client.client_id)] == [grant.id]
    management.client_grants.delete(grant.id)
    assert list(management.client_grants.list(client_id=client.client_id)) == []
