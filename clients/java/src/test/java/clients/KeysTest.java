package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.keys.types.*;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
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

    @Test
    void theTenantBringsItsOwnRootOfEncryption() {
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
        holds(encryption.createPublicWrappingKey(kid), "{'algorithm': 'CKM_RSA_AES_KEY_WRAP'}");
        refused(400, "Wrapped key material is invalid", () -> encryption.import_(
                kid, of(ImportEncryptionKeyRequestContent.class, "{'wrapped_key': 'bm90IGEga2V5'}")));
        holds(encryption.get(kid), "{'state': 'pre-activation'}");
        encryption.delete(kid);
        refused(400, "Invalid UUID format in uri.", () -> encryption.get("no-such-key"));
    }
}
