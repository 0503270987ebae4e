package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.organizations.members.types.*;
import com.auth0.client.mgmt.organizations.types.*;
import com.auth0.client.mgmt.types.*;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Organizations, all their parts. */
class OrganizationsTest extends Tenant {
    private static CreateOrganizationResponseContent organization() {
        return management
                .organizations()
                .create(CreateOrganizationRequestContent.builder()
                        .name(unique("org"))
                        .displayName("Acme")
                        .build());
    }

    @Test
    void anOrganizationIsReadChangedAndDeleted() {
        CreateOrganizationResponseContent made = organization();
        String id = made.getId().orElseThrow();
        String name = made.getName().orElseThrow();
        assertEquals(id, management.organizations().getByName(name).getId().orElseThrow());
        UpdateOrganizationResponseContent changed = management
                .organizations()
                .update(id, UpdateOrganizationRequestContent.builder().displayName("Acme Ltd").build());
        assertEquals("Acme Ltd", changed.getDisplayName().orElseThrow());
        same(changed, management.organizations().get(id));
        refused(
                409,
                "An organization with this name already exists.",
                () -> management
                        .organizations()
                        .create(CreateOrganizationRequestContent.builder().name(name).build()));
        management.organizations().delete(id);
        refused(404, "No organization found by that id or name", () -> management.organizations().get(id));
    }

    @Test
    void organizationsAreWalkedPageByPage() {
        List<String> made = List.of(organization(), organization(), organization()).stream()
                .map(organization -> organization.getId().orElseThrow())
                .collect(Collectors.toList());
        List<String> walked = all(management
                        .organizations()
                        .list(ListOrganizationsRequestParameters.builder().take(2).build()))
                .stream()
                .map(organization -> organization.getId().orElseThrow())
                .collect(Collectors.toList());
        assertTrue(walked.containsAll(made));
        assertEquals(new HashSet<>(walked).size(), walked.size());
    }

    @Test
    void membersHoldRoles() {
        String id = organization().getId().orElseThrow();
        String user = person().getUserId().orElseThrow();
        String role = role().getId().orElseThrow();
        management
                .organizations()
                .members()
                .create(id, CreateOrganizationMemberRequestContent.builder().members(List.of(user)).build());
        management
                .organizations()
                .members()
                .roles()
                .assign(id, user, AssignOrganizationMemberRolesRequestContent.builder().roles(List.of(role)).build());
        assertEquals(
                user,
                all(management.organizations().members().list(id)).get(0).getUserId().orElseThrow());
        assertEquals(
                role,
                all(management.organizations().members().roles().list(id, user))
                        .get(0)
                        .getId()
                        .orElseThrow());
        assertEquals(1, all(management.users().organizations().list(user)).size());
        management
                .organizations()
                .members()
                .roles()
                .delete(id, user, of(DeleteOrganizationMemberRolesRequestContent.class, "{'roles': ['%s']}", role));
        assertTrue(all(management.organizations().members().roles().list(id, user)).isEmpty());
        management
                .organizations()
                .members()
                .delete(id, DeleteOrganizationMembersRequestContent.builder().members(List.of(user)).build());
        assertTrue(all(management.organizations().members().list(id)).isEmpty());
    }

    @Test
    void connectionsAreEnabled() {
        String id = organization().getId().orElseThrow();
        String connection = database().getId().orElseThrow();
        management
                .organizations()
                .enabledConnections()
                .add(id, AddOrganizationConnectionRequestContent.builder()
                        .connectionId(connection)
                        .assignMembershipOnLogin(true)
                        .build());
        assertEquals(
                connection,
                management
                        .organizations()
                        .enabledConnections()
                        .get(id, connection)
                        .getConnectionId()
                        .orElseThrow());
        holds(
                management.organizations().enabledConnections().update(id, connection, of(
                        UpdateOrganizationConnectionRequestContent.class, "{'assign_membership_on_login': false}")),
                "{'connection_id': '%s', 'assign_membership_on_login': false}",
                connection);
        assertEquals(
                connection,
                text(all(management.organizations().enabledConnections().list(id)).get(0), "connection_id"));
        management.organizations().enabledConnections().delete(id, connection);
        refused(404, "No connection found by that id", () -> management
                .organizations()
                .enabledConnections()
                .get(id, connection));
    }

    @Test
    void somebodyIsInvited() {
        String id = organization().getId().orElseThrow();
        String client = management
                .clients()
                .create(CreateClientRequestContent.builder()
                        .name(unique("app"))
                        .appType(ClientAppTypeEnum.REGULAR_WEB)
                        .initiateLoginUri("https://app.example.com/login")
                        .organizationUsage(ClientOrganizationUsageEnum.ALLOW)
                        .build())
                .getClientId()
                .orElseThrow();
        CreateOrganizationInvitationResponseContent invitation = management
                .organizations()
                .invitations()
                .create(id, CreateOrganizationInvitationRequestContent.builder()
                        .inviter(OrganizationInvitationInviter.builder().name("Ada").build())
                        .invitee(OrganizationInvitationInvitee.builder().email("guest@example.com").build())
                        .clientId(client)
                        .sendInvitationEmail(false)
                        .build());
        assertTrue(invitation.getInvitationUrl().orElseThrow().startsWith("https://app.example.com/login?"));
        assertEquals(1, all(management.organizations().invitations().list(id)).size());
        same(invitation, management.organizations().invitations().get(id, id(invitation)));
        management.organizations().invitations().delete(id, invitation.getId().orElseThrow());
        refused(404, "The invitation does not exist.", () -> management
                .organizations()
                .invitations()
                .get(id, invitation.getId().orElseThrow()));
    }

    @Test
    void itIsDiscoveredByDomains() {
        String id = organization().getId().orElseThrow();
        String name = unique("acme") + ".example.com";
        CreateOrganizationDiscoveryDomainResponseContent domain = management
                .organizations()
                .discoveryDomains()
                .create(id, CreateOrganizationDiscoveryDomainRequestContent.builder().domain(name).build());
        assertEquals(name, management.organizations().discoveryDomains().get(id, domain.getId()).getDomain());
        holds(
                management.organizations().discoveryDomains().update(id, domain.getId(), of(
                        UpdateOrganizationDiscoveryDomainRequestContent.class, "{'status': 'verified'}")),
                "{'domain': '%s', 'status': 'verified'}",
                name);
        management.organizations().discoveryDomains().delete(id, domain.getId());
        assertTrue(all(management.organizations().discoveryDomains().list(id)).isEmpty());
    }

    @Test
    void machinesActForIt() {
        String id = organization().getId().orElseThrow();
        String grant = grant(
                        machine().getClientId().orElseThrow(),
                        api("read:things").getIdentifier().orElseThrow(),
                        "read:things")
                .getId()
                .orElseThrow();
        management
                .organizations()
                .clientGrants()
                .create(id, AssociateOrganizationClientGrantRequestContent.builder().grantId(grant).build());
        assertEquals(1, all(management.organizations().clientGrants().list(id)).size());
        assertEquals(
                id,
                all(management.clientGrants().organizations().list(grant)).get(0).getId().orElseThrow());
        management.organizations().clientGrants().delete(id, grant);
        assertTrue(all(management.organizations().clientGrants().list(id)).isEmpty());
    }
}
