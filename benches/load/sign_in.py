"""The rows about signing in: each through the endpoints that a browser and an application call, against yardsticks of the same run."""

import http.client
import json
import re
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager

PASSWORD = "Correct-Horse-7-Battery"
REDIRECT_URI = "https://app.example.com/callback"


class Browser:
    """Cookies, redirects and forms of one user over one connection."""

    def __init__(self, base):
        self.address = urllib.parse.urlsplit(base).netloc
        self.http = http.client.HTTPConnection(self.address, timeout=60)
        self.cookies = {}

    def fetch(self, path, form=None):
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urllib.parse.urlencode(form)
        self.http.request("GET" if form is None else "POST", path, body, headers)
        answer = self.http.getresponse()
        text = answer.read()
        for cookie in answer.headers.get_all("set-cookie") or []:
            name, value = cookie.split(";", 1)[0].split("=", 1)
            self.cookies.pop(name, None)
            if value and "max-age=0" not in cookie.lower():
                self.cookies[name] = value
        return answer.status, answer.headers.get("location"), text.decode()

    def log_in(self, path, email):
        """Goes through all pages; gives the code."""
        form = None
        for _ in range(12):
            status, location, html = self.fetch(path, form)
            if status == 302:
                if location.startswith(REDIRECT_URI):
                    return urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]
                path, form = re.sub(r"^https?://[^/]*", "", location), None
                continue
            if status != 200:
                raise SystemExit(f"{path}: {status}\n{html}")
            first = re.search(r"<form.*?</form>", html, re.DOTALL).group(0)
            known = {"username": email, "password": PASSWORD}
            named = re.findall(r'<input[^>]* name="([^"]+)"[^>]*?(?: value="([^"]*)")?[ >]', first)
            form = {name: known.get(name, value) for name, value in named}
            form["state"] = re.search(r'name="state" value="([^"]+)"', first).group(1)
            form["action"] = "default"
        raise SystemExit(f"the login does not end: {path}")


class Setting:
    """A client, an API and users of the tenant."""

    def __init__(self, bench, server, token, users=64, name="Notes"):
        self.bench, self.server = bench, server

        def create(path, body):
            return bench.call(server.base, "POST", f"/api/v2/{path}", body, token)

        self.audience = f"https://{name.lower()}.example.com"
        self.client = create(
            "clients",
            {
                "name": name,
                "app_type": "regular_web",
                "token_endpoint_auth_method": "client_secret_post",
                "grant_types": ["authorization_code", "refresh_token", "http://auth0.com/oauth/grant-type/password-realm"],
                "callbacks": [REDIRECT_URI],
                "web_origins": ["https://app.example.com"],
                "oidc_conformant": True,
                "refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0},
            },
        )
        create(
            "resource-servers",
            {
                "identifier": self.audience,
                "allow_offline_access": True,
                "skip_consent_for_verifiable_first_party_clients": True,
                "scopes": [{"value": "read:notes"}],
            },
        )
        found = bench.call(server.base, "GET", "/api/v2/connections?name=Username-Password-Authentication", token=token)
        enabled = [{"client_id": self.client["client_id"], "status": True}]
        bench.call(server.base, "PATCH", f"/api/v2/connections/{found[0]['id']}/clients", enabled, token)
        self.emails = [f"{name.lower()}{number}@example.com" for number in range(users)]
        for email in self.emails:
            user = {"connection": "Username-Password-Authentication", "email": email, "password": PASSWORD}
            create("users", {**user, "email_verified": True})

    def authorize(self, **settings):
        asked = {
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": "openid profile email offline_access read:notes",
            "audience": self.audience,
            "state": "s",
            **settings,
        }
        return f"/authorize?{urllib.parse.urlencode(asked)}"

    def exchange(self, **fields):
        """The body of a token request."""
        return {"client_id": self.client["client_id"], "client_secret": self.client["client_secret"], **fields}

    def tokens(self, browser, email):
        code = browser.log_in(self.authorize(), email)
        body = self.exchange(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)
        return self.bench.call(self.server.base, "POST", "/oauth/token", body)


def signatures_of(answer):
    """The signatures in a token answer."""
    return sum(answer.get(name, "").count(".") == 2 for name in ("access_token", "id_token"))


def chain(first, then, taken, given, seeds=()):
    """A wrk script of requests that need what an answer before them gave: `taken` finds it in the answers' headers or bodies, and
    `then` is asked with it, or `first` where there is nothing to go on with. `given` says whether that comes from a header."""
    return f"""
local seeds = {{{",".join(json.dumps(seed) for seed in seeds)}}}
local first, last = 1, #seeds
local function take() local seed = seeds[first]; seeds[first] = nil; first = first + 1; return seed end
response = function(status, headers, body)
  local text = {'headers["location"] or headers["Location"] or ""' if given == "location" else "body"}
  local found = text:match({json.dumps(taken)})
  if found then last = last + 1; seeds[last] = found end
end
request = function()
  if first <= last then
    return wrk.format("POST", "/oauth/token", {{["content-type"] = "application/x-www-form-urlencoded"}}, {json.dumps(then)} .. take())
  end
  return {first}
end"""


def session_logins(setting, seconds):
    """Logins with a session that is there: the redirect with a code, and its exchange; logins for each CPU-second."""
    bench, server, browser = setting.bench, setting.server, Browser(setting.server.base)
    answer = setting.tokens(browser, setting.emails[0])
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    first = f'wrk.format("GET", {json.dumps(setting.authorize(prompt="none"))}, {{["cookie"] = {json.dumps(cookie)}}})'
    body = setting.exchange(grant_type="authorization_code", redirect_uri=REDIRECT_URI)
    script = chain(first, urllib.parse.urlencode(body) + "&code=", "[?&]code=([^&]+)", "location")
    rate, p99 = bench.wrk(server, script, seconds)
    # Each login is two requests.
    return rate / 2 * signatures_of(answer), p99


@contextmanager
def bound_action(bench, server, token, trigger, version, function):
    """Has an Action that does nothing run at a trigger."""

    def ask(method, path, body=None):
        return bench.call(server.base, method, f"/api/v2/actions/{path}", body, token)

    body = {"name": f"Nothing at {trigger}", "supported_triggers": [{"id": trigger, "version": version}]}
    action = ask("POST", "actions", {**body, "code": f"exports.{function} = async () => {{}};"})
    while ask("GET", f"actions/{action['id']}")["status"] != "built":
        time.sleep(0.05)
    ask("POST", f"actions/{action['id']}/deploy")
    bindings = [{"ref": {"type": "action_id", "value": action["id"]}}]
    ask("PATCH", f"triggers/{trigger}/bindings", {"bindings": bindings})
    yield
    ask("PATCH", f"triggers/{trigger}/bindings", {"bindings": []})


def refreshes(setting, seconds, families=64):
    """Refreshes, each of which replaces the token durably; for each CPU-second."""
    bench, server = setting.bench, setting.server
    answers = [setting.tokens(Browser(server.base), email) for email in setting.emails[:families]]
    body = urllib.parse.urlencode(setting.exchange(grant_type="refresh_token")) + "&refresh_token="
    script = chain('wrk.format("GET", "/health/live")', body, '"refresh_token":"([^"]+)"', "body", [answer["refresh_token"] for answer in answers])
    rate, p99 = bench.wrk(server, script, seconds)
    return rate * signatures_of(answers[0]), p99


def with_headers(path, headers):
    """A wrk script that asks for one path."""
    pairs = "".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in headers.items())
    return f'{pairs}request = function() return wrk.format("GET", {json.dumps(path)}) end'


def visited(setting, path, headers):
    """The bytes of an answer."""
    request = urllib.request.Request(setting.server.base + path, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def page(setting):
    """The first login page: its path, its headers, and the bytes of all that a browser fetches for it."""
    browser = Browser(setting.server.base)
    _, location, _ = browser.fetch(setting.authorize())
    path = re.sub(r"^https?://[^/]*", "", location)
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    html = visited(setting, path, headers)
    assets = re.findall(r'"(/u/assets/[^"]+)"', html.decode())
    return path, headers, html, len(html) + sum(len(visited(setting, asset, {})) for asset in assets)


def password_logins(setting, seconds, browsers=8):
    """Logins by password through all pages, without the exchange of the code; for each CPU-second."""
    bench, server = setting.bench, setting.server
    end, counts = time.monotonic() + seconds, [0] * browsers

    def log_in(number):
        # Nobody may log in more than twenty times a minute.
        emails = setting.emails[number::browsers]
        while time.monotonic() < end:
            Browser(server.base).log_in(setting.authorize(), emails[counts[number] % len(emails)])
            counts[number] += 1

    before = bench.cpu_seconds(server.pid)
    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(browsers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (bench.cpu_seconds(server.pid) - before)


def run(bench, server, token, options, report, floor, wanted):
    """All rows about signing in."""
    rows = ("session-login", "action-login", "password-login", "refresh", "userinfo", "silent-auth", "login-page")
    if not any(map(wanted, rows)):
        return
    setting = Setting(bench, server, token)
    if wanted("session-login"):
        rate, p99 = bench.median(lambda: session_logins(setting, options.seconds))
        report("session-login", rate, bench.signatures(), p99, "(× signatures)")
    if wanted("action-login"):
        without, _ = bench.median(lambda: session_logins(setting, options.seconds))
        with bound_action(bench, server, token, "post-login", "v3", "onExecutePostLogin"):
            rate, p99 = bench.median(lambda: session_logins(setting, options.seconds))
        report("action-login", rate, without, p99, "(an Action that does nothing, ÷ without)")
    if wanted("password-login"):
        rate, _ = bench.median(lambda: (password_logins(setting, options.seconds), 0))
        report("password-login", rate, bench.hashes())
    if wanted("refresh"):
        rate, p99 = bench.median(lambda: refreshes(setting, options.seconds))
        report("refresh", rate, bench.signatures(), p99, "(× signatures)")
    browser = Browser(server.base)
    answer = setting.tokens(browser, setting.emails[-1])
    session = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    silent = setting.authorize(prompt="none", response_mode="web_message", scope="openid")
    path, headers, _, total = page(setting)
    for name, asked, shown, note, more in [
        ("userinfo", "/userinfo", {"authorization": f"Bearer {answer['access_token']}"}, "", {}),
        ("silent-auth", silent, session, "", {}),
        ("login-page", path, headers, f", {total} with style and script", {"kilobytes": round(total / 1000, 1)}),
    ]:
        if wanted(name):
            sample = visited(setting, asked, shown)
            script = with_headers(asked, shown)
            rate, p99 = bench.median(lambda script=script: bench.wrk(server, script, options.seconds))
            report(name, rate, floor(sample), p99, f"({len(sample)} bytes{note})", **more)
