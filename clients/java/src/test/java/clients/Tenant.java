package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.auth0.client.mgmt.ManagementApi;
import com.auth0.client.mgmt.core.ManagementApiException;
import com.auth0.client.mgmt.core.SyncPagingIterable;
import com.auth0.client.mgmt.types.*;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.function.Executable;

/** The tenant that {@code aught run} made, and short ways to what most tests need in it. */
abstract class Tenant {
    static final String DOMAIN = setting("AUTH0_DOMAIN");
    static final String CLIENT_ID = setting("AUTH0_CLIENT_ID");
    static final String CLIENT_SECRET = setting("AUTH0_CLIENT_SECRET");
    static final String AUDIENCE = "https://" + DOMAIN + "/api/v2/";
    static final String DATABASE = "Username-Password-Authentication";
    static final String PASSWORD = "Correct-Horse-7-Battery";

    static final ManagementApi management =
            ManagementApi.builder().domain(DOMAIN).clientCredentials(CLIENT_ID, CLIENT_SECRET).maxRetries(0).build();

    private static final ObjectMapper JSON = new ObjectMapper();

    private static String setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalStateException(name + " is not set: start this suite with `aught run -- mvn test`");
        }
        return value;
    }

    /** A name that no other test of this or an earlier run uses. */
    static String unique(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 13);
    }

    /** Everything that a listing yields, page by page, as the SDK's iterator walks it. */
    static <T> List<T> all(SyncPagingIterable<T> pages) {
        List<T> items = new ArrayList<>();
        pages.forEach(items::add);
        return items;
    }

    /** The call is refused with this status and, in the service's own words, this message or a part of it. */
    static void refused(int status, String message, Executable call) {
        ManagementApiException error = assertThrows(ManagementApiException.class, call);
        assertEquals(status, error.statusCode(), () -> String.valueOf(error.body()));
        JsonNode body = JSON.valueToTree(error.body());
        assertEquals(status, body.path("statusCode").asInt());
        String said = body.path("message").asText();
        assertTrue(said.contains(message), () -> "expected \"" + message + "\", but it says \"" + said + "\"");
    }

    /** The claims of a JSON Web Token, unverified. */
    static JsonNode claims(String token) throws Exception {
        return JSON.readTree(Base64.getUrlDecoder().decode(token.split("\\.")[1]));
    }

    static CreateClientResponseContent machine() {
        return management
                .clients()
                .create(CreateClientRequestContent.builder()
                        .name(unique("machine"))
                        .appType(ClientAppTypeEnum.NON_INTERACTIVE)
                        .grantTypes(List.of("client_credentials"))
                        .build());
    }

    static CreateResourceServerResponseContent api(String... scopes) {
        return management
                .resourceServers()
                .create(CreateResourceServerRequestContent.builder()
                        .identifier("https://" + unique("api") + ".example.com")
                        .name(unique("api"))
                        .scopes(Arrays.stream(scopes)
                                .map(scope -> ResourceServerScope.builder()
                                        .value(scope)
                                        .description("May " + scope)
                                        .build())
                                .collect(Collectors.toList()))
                        .build());
    }

    static CreateClientGrantResponseContent grant(String client, String audience, String... scopes) {
        return management
                .clientGrants()
                .create(CreateClientGrantRequestContent.builder()
                        .clientId(client)
                        .audience(audience)
                        .scope(List.of(scopes))
                        .organizationUsage(ClientGrantOrganizationUsageEnum.ALLOW)
                        .build());
    }

    static CreateConnectionResponseContent database() {
        return management
                .connections()
                .create(CreateConnectionRequestContent.builder()
                        .name(unique("db"))
                        .strategy(ConnectionIdentityProviderEnum.AUTH0)
                        .build());
    }

    static CreateUserResponseContent person() {
        return management
                .users()
                .create(CreateUserRequestContent.builder()
                        .connection(DATABASE)
                        .email(unique("someone") + "@example.com")
                        .password(PASSWORD)
                        .build());
    }

    static CreateRoleResponseContent role() {
        return management
                .roles()
                .create(CreateRoleRequestContent.builder()
                        .name(unique("role"))
                        .description("Readers")
                        .build());
    }
}
