"""Prepares the tenant that `aught run` made for the OpenID conformance suite: settings, the suite's clients and its user. Then it
writes the suite's configuration and has the runner run the plan.

  prepare.py CONFIGURATION RUNNER WORK PLAN [OPTION...]
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SUITE = "https://localhost:8443/test/a/aught"
BACKCHANNEL = {"backchannel_logout_urls": [f"{SUITE}/backchannel_logout"], "backchannel_logout_initiators": {"mode": "all"}}
DOMAIN = os.environ["AUTH0_DOMAIN"]
PASSWORD = "Correct-Horse-7-Battery"
# Nobody may log in more than twenty times a minute, so the modules share three users.
USERS = ["jane@example.com", "joe@example.com", "jim@example.com"]
ACTION = """
exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim("updated_at", Math.floor(new Date(event.user.updated_at).getTime() / 1000));
};
"""


def call(method, path, body, token=None):
    request = urllib.request.Request(f"https://{DOMAIN}{path}", method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")


credentials = {name: os.environ[f"AUTH0_{name.upper()}"] for name in ("client_id", "client_secret", "audience")}
token = call("POST", "/oauth/token", {"grant_type": "client_credentials", **credentials})["access_token"]


def management(method, path, body):
    return call(method, f"/api/v2{path}", body, token)


def client(name, authentication):
    """A client of the suite, as its configuration names it."""
    made = management(
        "POST",
        "/clients",
        {
            "name": name,
            "app_type": "regular_web",
            "token_endpoint_auth_method": authentication,
            "grant_types": ["authorization_code", "refresh_token", "implicit"],
            "callbacks": [f"{SUITE}/callback"],
            "allowed_logout_urls": [f"{SUITE}/post_logout_redirect"],
            # Where another plan expects no such call, one would fail it.
            "oidc_logout": BACKCHANNEL if "backchannel" in sys.argv[4] else {},
            "jwt_configuration": {"alg": "RS256"},
            "oidc_conformant": True,
        },
    )
    management("PATCH", f"/connections/{database}/clients", [{"client_id": made["client_id"], "status": True}])
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


database = management("GET", "/connections?name=Username-Password-Authentication", None)[0]["id"]
# The suite's callback is on this machine, which is nothing that its user is asked about at each login.
management("PATCH", "/tenants/settings", {"skip_non_verifiable_callback_uri_confirmation_prompt": True})
for email in USERS:
    name = email.split("@")[0].title()
    profile = {"name": f"{name} Doe", "given_name": name, "family_name": "Doe", "picture": "https://example.com/doe.png"}
    user = {"connection": "Username-Password-Authentication", "email": email, "password": PASSWORD, "email_verified": True}
    management("POST", "/users", {**user, **profile})

# Auth0 tells `updated_at` as text, the standard as a number: an Action makes it one.
action = management("POST", "/actions/actions", {"name": "standard", "supported_triggers": [{"id": "post-login", "version": "v3"}], "code": ACTION})
while management("GET", f"/actions/actions/{action['id']}", None)["status"] != "built":
    time.sleep(0.2)
management("POST", f"/actions/actions/{action['id']}/deploy", {})
binding = {"ref": {"type": "action_id", "value": action["id"]}, "display_name": "standard"}
management("PATCH", "/actions/triggers/post-login/bindings", {"bindings": [binding]})

text = pathlib.Path(sys.argv[1]).read_text()
configuration = json.loads(text.replace("{ISSUER}", f"https://{DOMAIN}").replace("{PASSWORD}", PASSWORD))
if "dynamic_client" in sys.argv[4]:
    # The suite registers its clients itself. They are strangers, whose users come from connections of the whole domain.
    management("PATCH", "/tenants/settings", {"flags": {"enable_dynamic_client_registration": True}})
    management("PATCH", f"/connections/{database}", {"is_domain_connection": True})
else:
    configuration["client"] = client("first", "client_secret_basic")
    configuration["client2"] = client("second", "client_secret_basic")
    configuration["client_secret_post"] = client("post", "client_secret_post")
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "configuration.json"
    path.write_text(json.dumps(configuration))
    sys.exit(subprocess.call([sys.argv[2], sys.argv[3], str(path), *sys.argv[4:]]))
