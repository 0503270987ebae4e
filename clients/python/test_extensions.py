"""What tenants build on: forms, flows and their vault, hooks, rules, and profiles of token exchange."""

from conftest import ONCE, holds, ids, refused, shown, unique

RULE = "function (user, context, callback) { callback(null, user, context); }"
HOOK = "module.exports = function (user, context, cb) { cb(null, {}); };"
REQUEST = {
    "id": "ask",
    "type": "HTTP",
    "action": "SEND_REQUEST",
    "params": {"method": "GET", "url": "https://api.example.com/"},
}
STEP = {
    "id": "step_1",
    "type": "STEP",
    "coordinates": {"x": 1, "y": 2},
    "alias": "Name",
    "config": {
        "components": [{"id": "name", "category": "FIELD", "type": "TEXT", "config": {}, "label": "Your name"}],
        "next_node": "$ending",
    },
}


def test_a_form_is_made_changed_and_deleted(management):
    forms = management.forms
    name = unique("form")
    form = forms.create(
        name=name,
        languages={"primary": "en", "default": "en"},
        nodes=[STEP],
        start={"next_node": "step_1", "coordinates": {"x": 0, "y": 0}},
        ending={"coordinates": {"x": 9, "y": 0}, "resume_flow": True},
    )
    assert form.id.startswith("ap_") and holds(form, {"name": name, "nodes": [STEP]})
    assert shown(forms.get(form.id)) == shown(form)
    assert forms.update(form.id, name=f"{name}-2").name == f"{name}-2"
    assert form.id in ids(forms.list(per_page=1))
    with refused(400, "No enum match for: HOLE", "invalid_body"):
        forms.update(form.id, nodes=[{"id": "x", "type": "HOLE"}])
    forms.delete(form.id)
    with refused(404, "Form not found"):
        forms.get(form.id)


def test_a_flow_is_made_changed_and_deleted(management):
    flows = management.flows
    name = unique("flow")
    flow = flows.create(name=name, actions=[REQUEST])
    assert flow.id.startswith("af_") and holds(flow, {"name": name, "actions": [REQUEST]})
    assert shown(flows.get(flow.id)) == shown(flow)
    assert flows.update(flow.id, name=f"{name}-2").name == f"{name}-2"
    assert flow.id in ids(flows.list(per_page=1))
    assert list(flows.executions.list(flow.id, take=1)) == []
    flows.executions.delete(flow.id, "no-such-execution")
    with refused(404, "Flow execution not found"):
        flows.executions.get(flow.id, "no-such-execution")
    with refused(400, "on property actions[0].", "invalid_body"):
        flows.update(flow.id, actions=[{**REQUEST, "params": {"method": "SHOUT"}}])
    flows.delete(flow.id)
    with refused(404, "Flow not found"):
        flows.get(flow.id)


def test_flows_keep_secrets_in_a_vault(management):
    vault = management.flows.vault.connections
    name = unique("vault")
    made = vault.create(request={"name": name, "app_id": "HTTP", "setup": {"type": "BEARER", "token": "hush"}})
    assert made.id.startswith("ac_") and "hush" not in made.model_dump_json()
    assert holds(vault.get(made.id), {"name": name, "app_id": "HTTP"})
    changed = vault.update(made.id, name=f"{name}-2", setup={"type": "BEARER", "token": "hush hush"})
    assert changed.name == f"{name}-2" and "hush" not in changed.model_dump_json()
    assert made.id in ids(vault.list(per_page=1))
    with refused(400, "Data does not match any schemas", "invalid_body"):
        vault.create(request={"name": name, "app_id": "CARRIER_PIGEON", "setup": {}})
    vault.delete(made.id)
    with refused(404, "Vault connection not found"):
        vault.get(made.id)


def test_a_hook_keeps_secrets(management):
    hooks = management.hooks
    hook = hooks.create(name=unique("hook"), script=HOOK, trigger_id="credentials-exchange", dependencies={"ms": "2.1.3"})
    assert holds(hook, {"script": HOOK, "triggerId": "credentials-exchange", "enabled": False})
    assert shown(hooks.get(hook.id)) == shown(hook)
    script = HOOK.replace("{}", "{ a: 1 }")
    assert hooks.update(hook.id, script=script).script == script
    assert hook.id in ids(hooks.list(trigger_id="credentials-exchange", per_page=1))

    hooks.secrets.create(hook.id, request={"KEY": "hush", "OTHER": "hush"})
    assert set(hooks.secrets.get(hook.id)) == {"KEY", "OTHER"}
    assert "hush" not in hooks.secrets.get(hook.id).values()
    with refused(409, "Secret with the same name already exists."):
        hooks.secrets.create(hook.id, request={"KEY": "again"}, request_options=ONCE)
    hooks.secrets.update(hook.id, request={"KEY": "hush hush"})
    hooks.secrets.delete(hook.id, request=["OTHER"])
    assert set(hooks.secrets.get(hook.id)) == {"KEY"}

    hooks.delete(hook.id)
    with refused(404, "Hook does not exist", "HookDoesNotExist"):
        hooks.get(hook.id)


def test_rules_run_in_order(management):
    rules = management.rules
    name = unique("rule")
    rule = rules.create(name=name, script=RULE, order=77, enabled=False)
    assert holds(rule, {"name": name, "script": RULE, "order": 77, "enabled": False})
    assert shown(rules.get(rule.id)) == shown(rule)
    assert rules.update(rule.id, name=f"{name}-2").script == RULE
    assert rule.id in ids(rules.list(enabled=False, per_page=1))
    with refused(409, "A rule with the same order already exists"):
        rules.create(name=unique("rule"), script=RULE, order=77, request_options=ONCE)
    rules.delete(rule.id)
    with refused(404, "Rule not found."):
        rules.get(rule.id)


def test_rules_have_a_configuration_that_is_never_shown(management):
    configs = management.rules_configs
    key = unique("KEY").replace("-", "_")
    assert configs.set(key, value="hush").value == "hush"
    assert [shown(config) for config in configs.list() if config.key == key] == [{"key": key}]
    with refused(400, "on property key"):
        configs.set("not a key", value="hush")
    configs.delete(key)
    assert key not in [config.key for config in configs.list()]


def test_foreign_tokens_are_exchanged_by_an_action(tenant, management):
    profiles = management.token_exchange_profiles
    action = tenant.action("custom-token-exchange", "v1", "exports.onExecuteCustomTokenExchange = async () => {};")
    management.actions.deploy(action.id)
    kind = f"urn:{unique('acme')}:legacy"
    profile = profiles.create(
        name=unique("exchange"), subject_token_type=kind, action_id=action.id, type="custom_authentication"
    )
    assert profile.id.startswith("tep_") and shown(profiles.get(profile.id)) == shown(profile)
    name = unique("exchange")
    profiles.update(profile.id, name=name)
    assert holds(profiles.get(profile.id), {"name": name, "subject_token_type": kind})
    assert profile.id in ids(profiles.list(take=1))
    with refused(400, "Action not found"):
        profiles.create(
            name=name, subject_token_type=f"{kind}2", action_id=unique("none"), type="custom_authentication"
        )
    profiles.delete(profile.id)
    with refused(404, "Token exchange profile not found."):
        profiles.get(profile.id)
