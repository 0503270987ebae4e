"""Organizations, all their parts."""

import pytest

from conftest import ONCE, refused, unique


@pytest.fixture
def organization(management):
    return management.organizations.create(name=unique("org"), display_name="Acme", metadata={"tier": "gold"})


def test_an_organization_is_read_changed_and_deleted(management, organization):
    assert organization.id.startswith("org_")
    assert management.organizations.get_by_name(organization.name).id == organization.id
    changed = management.organizations.update(organization.id, display_name="Acme Ltd")
    assert changed.display_name == "Acme Ltd" and changed.metadata == {"tier": "gold"}
    assert management.organizations.get(organization.id).display_name == "Acme Ltd"
    with refused(409, "An organization with this name already exists."):
        management.organizations.create(name=organization.name, request_options=ONCE)
    management.organizations.delete(organization.id)
    with refused(404, "No organization found by that id or name"):
        management.organizations.get(organization.id)


def test_organizations_are_walked_page_by_page(management):
    made = {management.organizations.create(name=unique("org")).id for _ in range(3)}
    walked = [found.id for found in management.organizations.list(take=2)]
    assert made <= set(walked) and len(walked) == len(set(walked))


def test_members_hold_roles(tenant, management, organization):
    ada, bob = tenant.person(name="Ada"), tenant.person(name="Bob")
    members = management.organizations.members
    members.create(organization.id, members=[ada.user_id, bob.user_id])
    assert {member.user_id for member in members.list(organization.id)} == {ada.user_id, bob.user_id}
    role = management.roles.create(name=unique("role"), description="Owners")
    members.roles.assign(organization.id, ada.user_id, roles=[role.id])
    assert [item.id for item in members.roles.list(organization.id, ada.user_id)] == [role.id]
    assert [item.id for item in management.users.organizations.list(ada.user_id)] == [organization.id]
    members.roles.delete(organization.id, ada.user_id, roles=[role.id])
    members.delete(organization.id, members=[ada.user_id])
    assert [member.user_id for member in members.list(organization.id)] == [bob.user_id]


def test_connections_are_enabled(management, organization):
    connection = management.connections.create(name=unique("db"), strategy="auth0")
    enabled = management.organizations.enabled_connections
    added = enabled.add(organization.id, connection_id=connection.id, assign_membership_on_login=True)
    assert added.connection.name == connection.name and added.assign_membership_on_login
    assert not enabled.update(organization.id, connection.id, assign_membership_on_login=False).assign_membership_on_login
    assert enabled.get(organization.id, connection.id).connection.name == connection.name
    assert [item.connection_id for item in enabled.list(organization.id)] == [connection.id]
    enabled.delete(organization.id, connection.id)
    with refused(404, "No connection found by that id"):
        enabled.get(organization.id, connection.id)


def test_somebody_is_invited(management, organization):
    client = management.clients.create(
        name=unique("app"),
        app_type="regular_web",
        initiate_login_uri="https://app.example.com/login",
        organization_usage="allow",
    )
    invitations = management.organizations.invitations
    invitation = invitations.create(
        organization.id,
        client_id=client.client_id,
        inviter={"name": "Ada"},
        invitee={"email": "guest@example.com"},
        send_invitation_email=False,
    )
    assert invitation.id.startswith("uinv_") and invitation.invitee.email == "guest@example.com"
    assert invitations.get(organization.id, invitation.id).invitee.email == "guest@example.com"
    assert [item.id for item in invitations.list(organization.id)] == [invitation.id]
    invitations.delete(organization.id, invitation.id)
    with refused(404, "The invitation does not exist.", "inexistent_invitation"):
        invitations.get(organization.id, invitation.id)


def test_it_is_discovered_by_domains(management, organization):
    domains = management.organizations.discovery_domains
    name = f"{unique('acme')}.example.com"
    domain = domains.create(organization.id, domain=name)
    assert domain.status == "pending"
    assert domains.update(organization.id, domain.id, status="verified").status == "verified"
    assert domains.get_by_name(organization.id, name).id == domain.id
    assert domains.get(organization.id, domain.id).domain == name
    assert [item.domain for item in domains.list(organization.id)] == [name]
    domains.delete(organization.id, domain.id)
    with refused(404, "No organization domain found by that id"):
        domains.get(organization.id, domain.id)


def test_machines_act_for_it(tenant, management, organization):
    server, client = tenant.api("read:things"), tenant.machine()
    grant = management.client_grants.create(
        client_id=client.client_id, audience=server.identifier, scope=["read:things"], organization_usage="allow"
    )
    grants = management.organizations.client_grants
    assert grants.create(organization.id, grant_id=grant.id).id == grant.id
    assert [item.id for item in grants.list(organization.id)] == [grant.id]
    assert [item.id for item in management.client_grants.organizations.list(grant.id)] == [organization.id]
    grants.delete(organization.id, grant.id)
    assert list(grants.list(organization.id)) == []


def test_connections_are_associated(management, organization):
    connection = management.connections.create(name=unique("db"), strategy="auth0")
    connections = management.organizations.connections
    added = connections.create(organization.id, connection_id=connection.id, is_enabled=True, show_as_button=True)
    assert added.connection_id == connection.id and added.is_enabled
    assert not connections.update(organization.id, connection.id, show_as_button=False).show_as_button
    assert connections.get(organization.id, connection.id).connection.name == connection.name
    assert [item.connection_id for item in connections.list(organization.id, per_page=1)] == [connection.id]
    connections.delete(organization.id, connection.id)
    with refused(404, "No connection found by that id"):
        connections.get(organization.id, connection.id)


def test_applications_are_for_its_members(tenant, management, organization):
    application = management.clients.create(name=unique("app"), app_type="regular_web", organization_usage="allow")
    clients = management.organizations.clients
    assert [item.client_id for item in clients.create(organization.id, clients=[{"client_id": application.client_id}])]
    assert clients.update(organization.id, application.client_id, use_for_member_access=True).use_for_member_access
    assert clients.get(organization.id, application.client_id).use_for_member_access
    assert [item.client_id for item in clients.list(organization.id, take=1)] == [application.client_id]
    clients.delete(organization.id, clients=[application.client_id])
    with refused(404, "No client found by that id"):
        clients.get(organization.id, application.client_id)
