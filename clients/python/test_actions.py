"""Actions: code at the points of a flow; how it is tried, deployed, bound and rolled back."""

import time

from conftest import refused, unique

TRIGGER = {"id": "post-change-password", "version": "v2"}


def code(text):
    return "exports.onExecutePostChangePassword = async (event, api) => { console.log('%s', event.secrets.KEY); };" % text


def built(management, **fields):
    """A new Action whose packages, if it has any, are there."""
    known = {"supported_triggers": [TRIGGER], "code": code("one"), "secrets": [{"name": "KEY", "value": "k"}]}
    action = management.actions.create(name=unique("action"), **{**known, **fields})
    while action.status in ("pending", "building"):
        time.sleep(0.05)
        action = management.actions.get(action.id)
    return action


def bind(management, *actions):
    bindings = [{"ref": {"type": "action_id", "value": action.id}} for action in actions]
    return management.actions.triggers.bindings.update_many(TRIGGER["id"], bindings=bindings)


def test_an_action_is_made_changed_and_deleted(management):
    action = built(management)
    assert action.status == "built" and [secret.name for secret in action.secrets] == ["KEY"]
    assert [item.id for item in management.actions.list(action_name=action.name)] == [action.id]
    assert management.actions.update(action.id, code="// nothing").code == "// nothing"
    management.actions.delete(action.id)
    with refused(404, "That action does not exist."):
        management.actions.get(action.id)


def test_a_draft_is_tried_without_being_deployed(management):
    action = built(management)
    payload = management.actions.test(action.id, payload={"event": {}}).payload
    assert payload["logs"] == "one k" and "error" not in payload
    management.actions.update(action.id, code="exports.onExecutePostChangePassword = async () => { throw new RangeError('far'); };")
    error = management.actions.test(action.id, payload={"event": {}}).payload["error"]
    assert (error["name"], error["message"]) == ("RangeError", "far")


def test_versions_are_deployed_bound_and_brought_back(management):
    action = built(management)
    with refused(400, "The action is not deployed yet."):
        bind(management, action)
    first = management.actions.deploy(action.id)
    assert [binding.action.id for binding in bind(management, action).bindings] == [action.id]
    management.actions.update(action.id, code=code("two"))
    management.actions.deploy(action.id)
    versions = list(management.actions.versions.list(action.id))
    assert [int(version.number) for version in versions] == [2, 1]
    back = management.actions.versions.deploy(action.id, first.id)
    assert int(back.number) == 3 and back.code == code("one")
    assert management.actions.get(action.id).deployed_version.code == code("one")
    with refused(409, "Unable to delete an action bound to a trigger."):
        management.actions.delete(action.id)
    management.actions.delete(action.id, force=True)
    assert bind(management).bindings == []
