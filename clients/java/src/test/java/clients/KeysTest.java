package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.keys.types.*;
import java.nio.ByteBuffer;
import java.security.KeyFactory;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.crypto.Cipher;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

/** Keys: those that sign tokens, those of the tenant's own, and those that encrypt what is stored. */
class KeysTest extends Tenant {
    private static String current() {
        return management.keys().signing().list().stream()
                .filter(key -> text(key, "current").equals("true"))
                .map(key -> text(key, "kid"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void keysThatSignTakeTurns() {
        String before = current();
        holds(management.keys().signing().get(before), "{'kid': '%s', 'current': true}", before);
        assertTrue(text(management.keys().signing().rotate(), "cert").startsWith("-----BEGIN CERTIFICATE-----"));
        assertNotEquals(before, current());
        holds(management.keys().signing().get(before), "{'previous': true}");

        holds(management.keys().signing().revoke(before), "{'kid': '%s'}", before);
        refused(401, "Invalid signature received for JSON Web Token validation", KeysTest::current);
        management = client();
        holds(management.keys().signing().get(before), "{'revoked': true}");
        refused(404, "Signing key not found.", () -> management.keys().signing().get("no-such-key"));
    }

    @Test
    void theTenantBringsItsOwnKeys() {
        var own = management.keys().customSigning();
        String keys = """
                {'keys': [{'kty': 'RSA', 'alg': 'RS256', 'use': 'sig', 'kid': 'one', 'e': 'AQAB', 'n':
                'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-qKhbwKfBstIs-b\
                MY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-40RQzuVaE8AkAFmxZzow\
                3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC-9aGV\
                d-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw'}]}""";
        holds(own.set(of(SetCustomSigningKeysRequestContent.class, keys)), keys);
        holds(own.get(), keys);
        own.delete();
        refused(404, "No custom signing keys found for this tenant.", own::get);
    }

    /** A new AES key as the service takes it: under a passing key, which is under the service's own. */
    private static String wrapped(String pem) throws Exception {
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        var receiver = KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der));
        var passing = new SecretKeySpec(new byte[32], "AES");
        var forReceiver = Cipher.getInstance("RSA/ECB/OAEPPadding");
        forReceiver.init(
                Cipher.ENCRYPT_MODE,
                receiver,
                new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT));
        byte[] key = forReceiver.doFinal(passing.getEncoded());
        var wrapping = Cipher.getInstance("AES/KWP/NoPadding");
        wrapping.init(Cipher.WRAP_MODE, passing);
        byte[] material = wrapping.wrap(new SecretKeySpec(PASSWORD.repeat(2).getBytes(), 0, 32, "AES"));
        var both = ByteBuffer.allocate(key.length + material.length).put(key).put(material);
        return Base64.getEncoder().encodeToString(both.array());
    }

    @Test
    void theTenantBringsItsOwnRootOfEncryption() throws Exception {
        var encryption = management.keys().encryption();
        Supplier<Map<String, String>> active = () -> all(encryption.list()).stream()
                .filter(key -> text(key, "state").equals("active"))
                .collect(Collectors.toMap(key -> text(key, "type"), key -> text(key, "kid")));
        String master = active.get().get("tenant-master-key");
        encryption.rekey();
        assertNotEquals(master, active.get().get("tenant-master-key"));

        var root = encryption.create(
                of(CreateEncryptionKeyRequestContent.class, "{'type': 'customer-provided-root-key'}"));
        String kid = text(root, "kid");
        var wrapping = encryption.createPublicWrappingKey(kid);
        holds(wrapping, "{'algorithm': 'CKM_RSA_AES_KEY_WRAP'}");
        String request = "{'wrapped_key': '%s'}";
        refused(400, "Wrapped key material is invalid", () -> encryption.import_(
                kid, of(ImportEncryptionKeyRequestContent.class, request, "bm90IGEga2V5")));
        holds(encryption.get(kid), "{'state': 'pre-activation'}");
        String material = wrapped(text(wrapping, "public_key"));
        holds(
                encryption.import_(kid, of(ImportEncryptionKeyRequestContent.class, request, material)),
                "{'kid': '%s', 'state': 'active'}",
                kid);
        encryption.delete(kid);
        refused(400, "Invalid UUID format in uri.", () -> encryption.get("no-such-key"));
    }
}
