"""Second factors: what the tenant offers, through whom, and what its users have enrolled."""

import pytest

from conftest import holds, ids, refused, unique

PHONE = {"type": "phone", "name": "Mobile", "phone_number": "+15555550100", "preferred_authentication_method": "sms"}
TWILIO = {"sid": "AC1", "auth_token": "secret", "from_": "+15555550100"}
MESSAGES = {"enrollment_message": "{{code}} enrols you", "verification_message": "{{code}} is your code"}


@pytest.fixture
def factors(management):
    return management.guardian.factors


@pytest.fixture
def user(tenant):
    return tenant.person()


def test_factors_are_switched(factors):
    def enabled():
        return {factor.name for factor in factors.list() if factor.enabled}

    assert factors.set("otp", enabled=True).enabled
    assert "otp" in enabled()
    assert not factors.set("otp", enabled=False).enabled
    assert "otp" not in enabled()
    with refused(400, "on property name"):
        factors.set("telepathy", enabled=True)


def test_a_policy_asks_for_them(management):
    policies = management.guardian.policies
    assert policies.set(request=["all-applications"]) == ["all-applications"]
    assert policies.list() == ["all-applications"]
    with refused(400, "No enum match for: sometimes"):
        policies.set(request=["sometimes"])
    assert policies.set(request=[]) == []


def test_duo_is_told_its_keys(factors):
    settings = factors.duo.settings
    settings.set(ikey="DI1", skey="secret", host="api.duo.example.com")
    settings.update(host="api2.duo.example.com")
    assert holds(settings.get(), {"ikey": "DI1", "host": "api2.duo.example.com"})


@pytest.mark.parametrize("kind", ["sms", "phone"])
def test_messages_go_out_by_twilio(factors, kind):
    way = getattr(factors, kind)
    assert way.set_twilio_provider(**TWILIO).sid == "AC1"
    assert way.get_twilio_provider().from_ == "+15555550100"
    assert way.set_provider(provider="twilio").provider == "twilio"
    assert way.get_selected_provider().provider == "twilio"
    holds(way.set_templates(**MESSAGES), MESSAGES)
    holds(way.get_templates(), MESSAGES)
    with refused(400, "on property provider"):
        way.set_provider(provider="pigeon")


def test_a_phone_is_called_or_written_to(factors):
    assert factors.phone.set_message_types(message_types=["voice"]).message_types == ["voice"]
    assert factors.phone.get_message_types().message_types == ["voice"]
    with refused(400, "on property message_types"):
        factors.phone.set_message_types(message_types=["smoke"])


def test_notifications_are_pushed(factors):
    push = factors.push_notification
    assert push.set_apns_provider(sandbox=True, bundle_id="com.example.app").bundle_id == "com.example.app"
    push.update_apns_provider(sandbox=False)
    assert not push.get_apns_provider().sandbox
    for change in (push.set_fcm_provider, push.update_fcm_provider):
        assert change(server_key="key") == {}
    for change in (push.set_fcmv_1_provider, push.update_fcmv_1_provider):
        assert change(server_credentials="{}") == {}
    push.set_sns_provider(
        aws_access_key_id="id",
        aws_secret_access_key="key",
        aws_region="eu-west-1",
        sns_apns_platform_application_arn="a",
        sns_gcm_platform_application_arn="g",
    )
    push.update_sns_provider(aws_region="us-east-1")
    assert holds(push.get_sns_provider(), {"aws_region": "us-east-1", "sns_apns_platform_application_arn": "a"})
    assert push.set_provider(provider="sns").provider == "sns"
    assert push.get_selected_provider().provider == "sns"


def test_a_user_has_methods(management, user):
    methods = management.users.authentication_methods
    made = methods.create(user.user_id, **PHONE)
    assert made.id and holds(made, PHONE)
    assert holds(methods.get(user.user_id, made.id), {"id": made.id, "type": "phone", "confirmed": True})
    assert methods.update(user.user_id, made.id, name="Work").name == "Work"
    assert made.id in ids(methods.list(user.user_id, per_page=1))
    assert management.users.enrollments.get(user.user_id)
    with refused(404, "The authentication method could not be found."):
        methods.get(user.user_id, "phone|dev_0000000000000000")
    methods.delete(user.user_id, made.id)
    assert made.id not in ids(methods.list(user.user_id))


def test_all_methods_are_set_and_taken_away(management, user):
    methods = management.users.authentication_methods
    mail = {"type": "email", "name": "mail", "email": user.email}
    assert [method.type for method in methods.set(user.user_id, request=[mail])] == ["email"]
    assert [method.name for method in methods.list(user.user_id)] == ["mail"]
    methods.delete_all(user.user_id)
    assert "email" not in [method.type for method in methods.list(user.user_id)]
    methods.create(user.user_id, **PHONE)
    management.users.authenticators.delete_all(user.user_id)
    assert "phone" not in [method.type for method in methods.list(user.user_id)]


def test_an_enrolment_is_begun_read_and_ended(management, user):
    ticket = management.guardian.enrollments.create_ticket(user_id=user.user_id)
    assert ticket.ticket_id in ticket.ticket_url
    management.users.authentication_methods.create(user.user_id, **PHONE)
    (enrollment,) = management.users.enrollments.get(user.user_id)
    assert management.guardian.enrollments.get(enrollment.id).id == enrollment.id
    management.guardian.enrollments.delete(enrollment.id)
    assert management.users.enrollments.get(user.user_id) == []
    with refused(404, "Enrollment not found"):
        management.guardian.enrollments.get(enrollment.id)
    with refused(404, "User not found."):
        management.guardian.enrollments.create_ticket(user_id=f"auth0|{unique('nobody')}")


def test_a_lost_factor_is_replaced(management, user):
    code = management.users.regenerate_recovery_code(user.user_id).recovery_code
    assert len(code) == 24 and code != management.users.regenerate_recovery_code(user.user_id).recovery_code
    management.users.multifactor.invalidate_remember_browser(user.user_id)
    management.users.multifactor.delete_provider(user.user_id, "duo")
    with refused(400, "on property provider"):
        management.users.multifactor.delete_provider(user.user_id, "abacus")
