package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.auth.AuthAPI;
import com.auth0.client.auth.RSAClientAssertionSigner;
import com.auth0.client.mgmt.clients.types.*;
import com.auth0.client.mgmt.core.OptionalNullable;
import com.auth0.client.mgmt.types.*;
import com.auth0.exception.APIException;
import com.auth0.json.auth.TokenHolder;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateKey;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tokens by client credentials: with a secret, with a signed assertion, and refused. */
class TokensTest extends Tenant {
    @Test
    void aSecretBuysATokenOfThisTenant() throws Exception {
        TokenHolder token = AuthAPI.newBuilder(DOMAIN, CLIENT_ID, CLIENT_SECRET)
                .build()
                .requestToken(AUDIENCE)
                .execute()
                .getBody();
        assertEquals("Bearer", token.getTokenType());
        assertEquals(86400, token.getExpiresIn());
        assertEquals("https://" + DOMAIN + "/", claims(token.getAccessToken()).path("iss").asText());
        assertEquals(CLIENT_ID + "@clients", claims(token.getAccessToken()).path("sub").asText());
    }

    @Test
    void aWrongSecretAndAnUnknownApiAreRefused() {
        APIException wrong = assertThrows(APIException.class, () -> AuthAPI.newBuilder(DOMAIN, CLIENT_ID, "wrong")
                .build()
                .requestToken(AUDIENCE)
                .execute());
        assertEquals(401, wrong.getStatusCode());
        assertEquals("access_denied", wrong.getError());

        APIException unknown = assertThrows(APIException.class, () -> AuthAPI.newBuilder(DOMAIN, CLIENT_ID, CLIENT_SECRET)
                .build()
                .requestToken("https://nowhere.example.com")
                .execute());
        assertEquals(403, unknown.getStatusCode());
        assertEquals("Service not enabled within domain: https://nowhere.example.com", unknown.getDescription());
    }

    @Test
    void aPrivateKeyBuysATokenOfWhatWasGranted() throws Exception {
        KeyPairGenerator keys = KeyPairGenerator.getInstance("RSA");
        keys.initialize(2048);
        KeyPair pair = keys.generateKeyPair();
        String pem = "-----BEGIN PUBLIC KEY-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(pair.getPublic().getEncoded())
                + "\n-----END PUBLIC KEY-----\n";
        String client = machine().getClientId().orElseThrow();
        PostClientCredentialResponseContent credential = management
                .clients()
                .credentials()
                .create(
                        client,
                        PostClientCredentialRequestContent.builder()
                                .credentialType(ClientCredentialTypeEnum.PUBLIC_KEY)
                                .name("first key")
                                .pem(pem)
                                .alg(PublicKeyCredentialAlgorithmEnum.RS256)
                                .build());
        management
                .clients()
                .update(
                        client,
                        UpdateClientRequestContent.builder()
                                .tokenEndpointAuthMethod(OptionalNullable.ofNull())
                                .clientAuthenticationMethods(ClientAuthenticationMethod.builder()
                                        .privateKeyJwt(ClientAuthenticationMethodPrivateKeyJwt.builder()
                                                .credentials(List.of(CredentialId.builder()
                                                        .id(credential.getId().orElseThrow())
                                                        .build()))
                                                .build())
                                        .build())
                                .build());
        String audience = api("read:things", "write:things").getIdentifier().orElseThrow();
        grant(client, audience, "read:things");

        TokenHolder token = AuthAPI.newBuilder(
                        DOMAIN, client, new RSAClientAssertionSigner((RSAPrivateKey) pair.getPrivate()))
                .build()
                .requestToken(audience)
                .execute()
                .getBody();
        assertEquals("read:things", claims(token.getAccessToken()).path("scope").asText());

        RSAPrivateKey stranger = (RSAPrivateKey) keys.generateKeyPair().getPrivate();
        APIException forged = assertThrows(
                APIException.class,
                () -> AuthAPI.newBuilder(DOMAIN, client, new RSAClientAssertionSigner(stranger))
                        .build()
                        .requestToken(audience)
                        .execute());
        assertEquals(401, forged.getStatusCode());
    }
}
