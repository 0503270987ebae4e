package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.roles.types.*;
import com.auth0.client.mgmt.types.*;
import com.auth0.client.mgmt.users.types.*;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Users and roles: their life, finding them, identities, what they may do. */
class UsersTest extends Tenant {
    @Test
    void aUserIsMadeChangedAndDeleted() {
        String email = unique("ada") + "@example.com";
        CreateUserResponseContent user = management
                .users()
                .create(CreateUserRequestContent.builder()
                        .connection(DATABASE)
                        .email(email)
                        .password(PASSWORD)
                        .userMetadata(Map.of("colour", "green"))
                        .appMetadata(Map.of("plan", "gold"))
                        .build());
        String id = user.getUserId().orElseThrow();
        assertTrue(id.startsWith("auth0|"));
        assertEquals(email, user.getEmail().orElseThrow());
        assertEquals(Map.of("plan", "gold"), management.users().get(id).getAppMetadata().orElseThrow());

        UpdateUserResponseContent changed = management
                .users()
                .update(id, UpdateUserRequestContent.builder().nickname("Countess").build());
        assertEquals("Countess", changed.getNickname().orElseThrow());
        assertEquals(Map.of("colour", "green"), changed.getUserMetadata().orElseThrow());

        management.users().delete(id);
        refused(404, "The user does not exist.", () -> management.users().get(id));
    }

    @Test
    void anEmailBelongsToOneUser() {
        String email = person().getEmail().orElseThrow();
        refused(
                409,
                "The user already exists.",
                () -> management
                        .users()
                        .create(CreateUserRequestContent.builder()
                                .connection(DATABASE)
                                .email(email)
                                .password(PASSWORD)
                                .build()));
        assertEquals(
                1,
                management
                        .users()
                        .listUsersByEmail(ListUsersByEmailRequestParameters.builder().email(email).build())
                        .size());
    }

    @Test
    void usersAreFoundAsSoonAsTheyAreThere() {
        String team = unique("team").replace("-", "");
        String id = management
                .users()
                .create(CreateUserRequestContent.builder()
                        .connection(DATABASE)
                        .email(unique("ada") + "@example.com")
                        .password(PASSWORD)
                        .userMetadata(Map.of("team", team))
                        .appMetadata(Map.of("age", 36))
                        .build())
                .getUserId()
                .orElseThrow();
        List<String> found = all(management
                        .users()
                        .list(ListUsersRequestParameters.builder()
                                .q("user_metadata.team:" + team + " AND app_metadata.age:[30 TO 40]")
                                .searchEngine(SearchEngineVersionsEnum.V3)
                                .build()))
                .stream()
                .map(user -> user.getUserId().orElseThrow())
                .collect(Collectors.toList());
        assertEquals(List.of(id), found);
    }

    @Test
    void accountsAreLinkedAndTakenApart() {
        String first = person().getUserId().orElseThrow();
        String second = person().getUserId().orElseThrow();
        List<UserIdentity> linked = management
                .users()
                .identities()
                .link(
                        first,
                        LinkUserIdentityRequestContent.builder()
                                .provider(UserIdentityProviderEnum.AUTH0)
                                .userId(UserId.of(second.substring("auth0|".length())))
                                .build());
        assertEquals(2, linked.size());
        refused(404, "The user does not exist.", () -> management.users().get(second));
        management
                .users()
                .identities()
                .delete(first, UserIdentityProviderEnum.AUTH0, second.substring("auth0|".length()));
        assertEquals(second, management.users().get(second).getUserId().orElseThrow());
    }

    @Test
    void aRoleNameIsTakenOnce() {
        CreateRoleResponseContent role = role();
        refused(
                409,
                "The role already exists.",
                () -> management
                        .roles()
                        .create(CreateRoleRequestContent.builder()
                                .name(role.getName().orElseThrow())
                                .build()));
        String id = role.getId().orElseThrow();
        UpdateRoleResponseContent changed = management
                .roles()
                .update(id, UpdateRoleRequestContent.builder().description("Careful readers").build());
        assertEquals("Careful readers", changed.getDescription().orElseThrow());
        management.roles().delete(id);
        refused(404, "ole", () -> management.roles().get(id));
    }

    @Test
    void rolesAndPermissionsReachUsers() {
        String user = person().getUserId().orElseThrow();
        String role = role().getId().orElseThrow();
        String audience = api("read:things", "write:things").getIdentifier().orElseThrow();
        management
                .roles()
                .permissions()
                .add(role, AddRolePermissionsRequestContent.builder()
                        .permissions(List.of(permission(audience, "read:things")))
                        .build());
        management.roles().users().assign(role, AssignRoleUsersRequestContent.builder().users(List.of(user)).build());
        management
                .users()
                .permissions()
                .create(user, CreateUserPermissionsRequestContent.builder()
                        .permissions(List.of(permission(audience, "write:things")))
                        .build());

        assertEquals(
                List.of("read:things"),
                all(management.roles().permissions().list(role)).stream()
                        .map(item -> item.getPermissionName().orElseThrow())
                        .collect(Collectors.toList()));
        assertEquals(
                List.of(user),
                all(management.roles().users().list(role)).stream()
                        .map(item -> item.getUserId().orElseThrow())
                        .collect(Collectors.toList()));
        assertEquals(1, all(management.users().roles().list(user)).size());
        assertTrue(all(management.users().permissions().list(user)).stream()
                .anyMatch(item -> item.getPermissionName().orElseThrow().equals("write:things")));

        management.users().roles().delete(user, DeleteUserRolesRequestContent.builder().roles(List.of(role)).build());
        assertTrue(all(management.users().roles().list(user)).isEmpty());
        management.users().roles().assign(user, of(AssignUserRolesRequestContent.class, "{'roles': ['%s']}", role));
        assertEquals(List.of(role), ids(management.users().roles().list(user)));
        holds(management.roles().get(role), "{'id': '%s', 'description': 'Readers'}", role);
        assertTrue(ids(management.roles().list()).contains(role));

        String permission = "{'permissions': [{'resource_server_identifier': '%s', 'permission_name': '%s'}]}";
        management.users().permissions().delete(
                user, of(DeleteUserPermissionsRequestContent.class, permission, audience, "write:things"));
        management.roles().permissions().delete(
                role, of(DeleteRolePermissionsRequestContent.class, permission, audience, "read:things"));
        assertTrue(all(management.users().permissions().list(user)).isEmpty());
    }

    @Test
    void aNewUserIsNotBlockedAndGrantedNothing() {
        CreateUserResponseContent user = person();
        String id = user.getUserId().orElseThrow();
        assertTrue(management.userBlocks().list(id).getBlockedFor().orElseThrow().isEmpty());
        management.userBlocks().delete(id);
        assertTrue(all(management
                        .userGrants()
                        .list(ListUserGrantsRequestParameters.builder().userId(id).build()))
                .isEmpty());
    }

    private static PermissionRequestPayload permission(String audience, String name) {
        return PermissionRequestPayload.builder()
                .resourceServerIdentifier(audience)
                .permissionName(name)
                .build();
    }
}
