package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.attackprotection.types.*;
import com.auth0.client.mgmt.riskassessments.settings.types.*;
import com.auth0.client.mgmt.riskassessments.types.*;
import com.auth0.client.mgmt.types.*;
import com.auth0.client.mgmt.users.types.*;
import org.junit.jupiter.api.Test;

/** What protects the tenant: attack protection, blocks, network ACLs, risk assessments. */
class ProtectionTest extends Tenant {
    @Test
    void shieldsAreReadChangedAndKept() {
        var protection = management.attackProtection();
        String bots = "{'bot_detection_level': 'low', 'allowlist': ['192.0.2.0/24'], 'monitoring_mode_enabled': true}";
        holds(protection.botDetection().update(of(UpdateBotDetectionSettingsRequestContent.class, bots)), bots);
        holds(protection.botDetection().get(), bots);
        String breached = "{'enabled': true, 'shields': ['admin_notification'], 'admin_notification_frequency': ['weekly']}";
        holds(
                protection.breachedPasswordDetection()
                        .update(of(UpdateBreachedPasswordDetectionSettingsRequestContent.class, breached)),
                breached);
        holds(protection.breachedPasswordDetection().get(), breached);
        String brute = "{'enabled': true, 'shields': ['block'], 'max_attempts': 5, 'mode': 'count_per_identifier'}";
        holds(protection.bruteForceProtection().update(of(UpdateBruteForceSettingsRequestContent.class, brute)), brute);
        holds(protection.bruteForceProtection().get(), brute);
        String captcha = "{'active_provider_id': 'auth_challenge', 'auth_challenge': {'fail_open': true}}";
        holds(protection.captcha().update(of(UpdateAttackProtectionCaptchaRequestContent.class, captcha)), captcha);
        holds(protection.captcha().get(), captcha);
        String throttling = "{'enabled': true, 'allowlist': ['192.0.2.1'],"
                + " 'stage': {'pre-login': {'max_attempts': 50, 'rate': 864000}}}";
        holds(
                protection.suspiciousIpThrottling()
                        .update(of(UpdateSuspiciousIpThrottlingSettingsRequestContent.class, throttling)),
                throttling);
        holds(protection.suspiciousIpThrottling().get(), throttling);
        refused(400, "on property max_attempts", () -> protection.bruteForceProtection()
                .update(of(UpdateBruteForceSettingsRequestContent.class, "{'max_attempts': 0}")));
        holds(protection.bruteForceProtection().get(), brute);
    }

    @Test
    void anAddressThatNobodyBlockedIsFree() {
        refused(404, "Not Found", () -> management.anomaly().blocks().checkIp("192.0.2.77"));
        management.anomaly().blocks().unblockIp("192.0.2.77");
    }

    @Test
    void riskIsAssessed() {
        var settings = management.riskAssessments().settings();
        settings.update(of(UpdateRiskAssessmentsSettingsRequestContent.class, "{'enabled': true}"));
        holds(settings.get(), "{'enabled': true}");
        settings.newDevice().update(
                of(UpdateRiskAssessmentsSettingsNewDeviceRequestContent.class, "{'remember_for': 45}"));
        holds(settings.newDevice().get(), "{'remember_for': 45}");
        refused(400, "on property remember_for", () -> settings.newDevice().update(
                of(UpdateRiskAssessmentsSettingsNewDeviceRequestContent.class, "{'remember_for': 0}")));
        management.users().riskAssessments().clear(text(person(), "user_id"), of(
                ClearAssessorsRequestContent.class, "{'connection': '%s', 'assessors': ['new-device']}", DATABASE));
    }

    @Test
    void signalsOfOthersAreHeard() {
        var signals = management.supplementalSignals();
        signals.patch(of(UpdateSupplementalSignalsRequestContent.class, "{'akamai_enabled': true}"));
        holds(signals.get(), "{'akamai_enabled': true}");
    }

    @Test
    void aNetworkIsKeptOut() {
        var acls = management.networkAcls();
        String rule = "'rule': {'action': {'block': true}, 'match': {'asns': [64500]}, 'scope': 'tenant'}";
        String description = unique("acl");
        String request = "{'description': '%s', 'active': true, 'priority': 5, " + rule + "}";
        acls.create(of(CreateNetworkAclRequestContent.class, request, description));
        String id = all(acls.list(of(ListNetworkAclsRequestParameters.class, "{'per_page': 1}"))).stream()
                .filter(acl -> text(acl, "description").equals(description))
                .map(Tenant::id)
                .findFirst()
                .orElseThrow();
        holds(acls.get(id), request, description);
        refused(409, "A Network ACL with this priority number has already been created.", () ->
                acls.create(of(CreateNetworkAclRequestContent.class, request, "another")));
        holds(acls.update(id, of(UpdateNetworkAclRequestContent.class, "{'active': false}")),
                "{'active': false, " + rule + "}");
        String other = "{'description': 'none', 'active': true, 'priority': 6,"
                + " 'rule': {'action': {'log': true}, 'match': {'geo_country_codes': ['AQ']}, 'scope': 'tenant'}}";
        holds(acls.set(id, of(SetNetworkAclRequestContent.class, other)), other);
        acls.delete(id);
        refused(404, "NetworkACL with this ID was not found", () -> acls.get(id));
    }

    @Test
    void aBlockedUserIsUnblockedByAnyOfItsNames() {
        var user = person();
        var blocks = management.userBlocks();
        holds(blocks.list(text(user, "user_id")), "{'blocked_for': []}");
        String identifier = "{'identifier': '" + text(user, "email") + "'}";
        holds(blocks.listByIdentifier(
                of(ListUserBlocksByIdentifierRequestParameters.class, identifier)), "{'blocked_for': []}");
        blocks.delete(text(user, "user_id"));
        blocks.deleteByIdentifier(of(DeleteUserBlocksByIdentifierRequestParameters.class, identifier));
        refused(404, "User not found.", () -> blocks.list("auth0|nobody"));
    }
}
