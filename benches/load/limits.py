"""What happens beyond capacity, and what a million sessions take: more password logins than can be hashed, beside other requests; and
sessions made without pages, with their bytes on disk and in memory."""

import http.client
import json
import sqlite3
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import sign_in

REALM = "http://auth0.com/oauth/grant-type/password-realm"
DATABASE = "Username-Password-Authentication"
SECRET = "load-developer-secret"


class Line:
    """One connection that is kept open."""

    def __init__(self, server):
        self.http = http.client.HTTPConnection(urllib.parse.urlsplit(server.base).netloc, timeout=60)

    def ask(self, method, path, body=None, headers=None):
        """Status, headers, body and seconds."""
        begun = time.monotonic()
        data = None if body is None else json.dumps(body)
        self.http.request(method, path, data, {"content-type": "application/json", **(headers or {})})
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, answer.headers, text, time.monotonic() - begun


def p99(seconds):
    """Milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0


class Probes:
    """Refreshes and profile requests, fifty of each in a second, until told to end."""

    def __init__(self, setting):
        answers = [setting.tokens(sign_in.Browser(setting.server.base), email) for email in setting.emails[:2]]
        self.setting, self.refresh_token, self.access_token = setting, answers[0]["refresh_token"], answers[1]["access_token"]

    def run(self, seconds):
        """The seconds that each took."""
        taken, line, end = {"refresh": [], "userinfo": []}, Line(self.setting.server), time.monotonic() + seconds
        while time.monotonic() < end:
            due = time.monotonic() + 0.02
            body = self.setting.exchange(grant_type="refresh_token", refresh_token=self.refresh_token)
            status, _, text, refreshed = line.ask("POST", "/oauth/token", body)
            if status != 200:
                raise SystemExit(f"a refresh under load: {status} {text.decode()}")
            self.refresh_token = json.loads(text)["refresh_token"]
            status, _, text, told = line.ask("GET", "/userinfo", headers={"authorization": f"Bearer {self.access_token}"})
            if status != 200:
                raise SystemExit(f"a profile under load: {status} {text.decode()}")
            taken["refresh"].append(refreshed)
            taken["userinfo"].append(told)
            time.sleep(max(0, due - time.monotonic()))
        return taken


def overload(bench, setting, seconds):
    """Password logins at twice the capacity, begun when they are due whether earlier ones have ended or not; beside them the probes."""
    probes = Probes(setting)
    quiet = probes.run(max(2, seconds / 4))
    rate, outcomes, lines = 2 * bench.hashes(), [], threading.local()

    def log_in(number):
        lines.line = getattr(lines, "line", None) or Line(setting.server)
        body = setting.exchange(
            grant_type=REALM, realm=DATABASE, username=setting.emails[number % len(setting.emails)], password=sign_in.PASSWORD, scope="openid"
        )
        status, headers, _, took = lines.line.ask("POST", "/oauth/token", body)
        outcomes.append((status, headers.get("retry-after"), took))

    def flood():
        begun = time.monotonic()
        with ThreadPoolExecutor(256) as pool:
            for number in range(int(rate * seconds)):
                time.sleep(max(0, begun + number / rate - time.monotonic()))
                pool.submit(log_in, number)

    flooding = threading.Thread(target=flood)
    flooding.start()
    loaded = probes.run(seconds)
    flooding.join()
    refused = [(wait, took) for status, wait, took in outcomes if status == 429]
    return {
        "logins_per_second": round(rate, 1),
        "answered": sum(status == 200 for status, _, _ in outcomes),
        "refused": len(refused),
        "failed": sum(status not in (200, 429) for status, _, _ in outcomes),
        "refused_p99_ms": round(p99([took for _, took in refused]), 1),
        "refused_with_retry_after": sum(wait is not None for wait, _ in refused),
        **{f"{name}_p99_quiet_ms": round(p99(quiet[name]), 2) for name in quiet},
        **{f"{name}_p99_loaded_ms": round(p99(loaded[name]), 2) for name in loaded},
        **{f"{name}_ratio": round(p99(loaded[name]) / max(p99(quiet[name]), 0.001), 2) for name in loaded},
    }


def sessions(bench, server, setting, database, count):
    """Sessions of the users, made by the tools for developers: bytes of each on disk, and memory before and after."""

    def on_disk():
        # The pages that are in use, whether they stand in the file yet or in the log before it.
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
            whole, free, size = (reader.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
        return (whole - free) * size

    lines = threading.local()

    def begin(number):
        lines.line = getattr(lines, "line", None) or Line(server)
        wish = {"email": setting.emails[number % len(setting.emails)]}
        status, _, text, _ = lines.line.ask("POST", "/_aught/sessions", wish, {"x-aught-secret": SECRET, "host": "localhost"})
        if status != 201:
            raise SystemExit(f"a session: {status} {text.decode()}")

    with ThreadPoolExecutor(16) as pool:
        warm = min(1000, count // 10)
        list(pool.map(begin, range(warm)))
        disk, memory = on_disk(), bench.resident_mb(server.pid)
        list(pool.map(begin, range(count)))
    return {
        "sessions": count,
        "bytes_each_on_disk": round((on_disk() - disk) / count),
        "resident_before_mb": round(memory, 1),
        "resident_after_mb": round(bench.resident_mb(server.pid), 1),
    }


def run(bench, options, rows):
    """Both rows where they are named, each with a server and a database of its own."""
    for name in ("hash-overload", "sessions"):
        if name not in (options.only or []):
            continue
        with tempfile.TemporaryDirectory() as folder:
            database = str(Path(folder) / "aught.db")
            secret = {"AUGHT_DEVELOPER_SECRET": SECRET} if name == "sessions" else {}
            with bench.aught(database, secret) as server:
                issuer = bench.call(server.base, "GET", "/.well-known/openid-configuration")["issuer"]
                grant = dict(bench.CLIENT, grant_type="client_credentials", audience=f"{issuer}api/v2/")
                token = bench.call(server.base, "POST", "/oauth/token", grant)["access_token"]
                setting = sign_in.Setting(bench, server, token)
                if name == "sessions":
                    told = sessions(bench, server, setting, database, options.sessions)
                else:
                    told = overload(bench, setting, options.overload_seconds)
                rows.append({"name": name, **told})
                print(f"{name}: {json.dumps(told)}", flush=True)
