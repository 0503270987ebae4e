package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.guardian.factors.duo.types.*;
import com.auth0.client.mgmt.guardian.factors.types.*;
import com.auth0.client.mgmt.guardian.types.*;
import com.auth0.client.mgmt.types.*;
import com.auth0.client.mgmt.users.types.*;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Second factors: what the tenant offers, through whom, and what its users have enrolled. */
class FactorsTest extends Tenant {
    private static final String TWILIO = "{'sid': 'AC1', 'auth_token': 'secret', 'from': '+15555550100'}";
    private static final String MESSAGES =
            "{'enrollment_message': '{{code}} enrols you', 'verification_message': '{{code}} is your code'}";
    private static final String PHONE = "{'type': 'phone', 'name': 'Mobile', 'phone_number': '+15555550100',"
            + " 'preferred_authentication_method': 'sms'}";

    private static String user() {
        return text(person(), "user_id");
    }

    private static CreateUserAuthenticationMethodResponseContent phone(String user) {
        return management.users().authenticationMethods()
                .create(user, of(CreateUserAuthenticationMethodRequestContent.class, PHONE));
    }

    @Test
    void factorsAndPoliciesAreSwitched() {
        var guardian = management.guardian();
        for (String is : List.of("true", "false")) {
            var request = of(SetGuardianFactorRequestContent.class, "{'enabled': %s}", is);
            holds(guardian.factors().set(GuardianFactorNameEnum.OTP, request), "{'enabled': %s}", is);
            assertTrue(guardian.factors().list().stream().anyMatch(factor ->
                    text(factor, "name").equals("otp") && text(factor, "enabled").equals(is)));
        }
        assertEquals(
                List.of(MfaPolicyEnum.ALL_APPLICATIONS),
                guardian.policies().set(List.of(MfaPolicyEnum.ALL_APPLICATIONS)));
        assertEquals(List.of(MfaPolicyEnum.ALL_APPLICATIONS), guardian.policies().list());
        refused(400, "No enum match for: sometimes", () ->
                guardian.policies().set(List.of(MfaPolicyEnum.valueOf("sometimes"))));
        assertTrue(guardian.policies().set(List.of()).isEmpty());
    }

    @Test
    void duoIsToldItsKeys() {
        var duo = management.guardian().factors().duo().settings();
        duo.set(of(SetGuardianFactorDuoSettingsRequestContent.class,
                "{'ikey': 'DI1', 'skey': 's', 'host': 'duo.example.com'}"));
        duo.update(of(UpdateGuardianFactorDuoSettingsRequestContent.class, "{'host': 'duo2.example.com'}"));
        holds(duo.get(), "{'ikey': 'DI1', 'host': 'duo2.example.com'}");
    }

    @Test
    void messagesGoOutByTwilio() {
        var phone = management.guardian().factors().phone();
        holds(phone.setTwilioProvider(
                of(SetGuardianFactorsProviderPhoneTwilioRequestContent.class, TWILIO)), "{'sid': 'AC1'}");
        holds(phone.getTwilioProvider(), "{'from': '+15555550100'}");
        holds(phone.setProvider(of(SetGuardianFactorsProviderPhoneRequestContent.class, "{'provider': 'twilio'}")),
                "{'provider': 'twilio'}");
        holds(phone.getSelectedProvider(), "{'provider': 'twilio'}");
        holds(phone.setTemplates(of(SetGuardianFactorPhoneTemplatesRequestContent.class, MESSAGES)), MESSAGES);
        holds(phone.getTemplates(), MESSAGES);
        phone.setMessageTypes(
                of(SetGuardianFactorPhoneMessageTypesRequestContent.class, "{'message_types': ['voice']}"));
        holds(phone.getMessageTypes(), "{'message_types': ['voice']}");

        var sms = management.guardian().factors().sms();
        holds(sms.setTwilioProvider(
                of(SetGuardianFactorsProviderSmsTwilioRequestContent.class, TWILIO)), "{'sid': 'AC1'}");
        holds(sms.getTwilioProvider(), "{'from': '+15555550100'}");
        holds(sms.setProvider(of(SetGuardianFactorsProviderSmsRequestContent.class, "{'provider': 'twilio'}")),
                "{'provider': 'twilio'}");
        holds(sms.getSelectedProvider(), "{'provider': 'twilio'}");
        holds(sms.setTemplates(of(SetGuardianFactorSmsTemplatesRequestContent.class, MESSAGES)), MESSAGES);
        holds(sms.getTemplates(), MESSAGES);
        refused(400, "on property provider", () -> sms.setProvider(
                of(SetGuardianFactorsProviderSmsRequestContent.class, "{'provider': 'pigeon'}")));
    }

    @Test
    void notificationsArePushed() {
        var push = management.guardian().factors().pushNotification();
        push.setApnsProvider(of(
                SetGuardianFactorsProviderPushNotificationApnsRequestContent.class,
                "{'sandbox': true, 'bundle_id': 'com.example.app'}"));
        push.updateApnsProvider(of(
                UpdateGuardianFactorsProviderPushNotificationApnsRequestContent.class, "{'sandbox': false}"));
        holds(push.getApnsProvider(), "{'sandbox': false, 'bundle_id': 'com.example.app'}");
        String key = "{'server_key': 'key'}";
        assertTrue(push.setFcmProvider(
                of(SetGuardianFactorsProviderPushNotificationFcmRequestContent.class, key)).isEmpty());
        assertTrue(push.updateFcmProvider(
                of(UpdateGuardianFactorsProviderPushNotificationFcmRequestContent.class, key)).isEmpty());
        String account = "{'server_credentials': '{}'}";
        assertTrue(push.setFcmv1Provider(
                of(SetGuardianFactorsProviderPushNotificationFcmv1RequestContent.class, account)).isEmpty());
        assertTrue(push.updateFcmv1Provider(
                of(UpdateGuardianFactorsProviderPushNotificationFcmv1RequestContent.class, account)).isEmpty());
        push.setSnsProvider(of(SetGuardianFactorsProviderPushNotificationSnsRequestContent.class, """
                {'aws_access_key_id': 'id', 'aws_secret_access_key': 'key', 'aws_region': 'eu-west-1',
                 'sns_apns_platform_application_arn': 'a', 'sns_gcm_platform_application_arn': 'g'}"""));
        push.updateSnsProvider(of(
                UpdateGuardianFactorsProviderPushNotificationSnsRequestContent.class, "{'aws_region': 'us-east-1'}"));
        holds(push.getSnsProvider(), "{'aws_region': 'us-east-1', 'sns_apns_platform_application_arn': 'a'}");
        push.setProvider(of(SetGuardianFactorsProviderPushNotificationRequestContent.class, "{'provider': 'sns'}"));
        holds(push.getSelectedProvider(), "{'provider': 'sns'}");
    }

    @Test
    void aUserHasMethods() {
        var methods = management.users().authenticationMethods();
        String user = user();
        String method = id(phone(user));
        holds(methods.get(user, method), "{'id': '%s', 'type': 'phone', 'confirmed': true}", method);
        holds(
                methods.update(user, method, of(UpdateUserAuthenticationMethodRequestContent.class,
                        "{'name': 'Work'}")),
                "{'name': 'Work'}");
        assertTrue(ids(methods.list(user)).contains(method));
        refused(404, "The authentication method could not be found.", () ->
                methods.get(user, "phone|dev_0000000000000000"));
        methods.delete(user, method);
        assertFalse(ids(methods.list(user)).contains(method));

        var mail = of(SetUserAuthenticationMethods.class,
                "{'type': 'email', 'name': 'mail', 'email': 'me@example.com'}");
        assertEquals("email", text(methods.set(user, List.of(mail)).get(0), "type"));
        methods.deleteAll(user);
        assertFalse(shown(all(methods.list(user))).toString().contains("me@example.com"));
        management.users().authenticators().deleteAll(user);
    }

    @Test
    void anEnrolmentIsBegunReadAndEnded() {
        var enrollments = management.guardian().enrollments();
        String user = user();
        var ticket = enrollments.createTicket(
                of(CreateGuardianEnrollmentTicketRequestContent.class, "{'user_id': '%s'}", user));
        assertTrue(text(ticket, "ticket_url").contains(text(ticket, "ticket_id")));
        phone(user);
        String enrollment = id(management.users().enrollments().get(user).get(0));
        assertEquals(enrollment, id(enrollments.get(enrollment)));
        enrollments.delete(enrollment);
        assertTrue(management.users().enrollments().get(user).isEmpty());
    }

    @Test
    void aLostFactorIsReplaced() {
        String user = user();
        assertEquals(24, text(management.users().regenerateRecoveryCode(user), "recovery_code").length());
        management.users().multifactor().invalidateRememberBrowser(user);
        management.users().multifactor().deleteProvider(user, UserMultifactorProviderEnum.DUO);
        refused(404, "The user does not exist.", () -> management.users().regenerateRecoveryCode("auth0|nobody"));
    }
}
