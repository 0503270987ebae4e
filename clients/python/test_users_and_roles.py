"""Users and roles: their life, finding them, identities, what they may do."""

from conftest import DATABASE, ONCE, PASSWORD, refused, shown, unique


def test_a_user_is_made_changed_and_deleted(management):
    email = f"{unique('ada')}@example.com"
    user = management.users.create(
        connection=DATABASE,
        email=email,
        password=PASSWORD,
        given_name="Ada",
        user_metadata={"colour": "green", "size": {"shoe": 38}},
        app_metadata={"plan": "gold"},
    )
    assert user.user_id.startswith("auth0|")
    assert (user.email, user.email_verified, user.name) == (email, False, email)
    assert [identity.connection for identity in user.identities] == [DATABASE]
    assert shown(management.users.get(user.user_id)) == shown(user)
    assert PASSWORD not in user.model_dump_json()

    changed = management.users.update(user.user_id, user_metadata={"colour": None, "size": {"hat": 55}}, nickname="Countess")
    assert changed.user_metadata == {"size": {"hat": 55}}
    assert changed.app_metadata == {"plan": "gold"}
    assert (changed.nickname, changed.given_name) == ("Countess", "Ada")

    management.users.delete(user.user_id)
    with refused(404, "The user does not exist.", "inexistent_user"):
        management.users.get(user.user_id)


def test_an_e_mail_belongs_to_one_user_of_a_connection(tenant, management):
    user = tenant.person()
    with refused(409, "The user already exists."):
        tenant.person(email=user.email, request_options=ONCE)
    assert [found.user_id for found in management.users.list_users_by_email(email=user.email)] == [user.user_id]


def test_a_weak_password_is_refused(tenant):
    with refused(400, "PasswordStrengthError: Password is too weak"):
        tenant.person(password="weak")


def test_users_are_found_as_soon_as_they_are_there(tenant, management):
    team = unique("team").replace("-", "")
    ada = tenant.person(name=f"Ada {team}", user_metadata={"team": team}, app_metadata={"age": 36})
    bob = tenant.person(name=f"Bob {team}", user_metadata={"team": team}, app_metadata={"age": 52})

    def found(query, **more):
        return [user.user_id for user in management.users.list(q=query, search_engine="v3", **more)]

    assert set(found(f'user_metadata.team:"{team}"')) == {ada.user_id, bob.user_id}
    assert found(f"user_metadata.team:{team} AND app_metadata.age:[40 TO *]") == [bob.user_id]
    assert found(f'name:"Ada {team}"') == [ada.user_id]
    assert found(f"user_metadata.team:{team}", sort="name:-1") == [bob.user_id, ada.user_id]
    assert found(f"user_metadata.team:{team}", per_page=1, sort="name:1") == [ada.user_id, bob.user_id]
    counted = management.users.list(q=f"user_metadata.team:{team}", search_engine="v3", per_page=1, include_totals=True)
    assert counted.response.total == 2


def test_accounts_are_linked_and_taken_apart(tenant, management):
    first, second = tenant.person(), tenant.person()
    provider, identity = second.user_id.split("|")
    linked = management.users.identities.link(first.user_id, provider=provider, user_id=identity)
    assert [item.user_id for item in linked] == [first.user_id.split("|")[1], identity]
    with refused(404, "The user does not exist."):
        management.users.get(second.user_id)
    management.users.identities.delete(first.user_id, provider, identity)
    assert management.users.get(second.user_id).email == second.email


def test_a_role_is_made_found_changed_and_deleted(management):
    role = management.roles.create(name=unique("role"), description="Readers")
    assert role.id.startswith("rol_")
    with refused(409, "The role already exists."):
        management.roles.create(name=role.name, request_options=ONCE)
    assert [found.id for found in management.roles.list(name_filter=role.name)] == [role.id]
    assert management.roles.update(role.id, description="Careful readers").description == "Careful readers"
    management.roles.delete(role.id)
    with refused(404, "Role not found."):
        management.roles.get(role.id)


def test_roles_and_permissions_reach_users(tenant, management):
    server, user = tenant.api("read:things", "write:things"), tenant.person()
    role = management.roles.create(name=unique("role"), description="Readers")
    reading, writing = (
        {"resource_server_identifier": server.identifier, "permission_name": name}
        for name in ("read:things", "write:things")
    )
    management.roles.permissions.add(role.id, permissions=[reading])
    assert [item.permission_name for item in management.roles.permissions.list(role.id)] == ["read:things"]
    management.roles.users.assign(role.id, users=[user.user_id])
    assert [item.user_id for item in management.roles.users.list(role.id)] == [user.user_id]
    assert [item.id for item in management.users.roles.list(user.user_id)] == [role.id]

    management.users.permissions.create(user.user_id, permissions=[writing])
    names = {item.permission_name for item in management.users.permissions.list(user.user_id)}
    assert "write:things" in names
    management.users.permissions.delete(user.user_id, permissions=[writing])
    management.users.roles.delete(user.user_id, roles=[role.id])
    assert list(management.users.roles.list(user.user_id)) == []
    management.users.roles.assign(user.user_id, roles=[role.id])
    assert management.roles.get(role.id).name in [item.name for item in management.users.roles.list(user.user_id)]
    management.roles.permissions.delete(role.id, permissions=[reading])
    assert list(management.roles.permissions.list(role.id)) == []


def test_blocks_and_grants_of_a_new_user_are_none(tenant, management):
    user = tenant.person()
    assert management.user_blocks.list(user.user_id).blocked_for == []
    assert management.user_blocks.list_by_identifier(identifier=user.email).blocked_for == []
    management.user_blocks.delete(user.user_id)
    management.user_blocks.delete_by_identifier(identifier=user.email)
    assert list(management.user_grants.list(user_id=user.user_id)) == []
    management.user_grants.delete_by_user_id(user_id=user.user_id)
