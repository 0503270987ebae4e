package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.types.*;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Connections: databases and federated ones. */
class ConnectionsTest extends Tenant {
    @Test
    void aDatabaseIsMadeChangedAndDeleted() {
        CreateConnectionResponseContent connection = database();
        String id = connection.getId().orElseThrow();
        assertEquals(List.of(connection.getName().orElseThrow()), connection.getRealms().orElseThrow());
        UpdateConnectionResponseContent changed = management
                .connections()
                .update(id, UpdateConnectionRequestContent.builder().displayName("Staff").build());
        assertEquals("Staff", changed.getDisplayName().orElseThrow());
        management.connections().checkStatus(id);
        management.connections().delete(id);
    }

    @Test
    void optionsReadBackAsTheyWereWritten() {
        String options = "{'passwordPolicy': 'fair', 'password_history': {'enable': true, 'size': 3}}";
        var made = connection("auth0", options);
        holds(made, "{'options': " + options + "}");
        same(made, management.connections().get(id(made)));
    }

    @Test
    void aNameIsTakenOnce() {
        String name = database().getName().orElseThrow();
        refused(
                409,
                "A connection with the same name already exists",
                () -> management
                        .connections()
                        .create(CreateConnectionRequestContent.builder()
                                .name(name)
                                .strategy(ConnectionIdentityProviderEnum.GITHUB)
                                .build()));
    }

    @Test
    void aConnectionIsFoundByName() {
        CreateConnectionResponseContent connection = database();
        List<String> found = all(management
                        .connections()
                        .list(ListConnectionsQueryParameters.builder()
                                .name(connection.getName().orElseThrow())
                                .build()))
                .stream()
                .map(item -> item.getId().orElseThrow())
                .collect(Collectors.toList());
        assertEquals(List.of(connection.getId().orElseThrow()), found);
        refused(404, "The connection does not exist", () -> management.connections().get("con_0000000000000000"));
    }
}
