package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.auth.AuthAPI;
import com.auth0.client.mgmt.types.*;
import com.auth0.exception.APIException;
import com.auth0.json.auth.TokenHolder;
import java.net.URI;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** An application signs its users in with AuthAPI. */
class LoginTest extends Tenant {
    private static final String CALLBACK = "https://app.example.com/callback";
    private static String clientId;
    private static AuthAPI app;
    private static String email;
    private static String userId;

    @BeforeAll
    static void provision() {
        CreateClientResponseContent client = management.clients().create(of(CreateClientRequestContent.class, """
                {'name': '%s', 'app_type': 'regular_web', 'callbacks': ['%s'], 'oidc_conformant': true,
                 'allowed_logout_urls': ['https://app.example.com/'],
                 'grant_types': ['authorization_code', 'refresh_token', 'http://auth0.com/oauth/grant-type/password-realm'],
                 'refresh_token': {'rotation_type': 'rotating', 'expiration_type': 'expiring'}}""", unique("app"), CALLBACK));
        clientId = client.getClientId().orElseThrow();
        app = AuthAPI.newBuilder(DOMAIN, clientId, client.getClientSecret().orElseThrow()).build();
        enableDatabase(clientId);
        email = unique("ada") + "@example.com";
        userId = verifiedUser(email);
    }

    private static URI logIn(String address) throws Exception {
        return new Browser(DOMAIN).visit(address, Map.of("username", email, "password", PASSWORD));
    }

    private static Map<String, String> query(URI callback) {
        return Arrays.stream(callback.getRawQuery().split("&"))
                .map(part -> part.split("=", 2))
                .collect(Collectors.toMap(part -> part[0], part -> part[1]));
    }

    @Test
    void aCodeBuysTokensThatAreRenewedAndRevoked() throws Exception {
        String address = app.authorizeUrl(CALLBACK).withScope("openid email offline_access").withState("s-1").build();
        Map<String, String> callback = query(logIn(address));
        assertEquals("s-1", callback.get("state"));
        TokenHolder tokens = app.exchangeCode(callback.get("code"), CALLBACK).execute().getBody();
        assertEquals(userId, claims(tokens.getIdToken()).path("sub").asText());
        assertEquals(clientId, claims(tokens.getIdToken()).path("aud").asText());
        Map<String, Object> info = app.userInfo(tokens.getAccessToken()).execute().getBody().getValues();
        assertEquals(email, info.get("email"));

        TokenHolder renewed = app.renewAuth(tokens.getRefreshToken()).execute().getBody();
        assertNotEquals(tokens.getRefreshToken(), renewed.getRefreshToken());
        app.revokeToken(renewed.getRefreshToken()).execute();
        APIException revoked =
                assertThrows(APIException.class, () -> app.renewAuth(renewed.getRefreshToken()).execute());
        assertEquals(403, revoked.getStatusCode());
        assertEquals("invalid_grant", revoked.getError());
        assertEquals("Unknown or invalid refresh token.", revoked.getDescription());
    }

    @Test
    void aCodeIsUsedOnceAndByItsVerifierAlone() throws Exception {
        // The challenge of RFC 7636, appendix B.
        String verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        String address = app.authorizeUrl(CALLBACK)
                .withScope("openid")
                .withCodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
                .build();
        String code = query(logIn(address)).get("code");
        APIException foreign = assertThrows(
                APIException.class,
                () -> app.exchangeCodeWithVerifier(code, "x".repeat(43), CALLBACK).execute());
        assertEquals("invalid_grant", foreign.getError());
        String other = query(logIn(address)).get("code");
        assertNotNull(app.exchangeCodeWithVerifier(other, verifier, CALLBACK).execute().getBody().getIdToken());
        APIException again = assertThrows(
                APIException.class,
                () -> app.exchangeCodeWithVerifier(other, verifier, CALLBACK).execute());
        assertEquals(403, again.getStatusCode());
        assertEquals("Invalid authorization code", again.getDescription());
    }

    @Test
    void aLogoutLeadsBackToTheApplication() throws Exception {
        Browser browser = new Browser(DOMAIN);
        String address = app.authorizeUrl(CALLBACK).withScope("openid").build();
        browser.visit(address, Map.of("username", email, "password", PASSWORD));
        String silent = app.authorizeUrl(CALLBACK).withScope("openid").withParameter("prompt", "none").build();
        assertTrue(query(browser.visit(silent, Map.of())).containsKey("code"));
        URI back = browser.visit(app.logoutUrl("https://app.example.com/", true).build(), Map.of());
        assertEquals("https://app.example.com/", back.toString());
        assertEquals("login_required", query(browser.visit(silent, Map.of())).get("error"));
    }

    @Test
    void somebodySignsUpAndLogsInWithoutPages() throws Exception {
        String address = unique("new") + "@example.com";
        assertEquals(address, app.signUp(address, PASSWORD.toCharArray(), DATABASE).execute().getBody().getEmail());
        APIException taken = assertThrows(
                APIException.class, () -> app.signUp(address, PASSWORD.toCharArray(), DATABASE).execute());
        assertEquals(400, taken.getStatusCode());
        TokenHolder tokens = app.login(address, PASSWORD.toCharArray(), DATABASE)
                .setScope("openid email")
                .execute()
                .getBody();
        assertEquals(address, claims(tokens.getIdToken()).path("email").asText());
        APIException wrong = assertThrows(
                APIException.class, () -> app.login(address, "wrong".toCharArray(), DATABASE).execute());
        assertEquals("Wrong email or password.", wrong.getDescription());
        assertEquals(200, app.resetPassword(address, DATABASE).execute().getStatusCode());
    }
}
