"""What belongs to connections: their keys, provisioning from directories and by SCIM, profiles, and deleting users."""

import pytest

from conftest import holds, ids, refused, shown, unique

DIRECTORY = {"client_id": "id", "domain": "example.com", "api_enable_users": True, "api_enable_groups": True}


@pytest.fixture
def workforce(management):
    """A connection of a company that signs its requests with a key."""
    options = {"client_id": "id", "client_secret": "secret", "token_endpoint_auth_method": "private_key_jwt"}
    return management.connections.create(name=unique("okta"), strategy="okta", options=options)


@pytest.fixture
def directory(management):
    return management.connections.create(name=unique("google"), strategy="google-apps", options=DIRECTORY)


def test_keys_are_made_and_rotated(management, workforce):
    keys = management.connections.keys
    made = {key.key_use for key in keys.create(workforce.id, request={})}
    assert made == {"signing"}
    (signing,) = [key for key in keys.get(workforce.id) if key.current and key.key_use == "signing"]
    following = keys.rotate(workforce.id, request={})
    assert following.kid != signing.kid and following.next
    assert {key.kid for key in keys.get(workforce.id)} >= {signing.kid, following.kid}
    with refused(404, "The connection does not exist"):
        keys.get("con_0000000000000000")


def test_scim_is_configured_with_tokens_that_are_told_once(management, workforce):
    scim = management.connections.scim_configuration
    default = scim.get_default_mapping(workforce.id).mapping
    made = scim.create(workforce.id, request={})
    assert made.connection_id == workforce.id and shown(made)["mapping"] == [shown(item) for item in default]
    with refused(400, "SCIM configuration alreay exists for connection"):
        scim.create(workforce.id, request={})
    changed = scim.update(
        workforce.id, user_id_attribute="externalId", mapping=[{"auth0": "name", "scim": "displayName"}]
    )
    assert changed.user_id_attribute == "externalId"
    assert shown(scim.get(workforce.id)) == shown(changed)
    assert workforce.id in [item.connection_id for item in scim.list(take=1)]

    token = scim.tokens.create(workforce.id, scopes=["get:users"], token_lifetime=900)
    assert token.token
    (kept,) = scim.tokens.get(workforce.id)
    assert kept.token_id == token.token_id and kept.scopes == ["get:users"]
    assert token.token not in kept.model_dump_json()
    scim.tokens.delete(workforce.id, token.token_id)
    assert scim.tokens.get(workforce.id) == []

    scim.delete(workforce.id)
    with refused(404, "Not Found"):
        scim.get(workforce.id)


def test_scim_is_for_companies_only(management):
    database = management.connections.create(name=unique("db"), strategy="auth0")
    with refused(404, "This connection type does not support SCIM."):
        management.connections.scim_configuration.create(database.id, request={})


def test_a_directory_is_synchronized(management, directory):
    provisioning = management.connections.directory_provisioning
    assert provisioning.get_default_mapping(directory.id).mapping
    made = provisioning.create(directory.id, request={"synchronize_groups": "selected"})
    assert made.connection_id == directory.id and not made.synchronize_automatically
    assert provisioning.update(directory.id, request={"synchronize_automatically": True}).synchronize_automatically
    assert provisioning.get(directory.id).synchronize_groups == "selected"
    assert directory.id in [item.connection_id for item in provisioning.list(take=1)]
    begun = provisioning.synchronizations.create(directory.id)
    assert begun.connection_id == directory.id and begun.synchronization_id

    provisioning.set(directory.id, groups=[{"id": "one"}, {"id": "two"}])
    provisioning.add_synchronized_group_selections(directory.id, groups=[{"id": "three"}])
    provisioning.delete_synchronized_group_selections(directory.id, groups=[{"id": "two"}])
    assert sorted(ids(provisioning.list_synchronized_groups(directory.id, take=1))) == ["one", "three"]

    provisioning.delete(directory.id)
    with refused(404, "Directory provisioning configuration not found"):
        provisioning.get(directory.id)


def test_a_profile_of_connections_is_made_changed_and_deleted(management):
    profiles = management.connection_profiles
    name = unique("profile")
    fields = {
        "organization": {"show_as_button": "required", "assign_membership_on_login": "required"},
        "connection_name_prefix_template": "con-{org_id}-",
        "enabled_features": ["scim", "universal_logout"],
    }
    profile = profiles.create(name=name, **fields)
    assert profile.id.startswith("cop_") and holds(profile, fields)
    assert shown(profiles.get(profile.id)) == shown(profile)
    assert profiles.update(profile.id, name=f"{name}-2").name == f"{name}-2"
    holds(profiles.get(profile.id), fields)
    assert profile.id in ids(profiles.list(take=1))
    with refused(400, "on property enabled_features", "invalid_body"):
        profiles.update(profile.id, enabled_features=["flying"])
    profiles.delete(profile.id)
    with refused(404, "Connection profile not found."):
        profiles.get(profile.id)


def test_profiles_begin_with_a_template(management):
    templates = management.connection_profiles.list_templates().connection_profile_templates
    assert management.connection_profiles.get_template(templates[0].id).id == templates[0].id


def test_a_user_of_a_database_is_deleted_by_e_mail(tenant, management):
    database = management.connections.create(
        name=unique("db"), strategy="auth0", enabled_clients=[tenant.client_id]
    )
    user = tenant.person(connection=database.name)
    management.connections.users.delete_by_email(database.id, email=user.email)
    with refused(404, "The user does not exist.", "inexistent_user"):
        management.users.get(user.user_id)
