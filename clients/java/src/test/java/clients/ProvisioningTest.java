package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.connections.scimconfiguration.types.*;
import com.auth0.client.mgmt.connections.types.*;
import com.auth0.client.mgmt.core.OptionalNullable;
import com.auth0.client.mgmt.types.*;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** What belongs to connections: their keys, provisioning from directories and by SCIM, profiles, and deleting users. */
class ProvisioningTest extends Tenant {
    private static String workforce() {
        return id(connection(
                "okta", "{'client_id': 'id', 'client_secret': 's', 'token_endpoint_auth_method': 'private_key_jwt'}"));
    }

    @Test
    void keysAreRotated() {
        var keys = management.connections().keys();
        String connection = workforce();
        String before = keys.get(connection).stream()
                .filter(key -> text(key, "current").equals("true"))
                .map(key -> text(key, "kid"))
                .findFirst()
                .orElseThrow();
        assertNotEquals(before, text(keys.rotate(connection), "kid"));
        assertTrue(keys.get(connection).stream().anyMatch(key -> text(key, "kid").equals(before)));
        refused(404, "The connection does not exist", () -> keys.get("con_0000000000000000"));
    }

    @Test
    void scimIsConfiguredWithTokensThatAreToldOnce() {
        var scim = management.connections().scimConfiguration();
        String connection = workforce();
        var made = scim.create(connection);
        assertEquals(shown(scim.getDefaultMapping(connection)).get("mapping"), shown(made).get("mapping"));
        refused(400, "SCIM configuration alreay exists for connection", () -> scim.create(connection));
        var changed = scim.update(connection, of(
                UpdateScimConfigurationRequestContent.class,
                "{'user_id_attribute': 'externalId', 'mapping': [{'auth0': 'name', 'scim': 'displayName'}]}"));
        holds(changed, "{'user_id_attribute': 'externalId', 'connection_id': '%s'}", connection);
        same(changed, scim.get(connection));

        var token = scim.tokens().create(connection, of(
                CreateScimTokenRequestContent.class, "{'scopes': ['get:users'], 'token_lifetime': 900}"));
        assertTrue(text(token, "token").length() > 20);
        var kept = scim.tokens().get(connection);
        assertEquals(1, kept.size());
        holds(kept.get(0), "{'token_id': '%s', 'scopes': ['get:users']}", text(token, "token_id"));
        assertFalse(shown(kept).toString().contains(text(token, "token")));
        scim.tokens().delete(connection, text(token, "token_id"));
        assertTrue(scim.tokens().get(connection).isEmpty());

        scim.delete(connection);
        refused(404, "Not Found", () -> scim.get(connection));
    }

    @Test
    void aDirectoryIsSynchronized() {
        var directories = management.connections().directoryProvisioning();
        String connection = id(connection(
                "google-apps",
                "{'client_id': 'id', 'domain': 'example.com', 'api_enable_users': true, 'api_enable_groups': true}"));
        assertFalse(shown(directories.getDefaultMapping(connection)).get("mapping").isEmpty());
        directories.create(connection);
        var changed = directories.update(connection, OptionalNullable.of(of(
                UpdateDirectoryProvisioningRequestContent.class, "{'synchronize_automatically': true}")));
        holds(changed, "{'connection_id': '%s', 'synchronize_automatically': true}", connection);
        same(changed, directories.get(connection));
        assertTrue(StreamSupport.stream(directories.list().spliterator(), false)
                .anyMatch(item -> text(item, "connection_id").equals(connection)));
        holds(directories.synchronizations().create(connection), "{'connection_id': '%s'}", connection);
        directories.delete(connection);
        refused(404, "Directory provisioning configuration not found", () -> directories.get(connection));
    }

    @Test
    void aProfileOfConnectionsIsMadeChangedAndDeleted() {
        var profiles = management.connectionProfiles();
        String fields = "'organization': {'show_as_button': 'required', 'assign_membership_on_login': 'required'},"
                + "'connection_name_prefix_template': 'con-{org_id}-', 'enabled_features': ['scim', 'universal_logout']}";
        var made = profiles.create(
                of(CreateConnectionProfileRequestContent.class, "{'name': '%s', " + fields, unique("profile")));
        holds(made, "{" + fields);
        same(made, profiles.get(id(made)));
        String name = unique("profile");
        var changed =
                profiles.update(id(made), of(UpdateConnectionProfileRequestContent.class, "{'name': '%s'}", name));
        holds(changed, "{'name': '%s', " + fields, name);
        assertTrue(ids(profiles.list(
                        of(ListConnectionProfileRequestParameters.class, "{'take': 1}")))
                .contains(id(made)));
        profiles.delete(id(made));
        refused(404, "Connection profile not found.", () -> profiles.get(id(made)));
        String template = text(profiles.listTemplates(), "/connection_profile_templates/0/id");
        assertEquals(template, id(profiles.getTemplate(template)));
    }

    @Test
    void aUserOfADatabaseIsDeletedByEMail() {
        var database = connection("auth0", "{}");
        String email = unique("someone") + "@example.com";
        String user = text(
                management.users().create(of(
                        CreateUserRequestContent.class,
                        "{'connection': '%s', 'email': '%s', 'password': '%s'}",
                        text(database, "name"),
                        email,
                        PASSWORD)),
                "user_id");
        management.connections().users().deleteByEmail(
                id(database), DeleteConnectionUsersByEmailQueryParameters.builder().email(email).build());
        refused(404, "The user does not exist.", () -> management.users().get(user));
    }
}
