package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.types.*;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A web application whose users sign in with Spring Security, set up by the issuer alone. */
class SpringSecurityTest extends Tenant {
    private static ConfigurableApplicationContext app;
    private static String origin;
    private static String email;
    private static String userId;

    /** The application: everything in it is for users. */
    @Configuration
    @EnableAutoConfiguration
    @RestController
    static class Notes {
        @Bean
        SecurityFilterChain chain(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
            OidcClientInitiatedLogoutSuccessHandler atTheTenant = new OidcClientInitiatedLogoutSuccessHandler(clients);
            atTheTenant.setPostLogoutRedirectUri("{baseUrl}/bye");
            return http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
                    .oauth2Login(login -> {})
                    .logout(logout -> logout.logoutSuccessHandler(atTheTenant))
                    // The test has no page with a form.
                    .csrf(csrf -> csrf.disable())
                    .build();
        }

        @GetMapping({"/", "/me"})
        Map<String, String> me(@AuthenticationPrincipal OidcUser user) {
            return Map.of("sub", user.getSubject(), "email", user.getEmail());
        }
    }

    @BeforeAll
    static void start() {
        CreateClientResponseContent client = management.clients().create(of(CreateClientRequestContent.class, """
                {'name': '%s', 'app_type': 'regular_web', 'oidc_conformant': true,
                 'token_endpoint_auth_method': 'client_secret_basic', 'grant_types': ['authorization_code']}""", unique("spring")));
        String clientId = client.getClientId().orElseThrow();
        app = new SpringApplicationBuilder(Notes.class)
                .properties(Map.of(
                        "server.port", "0",
                        "logging.level.root", "warn",
                        "spring.main.banner-mode", "off",
                        "spring.security.oauth2.client.provider.aught.issuer-uri", "https://" + DOMAIN + "/",
                        "spring.security.oauth2.client.registration.aught.client-id", clientId,
                        "spring.security.oauth2.client.registration.aught.client-secret", client.getClientSecret().orElseThrow(),
                        "spring.security.oauth2.client.registration.aught.scope", "openid,profile,email"))
                .run();
        origin = "http://localhost:" + app.getEnvironment().getProperty("local.server.port");
        management.clients().update(clientId, of(UpdateClientRequestContent.class, """
                {'callbacks': ['%s/login/oauth2/code/aught'], 'allowed_logout_urls': ['%s/bye']}""", origin, origin));
        enableDatabase(clientId);
        email = unique("ada") + "@example.com";
        userId = verifiedUser(email);
    }

    @AfterAll
    static void stop() {
        app.close();
    }

    @Test
    void aUserSignsInAndOut() throws Exception {
        HttpClient visitor = HttpClient.newBuilder()
                .cookieHandler(new CookieManager())
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
        Browser tenant = new Browser(DOMAIN);
        URI toTenant = follow(visitor, URI.create(origin + "/me"));
        assertEquals("/authorize", toTenant.getPath());
        URI callback = tenant.visit(toTenant.toString(), Map.of("username", email, "password", PASSWORD));
        assertTrue(callback.toString().startsWith(origin + "/login/oauth2/code/aught?"), callback.toString());
        follow(visitor, callback);
        String me = get(visitor, URI.create(origin + "/me")).body();
        assertTrue(me.contains(userId) && me.contains(email), me);

        HttpRequest logOut = HttpRequest.newBuilder(URI.create(origin + "/logout")).POST(BodyPublishers.noBody()).build();
        HttpResponse<String> out = visitor.send(logOut, BodyHandlers.ofString());
        URI toEnd = URI.create(out.headers().firstValue("location").orElseThrow());
        assertEquals("/oidc/logout", toEnd.getPath());
        assertEquals(origin + "/bye", tenant.visit(toEnd.toString(), Map.of()).toString());
        URI again = follow(visitor, URI.create(origin + "/me"));
        String silent = again + "&prompt=none";
        assertTrue(tenant.visit(silent, Map.of()).getQuery().contains("error=login_required"));
    }

    /** Follows redirects within the application; gives where they end, or lead out of it. */
    private static URI follow(HttpClient visitor, URI at) throws Exception {
        for (int step = 0; step < 10 && at.toString().startsWith(origin); step++) {
            HttpResponse<String> answer = get(visitor, at);
            if (answer.statusCode() != 302) {
                assertEquals(200, answer.statusCode(), at + " " + answer.body());
                return at;
            }
            at = at.resolve(answer.headers().firstValue("location").orElseThrow());
        }
        return at;
    }

    private static HttpResponse<String> get(HttpClient visitor, URI at) throws Exception {
        return visitor.send(HttpRequest.newBuilder(at).header("accept", "text/html,application/json").build(), BodyHandlers.ofString());
    }
}
