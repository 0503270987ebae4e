"""Actions: code at the points of a flow; how it is tried, deployed, bound and rolled back."""

import pytest

from conftest import ONCE, ids, refused, unique

TRIGGER = ("post-change-password", "v2")


def code(text):
    return "exports.onExecutePostChangePassword = async (event, api) => { console.log('%s', event.secrets.KEY); };" % text


@pytest.fixture
def action(tenant):
    return tenant.action(*TRIGGER, code("one"), secrets=[{"name": "KEY", "value": "k"}])


def bind(management, *actions):
    bindings = [{"ref": {"type": "action_id", "value": action.id}} for action in actions]
    return management.actions.triggers.bindings.update_many(TRIGGER[0], bindings=bindings)


def test_an_action_is_made_changed_and_deleted(management, action):
    assert action.status == "built" and [secret.name for secret in action.secrets] == ["KEY"]
    assert [item.id for item in management.actions.list(action_name=action.name)] == [action.id]
    assert management.actions.update(action.id, code="// nothing").code == "// nothing"
    management.actions.delete(action.id)
    with refused(404, "That action does not exist."):
        management.actions.get(action.id)


def test_a_draft_is_tried_without_being_deployed(management, action):
    payload = management.actions.test(action.id, payload={"event": {}}).payload
    assert payload["logs"] == "one k" and "error" not in payload
    management.actions.update(action.id, code="exports.onExecutePostChangePassword = async () => { throw new RangeError('far'); };")
    error = management.actions.test(action.id, payload={"event": {}}).payload["error"]
    assert (error["name"], error["message"]) == ("RangeError", "far")


def test_versions_are_deployed_bound_and_brought_back(management, action):
    with refused(400, "The action is not deployed yet."):
        bind(management, action)
    first = management.actions.deploy(action.id)
    assert [binding.action.id for binding in bind(management, action).bindings] == [action.id]
    management.actions.update(action.id, code=code("two"))
    management.actions.deploy(action.id)
    versions = list(management.actions.versions.list(action.id))
    assert [int(version.number) for version in versions] == [2, 1]
    assert management.actions.versions.get(action.id, first.id).code == code("one")
    assert [item.action.id for item in management.actions.triggers.bindings.list(TRIGGER[0])] == [action.id]
    back = management.actions.versions.deploy(action.id, first.id)
    assert int(back.number) == 3 and back.code == code("one")
    assert management.actions.get(action.id).deployed_version.code == code("one")
    with refused(409, "Unable to delete an action bound to a trigger."):
        management.actions.delete(action.id, request_options=ONCE)
    management.actions.delete(action.id, force=True)
    assert bind(management).bindings == []


def test_the_triggers_say_what_they_run(management):
    triggers = {(trigger.id, trigger.version) for trigger in management.actions.triggers.list().triggers}
    assert {TRIGGER, ("post-login", "v3"), ("credentials-exchange", "v2")} <= triggers
    with refused(400, "No enum match for: no-such-trigger"):
        management.actions.triggers.bindings.list("no-such-trigger")


def test_an_execution_that_never_was_is_not_found(management):
    with refused(404, "The execution does not exist."):
        management.actions.executions.get("6f1c9d0e-0f7e-4b57-9b4e-0d5d3a3a8a11")


def test_modules_are_shared_published_and_rolled_back(tenant, management):
    modules = management.actions.modules
    module = modules.create(name=unique("module"), code="module.exports = { one: 1 };", publish=True)
    assert ids(modules.versions.list(module.id)) == [module.latest_version.id]
    first = modules.versions.get(module.id, module.latest_version.id)
    assert first.code == module.code

    assert modules.get(module.id).code == module.code
    assert modules.update(module.id, code="module.exports = { one: 2 };").code == "module.exports = { one: 2 };"
    second = modules.versions.create(module.id)
    assert second.version_number == first.version_number + 1
    assert ids(modules.list(per_page=1)).count(module.id) == 1

    user = tenant.action(
        *TRIGGER,
        "const shared = require('actions:%s');" % module.name,
        modules=[{"module_id": module.id, "module_version_id": first.id}],
    )
    assert [item.action_id for item in modules.list_actions(module.id)] == [user.id]
    with refused(412, "The action module is used by actions and cannot be deleted."):
        modules.delete(module.id)
    management.actions.delete(user.id)

    assert modules.rollback(module.id, module_version_id=first.id).code == first.code
    modules.delete(module.id)
    with refused(404, "The action module does not exist."):
        modules.get(module.id)
