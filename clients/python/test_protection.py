"""What protects the tenant: attack protection, blocks, network ACLs, risk assessments, limits of rates."""

import pytest

from conftest import ONCE, holds, ids, refused, shown, unique

SETTINGS = {
    "bot_detection": (
        {"bot_detection_level": "low", "allowlist": ["192.0.2.0/24"], "monitoring_mode_enabled": True},
        {"bot_detection_level": "paranoid"},
    ),
    "breached_password_detection": (
        {"enabled": True, "shields": ["block", "admin_notification"], "admin_notification_frequency": ["weekly"]},
        {"shields": ["pray"]},
    ),
    "brute_force_protection": (
        {"enabled": True, "shields": ["block"], "max_attempts": 5, "mode": "count_per_identifier"},
        {"max_attempts": 0},
    ),
    "captcha": (
        {"active_provider_id": "auth_challenge", "auth_challenge": {"fail_open": True}},
        {"active_provider_id": "riddle"},
    ),
    "suspicious_ip_throttling": (
        {"enabled": True, "allowlist": ["192.0.2.1"], "stage": {"pre-login": {"max_attempts": 50, "rate": 864000}}},
        {"allowlist": ["here"]},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_shield_is_read_changed_and_kept(management, name):
    settings = getattr(management.attack_protection, name)
    wanted, bad = SETTINGS[name]
    before = shown(settings.get())
    after = shown(settings.update(**wanted))
    assert holds(after, wanted) and set(before) <= set(after)
    assert shown(settings.get()) == after
    with refused(400, f"on property {next(iter(bad))}", "invalid_body"):
        settings.update(**bad)
    assert shown(settings.get()) == after


def test_an_address_that_nobody_blocked_is_free(management):
    with refused(404, "Not Found"):
        management.anomaly.blocks.check_ip("192.0.2.77")
    management.anomaly.blocks.unblock_ip("192.0.2.77")
    with refused(400, "on property id"):
        management.anomaly.blocks.check_ip("everywhere")


def test_risk_is_assessed(tenant, management):
    settings = management.risk_assessments.settings
    assert settings.update(enabled=True).enabled and settings.get().enabled
    assert settings.new_device.update(remember_for=45).remember_for == 45
    assert settings.new_device.get().remember_for == 45
    with refused(400, "on property remember_for"):
        settings.new_device.update(remember_for=0)
    user = tenant.person()
    management.users.risk_assessments.clear(
        user.user_id, connection=user.identities[0].connection, assessors=["new-device"]
    )


def test_signals_of_others_are_heard(management):
    assert management.supplemental_signals.patch(akamai_enabled=True).akamai_enabled
    assert management.supplemental_signals.get().akamai_enabled
    assert not management.supplemental_signals.patch(akamai_enabled=False).akamai_enabled


def test_a_network_is_kept_out(management):
    acls = management.network_acls

    def rule(**match):
        return {"action": {"block": True}, "match": match, "scope": "tenant"}

    description = unique("acl")
    acls.create(description=description, active=True, priority=3, rule=rule(asns=[64500]))
    (acl,) = [item for item in acls.list(per_page=1) if item.description == description]
    assert holds(acls.get(acl.id), {"id": acl.id, "priority": 3, "rule": rule(asns=[64500])})
    with refused(409, "A Network ACL with this priority number has already been created."):
        acls.create(description="another", active=True, priority=3, rule=rule(asns=[1]), request_options=ONCE)
    assert not acls.update(acl.id, active=False).active
    replaced = acls.set(acl.id, description=description, active=True, priority=4, rule=rule(geo_country_codes=["AQ"]))
    assert holds(replaced, {"priority": 4, "rule": rule(geo_country_codes=["AQ"])})
    with refused(400, "on property rule.scope", "invalid_body"):
        acls.update(acl.id, rule={"action": {"block": True}, "scope": "galaxy"})
    acls.delete(acl.id)
    with refused(404, "NetworkACL with this ID was not found"):
        acls.get(acl.id)


def test_a_client_asks_only_so_often(tenant, management):
    policies = management.rate_limit_policies
    selector = f"client_id:{tenant.machine().client_id}"
    policy = policies.create(
        resource="oauth_authentication_api",
        consumer="client",
        consumer_selector=selector,
        configuration={"action": "block", "limit": 10},
    )
    assert shown(policies.get(policy.id)) == shown(policy)
    changed = policies.update(policy.id, configuration={"action": "block", "limit": 20})
    assert changed.configuration.limit == 20
    assert ids(policies.list(consumer_selector=selector)) == [policy.id]
    with refused(400, "on property configuration.action", "invalid_body"):
        policies.update(policy.id, configuration={"action": "shrug"})
    policies.delete(policy.id)
    with refused(404, "The rate limit policy does not exist."):
        policies.get(policy.id)
