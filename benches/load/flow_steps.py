"""The row about flows: the actions of a flow that a form runs at a login, against the same login with an empty flow."""

import json
import time
import urllib.parse

from sign_in import PASSWORD, REDIRECT_URI, Browser

ROW = "flow-steps"
EMAIL = "steps@example.com"
# A flow runs 500 actions at most.
ROUNDS = 120


def steps(rounds):
    """Actions that map, build, decide and store, each with expressions: four of them a round."""
    actions = []
    for number in range(rounds):
        before = f"actions.made{number - 1}.result.number ?? 0" if number else "0"
        actions += [
            {
                "id": f"map{number}",
                "type": "FLOW",
                "action": "MAP_VALUE",
                "params": {"input": "{{context.client.name}}", "cases": {"Notes": "notes"}, "fallback": "other"},
            },
            {
                "id": f"made{number}",
                "type": "JSON",
                "action": "CREATE_JSON",
                "params": {"object": {"number": f"{{{{{before}}}}}", "name": f"{{{{functions.toUpperCase(actions.map{number}.result)}}}}"}},
            },
            {
                "id": f"if{number}",
                "type": "FLOW",
                "action": "BOOLEAN_CONDITION",
                "params": {"if": {"operator": "EQ", "operands": [f"{{{{actions.made{number}.result.name}}}}", "NOTES"]}, "then": [], "else": []},
            },
            {
                "id": f"keep{number}",
                "type": "FLOW",
                "action": "STORE_VARS",
                "params": {"vars": {"last": f"{{{{actions.made{number}.result}}}}"}},
            },
        ]
    return actions


class Login:
    """A client whose user has a form shown at each login, by an Action."""

    def __init__(self, bench, server, token, form):
        def ask(method, path, body=None):
            return bench.call(server.base, method, f"/api/v2/{path}", body, token)

        self.bench, self.server, self.ask = bench, server, ask
        client = {"name": "Steps", "app_type": "regular_web", "callbacks": [REDIRECT_URI], "grant_types": ["authorization_code"]}
        client = ask("POST", "clients", client)["client_id"]
        found = ask("GET", "connections?name=Username-Password-Authentication")
        ask("PATCH", f"connections/{found[0]['id']}/clients", [{"client_id": client, "status": True}])
        user = {"connection": "Username-Password-Authentication", "email": EMAIL, "password": PASSWORD, "email_verified": True}
        ask("POST", "users", user)
        code = f"exports.onExecutePostLogin = async (event, api) => {{ api.prompt.render({json.dumps(form)}, {{}}); }};"
        code += "exports.onContinuePostLogin = async () => {};"
        trigger = {"id": "post-login", "version": "v3"}
        action = ask("POST", "actions/actions", {"name": "Steps", "supported_triggers": [trigger], "code": code})
        while ask("GET", f"actions/actions/{action['id']}")["status"] != "built":
            time.sleep(0.05)
        ask("POST", f"actions/actions/{action['id']}/deploy")
        self.bind([{"ref": {"type": "action_id", "value": action["id"]}}])
        asked = {"client_id": client, "redirect_uri": REDIRECT_URI, "response_type": "code", "scope": "openid", "state": "s"}
        self.path = f"/authorize?{urllib.parse.urlencode(asked)}"
        self.browser = Browser(server.base)
        self.browser.log_in(self.path, EMAIL)

    def bind(self, bindings):
        self.ask("PATCH", "actions/triggers/post-login/bindings", {"bindings": bindings})

    def cost(self, seconds):
        """CPU-seconds of a login with the session."""
        bench, server, count = self.bench, self.server, 0
        before, end = bench.cpu_seconds(server.pid), time.monotonic() + seconds
        while time.monotonic() < end:
            self.browser.log_in(self.path, EMAIL)
            count += 1
        return (bench.cpu_seconds(server.pid) - before) / count


def run(bench, server, token, options, report, wanted):
    """The row."""
    if not wanted(ROW):
        return

    def ask(method, path, body):
        return bench.call(server.base, method, f"/api/v2/{path}", body, token)

    flow = ask("POST", "flows", {"name": "Steps", "actions": []})["id"]
    node = {"id": "run", "type": "FLOW", "config": {"flow_id": flow, "next_node": "$ending"}}
    form = {"name": "Steps", "languages": {"primary": "en"}, "start": {"next_node": "run"}, "nodes": [node], "ending": {"resume_flow": True}}
    login = Login(bench, server, token, ask("POST", "forms", form)["id"])
    empty = login.cost(options.seconds)
    ask("PATCH", f"flows/{flow}", {"actions": steps(ROUNDS)})
    spent = login.cost(options.seconds) - empty
    login.bind([])
    count = 4 * ROUNDS
    note = f"({count} steps in {spent * 1000:.2f} ms, beside a login in {empty * 1000:.2f} ms)"
    report(ROW, count / spent, bench.signatures(), None, note)
