package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.types.*;
import org.junit.jupiter.api.Test;

/** What stands for a user's presence: sessions, tokens, grants, devices, groups, and what was counted of it. */
class PresenceTest extends Tenant {
    private final String user = text(person(), "user_id");

    @Test
    void whoNeverLoggedInHasNoSessions() {
        assertTrue(all(management.users().sessions().list(user)).isEmpty());
        management.users().sessions().delete(user);
        refused(404, "The session does not exist.", () -> management.sessions().get("no-such-session"));
        refused(404, "The session does not exist.", () -> management.sessions().update("no-such-session", of(
                UpdateSessionRequestContent.class, "{'session_metadata': {'device': 'kiosk'}}")));
        refused(404, "The session does not exist.", () -> management.sessions().revoke("no-such-session"));
        management.sessions().delete("no-such-session");
    }

    @Test
    void whoNeverLoggedInHasNoTokens() {
        assertTrue(all(management.users().refreshToken().list(user)).isEmpty());
        management.users().refreshToken().delete(user);
        management.users().revokeAccess(user);
        refused(404, "The refresh token does not exist.", () -> management.refreshTokens().get("no-such-token"));
        refused(404, "The refresh token does not exist.", () -> management.refreshTokens().update("no-such-token", of(
                UpdateRefreshTokenRequestContent.class, "{'refresh_token_metadata': {'device': 'kiosk'}}")));
        management.refreshTokens().delete("no-such-token");
        assertTrue(management.users().federatedConnectionsTokensets().list(user).isEmpty());
        assertTrue(all(management.users().connectedAccounts().list(user)).isEmpty());
    }

    @Test
    void whoNeverConsentedHasGrantedNothing() {
        var grants = management.userGrants();
        assertTrue(all(grants.list(of(ListUserGrantsRequestParameters.class, "{'user_id': '%s'}", user))).isEmpty());
        grants.deleteByUserId(of(DeleteUserGrantByUserIdRequestParameters.class, "{'user_id': '%s'}", user));
        grants.delete("abcdef0123456789abcdef01");
    }

    @Test
    void devicesAreForTheirUsersToRegister() {
        var devices = management.deviceCredentials();
        assertTrue(all(devices.list(of(
                        ListDeviceCredentialsRequestParameters.class,
                        "{'user_id': '%s', 'client_id': '%s', 'type': 'public_key'}",
                        user,
                        CLIENT_ID)))
                .isEmpty());
        refused(403, "Insufficient scope", () -> devices.createPublicKey(of(
                CreatePublicKeyDeviceCredentialRequestContent.class,
                "{'device_name': 'phone', 'type': 'public_key', 'value': 'key', 'device_id': 'one'}")));
        devices.delete("dcr_0000000000000000");
    }

    @Test
    void groupsComeFromDirectories() {
        assertTrue(all(management.users().groups().get(user)).isEmpty());
        assertTrue(all(management.groups().list()).isEmpty());
        refused(404, "The group does not exist.", () -> management.groups().get("grp_2eLaYLDhMwEHRcTWRzJo6X"));
        refused(404, "The group does not exist.", () ->
                management.groups().members().get("grp_2eLaYLDhMwEHRcTWRzJo6X"));
    }

    @Test
    void daysAreCountedAndDeedsAreLogged() {
        assertTrue(management.stats().getActiveUsersCount() >= 0);
        assertTrue(management.stats().getDaily().stream().allMatch(day -> shown(day).path("logins").asInt() >= 0));
        assertTrue(all(management.users().logs().list(user)).stream().allMatch(entry ->
                text(entry, "user_id").equals(user)));
        var entry = all(management.logs().list(
                of(ListLogsRequestParameters.class, "{'q': 'type:sapi', 'per_page': 5}"))).get(0);
        holds(management.logs().get(text(entry, "log_id")), "{'type': 'sapi'}");
    }
}
