package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.auth0.client.mgmt.ManagementApi;
import com.auth0.client.mgmt.core.ManagementApiException;
import com.auth0.client.mgmt.core.ObjectMappers;
import com.auth0.client.mgmt.core.SyncPagingIterable;
import com.auth0.client.mgmt.types.*;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;
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

    static ManagementApi management = client();

    private static final ObjectMapper JSON =
            ObjectMappers.JSON_MAPPER.copy().configure(JsonParser.Feature.ALLOW_SINGLE_QUOTES, true);

    private static String setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalStateException(name + " is not set: start this suite with `aught run -- mvn test`");
        }
        return value;
    }

    /** A client whose token is still to be asked for. */
    static ManagementApi client() {
        return ManagementApi.builder()
                .domain(DOMAIN)
                .clientCredentials(CLIENT_ID, CLIENT_SECRET)
                .maxRetries(0)
                .build();
    }

    /** A model of the SDK, from JSON in which text may stand in single quotes; values replace each %s. */
    static <T> T of(Class<T> type, String json, Object... values) {
        try {
            return JSON.readValue(values.length == 0 ? json : json.formatted(values), type);
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException(error);
        }
    }

    /** A model of the SDK as plain JSON. */
    static JsonNode shown(Object model) {
        return JSON.valueToTree(model);
    }

    /** A text field of a model; of one that lies deeper with its path, as in {@code /action/id}. */
    static String text(Object model, String field) {
        return shown(model).at(field.startsWith("/") ? field : "/" + field).asText();
    }

    static String id(Object model) {
        return text(model, "id");
    }

    static List<String> ids(Iterable<?> models) {
        List<String> ids = new ArrayList<>();
        models.forEach(model -> ids.add(id(model)));
        return ids;
    }

    /** The model tells these fields as they were written; objects may hold more than was written. */
    static void holds(Object model, String json, Object... values) {
        JsonNode read = shown(model);
        JsonNode written = of(JsonNode.class, json, values);
        assertTrue(within(written, read), () -> written + " is not in " + read);
    }

    private static boolean within(JsonNode written, JsonNode read) {
        if (!written.isObject() || !read.isObject()) {
            boolean areNumbers = written.isNumber() && read.isNumber();
            return areNumbers ? written.asDouble() == read.asDouble() : written.equals(read);
        }
        return written.properties().stream()
                .allMatch(field -> read.has(field.getKey()) && within(field.getValue(), read.get(field.getKey())));
    }

    /** Both models tell the same. */
    static void same(Object one, Object other) {
        assertEquals(shown(one), shown(other));
    }

    /** What is read once its status is none of these, which pass. */
    static <T> T settled(Supplier<T> read, String... passing) throws InterruptedException {
        T found = read.get();
        while (List.of(passing).contains(text(found, "status"))) {
            Thread.sleep(50);
            found = read.get();
        }
        return found;
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

    static CreateConnectionResponseContent connection(String strategy, String options) {
        return management
                .connections()
                .create(of(
                        CreateConnectionRequestContent.class,
                        "{'name': '%s', 'strategy': '%s', 'options': %s, 'enabled_clients': ['%s']}",
                        unique("connection"),
                        strategy,
                        options,
                        CLIENT_ID));
    }

    /** Has the users of a connection log in to a client. */
    static void enable(String connection, String clientId) {
        management.connections().clients().update(connection, List.of(UpdateEnabledClientConnectionsRequestContentItem.builder()
                .clientId(clientId)
                .status(true)
                .build()));
    }

    /** Has the users of the tenant's database log in to a client. */
    static void enableDatabase(String clientId) {
        String database = management.connections()
                .list(of(ListConnectionsQueryParameters.class, "{'name': '%s'}", DATABASE))
                .getItems()
                .get(0)
                .getId()
                .orElseThrow();
        enable(database, clientId);
    }

    /** A user of the tenant's database whose address is verified; its identifier. */
    static String verifiedUser(String email) {
        return management.users()
                .create(of(CreateUserRequestContent.class, """
                        {'connection': '%s', 'email': '%s', 'password': '%s', 'email_verified': true}""", DATABASE, email, PASSWORD))
                .getUserId()
                .orElseThrow();
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
