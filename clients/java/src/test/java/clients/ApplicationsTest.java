package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.clients.types.*;
import com.auth0.client.mgmt.types.*;
import java.util.HashSet;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Applications, APIs, and the grants between them. */
class ApplicationsTest extends Tenant {
    @Test
    void aClientIsMadeChangedAndDeleted() {
        CreateClientResponseContent client = management
                .clients()
                .create(CreateClientRequestContent.builder()
                        .name(unique("app"))
                        .appType(ClientAppTypeEnum.REGULAR_WEB)
                        .callbacks(List.of("https://app.example.com/"))
                        .clientMetadata(Map.of("team", "blue"))
                        .build());
        String id = client.getClientId().orElseThrow();
        assertTrue(client.getClientSecret().isPresent());
        assertEquals(client.getName(), management.clients().get(id).getName());

        UpdateClientResponseContent changed = management
                .clients()
                .update(id, UpdateClientRequestContent.builder().description("The shop").build());
        assertEquals("The shop", changed.getDescription().orElseThrow());
        assertEquals(client.getCallbacks(), changed.getCallbacks());
        assertEquals(Map.of("team", "blue"), changed.getClientMetadata().orElseThrow());

        assertNotEquals(
                client.getClientSecret(), management.clients().rotateSecret(id).getClientSecret());
        management.clients().delete(id);
        refused(404, "The client does not exist", () -> management.clients().get(id));
    }

    @Test
    void pagesOfClientsFollowOneAnother() {
        List<String> made = List.of(machine(), machine(), machine()).stream()
                .map(client -> client.getClientId().orElseThrow())
                .collect(Collectors.toList());
        List<String> walked = all(management.clients().list(ListClientsRequestParameters.builder().perPage(2).build()))
                .stream()
                .map(client -> client.getClientId().orElseThrow())
                .collect(Collectors.toList());
        assertTrue(walked.containsAll(made));
        assertEquals(new HashSet<>(walked).size(), walked.size());
    }

    @Test
    void aPageTooLargeIsRefused() {
        refused(400, "Query validation error: ", () -> all(management
                .clients()
                .list(ListClientsRequestParameters.builder().perPage(1000).build())));
    }

    @Test
    void anApiIsMadeChangedAndDeleted() {
        CreateResourceServerResponseContent server = api("read:things");
        String id = server.getId().orElseThrow();
        String identifier = server.getIdentifier().orElseThrow();
        assertEquals(86400, server.getTokenLifetime().orElseThrow());
        assertEquals(id, management.resourceServers().get(identifier).getId().orElseThrow());
        UpdateResourceServerResponseContent changed = management
                .resourceServers()
                .update(id, UpdateResourceServerRequestContent.builder().tokenLifetime(600).build());
        assertEquals(600, changed.getTokenLifetime().orElseThrow());
        assertTrue(ids(management.resourceServers().list()).contains(id));
        refused(
                409,
                "A resource server with the same identifier already exists.",
                () -> management
                        .resourceServers()
                        .create(CreateResourceServerRequestContent.builder()
                                .identifier(identifier)
                                .build()));
        management.resourceServers().delete(id);
        refused(404, "The resource server does not exist", () -> management.resourceServers().get(id));
    }

    @Test
    void aGrantIsGivenOnceAndRemoved() {
        String client = machine().getClientId().orElseThrow();
        String audience = api("read:things").getIdentifier().orElseThrow();
        String id = grant(client, audience, "read:things").getId().orElseThrow();
        refused(409, "", () -> grant(client, audience, "read:things"));
        ListClientGrantsRequestParameters his =
                ListClientGrantsRequestParameters.builder().clientId(client).build();
        assertEquals(
                List.of(id),
                all(management.clientGrants().list(his)).stream()
                        .map(grant -> grant.getId().orElseThrow())
                        .collect(Collectors.toList()));
        holds(
                management.clientGrants().update(id, of(UpdateClientGrantRequestContent.class, "{'scope': []}")),
                "{'scope': []}");
        holds(management.clientGrants().get(id), "{'client_id': '%s', 'audience': '%s', 'scope': []}", client, audience);
        management.clientGrants().delete(id);
        assertTrue(all(management.clientGrants().list(his)).isEmpty());
    }

    @Test
    void credentialsAreKeptGivenAnEndAndRemoved() throws Exception {
        String client = text(machine(), "client_id");
        var keys = KeyPairGenerator.getInstance("RSA").generateKeyPair();
        String pem = "-----BEGIN PUBLIC KEY-----\\n%s\\n-----END PUBLIC KEY-----"
                .formatted(Base64.getEncoder().encodeToString(keys.getPublic().getEncoded()));
        var credentials = management.clients().credentials();
        var made = credentials.create(client, of(
                PostClientCredentialRequestContent.class, "{'credential_type': 'public_key', 'pem': '%s'}", pem));
        String end = "{'expires_at': '2099-01-01T00:00:00.000Z'}";
        credentials.update(client, id(made), of(PatchClientCredentialRequestContent.class, end));
        assertEquals("2099", text(credentials.get(client, id(made)), "expires_at").substring(0, 4));
        assertEquals(List.of(id(made)), ids(credentials.list(client)));
        credentials.delete(client, id(made));
        refused(404, "Credential does not exist", () -> credentials.get(client, id(made)));
    }

    @Test
    void clientsUseConnections() {
        CreateConnectionResponseContent connection = database();
        String id = connection.getId().orElseThrow();
        String client = machine().getClientId().orElseThrow();
        management
                .connections()
                .clients()
                .update(id, List.of(UpdateEnabledClientConnectionsRequestContentItem.builder()
                        .clientId(client)
                        .status(true)
                        .build()));
        assertTrue(all(management.connections().clients().get(id)).stream()
                .anyMatch(enabled -> enabled.getClientId().equals(client)));
        assertTrue(all(management.clients().connections().get(client)).stream()
                .anyMatch(served -> served.getId().orElseThrow().equals(id)));
    }
}
