package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.auth.AuthAPI;
import com.auth0.client.auth.PasswordlessEmailType;
import com.auth0.client.mgmt.types.*;
import com.auth0.exception.APIException;
import com.auth0.json.auth.PasswordlessEmailResponse;
import com.auth0.json.auth.TokenHolder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** An application logs its users in with AuthAPI by codes that they are sent. */
class PasswordlessTest extends Tenant {
    private static final String OTP = "http://auth0.com/oauth/grant-type/passwordless/otp";
    private static AuthAPI app;

    @BeforeAll
    static void provision() {
        CreateClientResponseContent client = management.clients().create(of(CreateClientRequestContent.class, """
                {'name': '%s', 'app_type': 'regular_web', 'oidc_conformant': true, 'grant_types': ['%s', 'refresh_token']}""",
                unique("app"), OTP));
        String clientId = client.getClientId().orElseThrow();
        app = AuthAPI.newBuilder(DOMAIN, clientId, client.getClientSecret().orElseThrow()).build();
        String email = """
                {'name': 'email', 'strategy': 'email', 'options': {'name': 'email', 'brute_force_protection': true,
                 'disable_signup': false, 'email': {'from': 'login@example.com', 'subject': 'Code', 'body': '{{ code }}',
                 'syntax': 'liquid'}}}""";
        String sms = """
                {'name': 'sms', 'strategy': 'sms', 'options': {'name': 'sms', 'brute_force_protection': true,
                 'disable_signup': false, 'template': '@@password@@', 'syntax': 'md_with_macros'}}""";
        for (String connection : List.of(email, sms)) {
            String id = id(management.connections().create(of(CreateConnectionRequestContent.class, connection)));
            enable(id, clientId);
        }
    }

    /** The code that was sent to an address or a number. */
    private static String sent(String to) throws Exception {
        URI outbox = URI.create(
                "https://" + DOMAIN + "/_aught/outbox?wait=20&to=" + URLEncoder.encode(to, StandardCharsets.UTF_8));
        HttpResponse<String> answer =
                HttpClient.newHttpClient().send(HttpRequest.newBuilder(outbox).build(), HttpResponse.BodyHandlers.ofString());
        JsonNode code = new ObjectMapper().readTree(answer.body()).at("/messages/0/codes/0");
        assertFalse(code.isMissingNode(), answer.body());
        return code.asText();
    }

    @Test
    void whoeverReadsAMailIsItsUser() throws Exception {
        String email = unique("ada") + "@example.com";
        PasswordlessEmailResponse asked =
                app.startPasswordlessEmailFlow(email, PasswordlessEmailType.CODE).execute().getBody();
        assertEquals(email, asked.getEmail());
        String code = sent(email);
        APIException wrong = assertThrows(
                APIException.class,
                () -> app.exchangePasswordlessOtp(email, "email", (code.equals("000000") ? "000001" : "000000").toCharArray())
                        .execute());
        assertEquals(403, wrong.getStatusCode());
        assertEquals("Wrong email or verification code.", wrong.getDescription());
        TokenHolder tokens = app.exchangePasswordlessOtp(email, "email", code.toCharArray())
                .setScope("openid email")
                .execute()
                .getBody();
        assertEquals(email, claims(tokens.getIdToken()).path("email").asText());
    }

    @Test
    void whoeverReadsATextMessageIsItsUser() throws Exception {
        String number = "+4915112345678";
        app.startPasswordlessSmsFlow(number).execute();
        TokenHolder tokens = app.exchangePasswordlessOtp(number, "sms", sent(number).toCharArray())
                .setScope("openid phone")
                .execute()
                .getBody();
        assertEquals(number, claims(tokens.getIdToken()).path("phone_number").asText());
    }
}
