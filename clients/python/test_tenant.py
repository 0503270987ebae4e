"""The tenant's settings and its log."""

from conftest import refused, unique


def test_settings_are_changed_and_kept(management):
    before = management.tenants.settings.get()
    assert before.enabled_locales == ["en"]
    name = unique("Friends")
    assert management.tenants.settings.update(friendly_name=name).friendly_name == name
    after = management.tenants.settings.get()
    assert after.friendly_name == name
    assert after.session_lifetime == before.session_lifetime


def test_a_setting_out_of_its_bounds_is_refused(management):
    with refused(400, "on property session_lifetime", "invalid_body"):
        management.tenants.settings.update(
            friendly_name="x", request_options={"additional_body_parameters": {"session_lifetime": "long"}}
        )


def test_changes_stand_in_the_log(tenant, management):
    role = management.roles.create(name=unique("role"))
    entries = management.logs.list(sort="date:-1", per_page=50, page=0).items
    entry = next(item for item in entries if role.id in item.model_dump_json())
    assert entry.type == "sapi" and entry.client_id == tenant.client_id
    assert management.logs.get(entry.log_id).description == entry.description
    with refused(404, "Log not found."):
        management.logs.get("90020200101000000000000000000000000001223372036854775807")
