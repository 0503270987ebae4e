#!/usr/bin/env python3
"""Measures aught under load on one pinned core and prints ratios to yardsticks of the same run. See README.md."""
import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import commits
import flow_steps
import growth
import limits
import nodes
import promised
import sign_in
from noise import Watch

PROGRAMS = Path(os.environ.get("PROGRAMS", Path(__file__).resolve().parents[2] / "target/published"))
CLIENT = {"client_id": "load-client", "client_secret": "load-secret-0123456789abcdefghijklmnopqrstuvwxyz"}
TICK = os.sysconf("SC_CLK_TCK")
SAMPLE = 1_000
WATCH = Watch()
# How often each figure is taken: the median counts.
REPEAT = 1


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """Of a process and its workers."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    pids = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread may have ended meanwhile.
        with suppress(FileNotFoundError):
            pids += children.read_text().split()
    # Those that have ended are in the last two.
    return sum(map(int, fields[11:15])) / TICK + sum(cpu_seconds(worker) for worker in pids)


def resident_mb(pid):
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024


def call(base, method, path, body=None, token=None, content_type="application/json"):
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    headers = {"content-type": content_type} if data is not None else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def median(measure):
    """The middle one of several rates, and of several latencies."""
    rates, latencies = zip(*(measure() for _ in range(REPEAT)), strict=True)
    return statistics.median(rates), statistics.median(latencies)


class Server:
    """A process pinned to a core."""

    def __init__(self, command, base, ready, environment=None, core=0):
        self.base = base
        started = time.monotonic()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=dict(os.environ, **(environment or {})),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                urllib.request.urlopen(base + ready, timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.monotonic() - started > 30:
                    raise SystemExit(f"{command[0]} did not start")
                time.sleep(0.002)
        self.start_seconds = time.monotonic() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    @property
    def pid(self):
        return self.process.pid


def aught(database, tools=None, state=None, core=0):
    """A server; `tools` is the environment of one with tools for developers, `state` tells it where its keys are."""
    port = free_port()
    command = [str(PROGRAMS / "aught"), "serve", "--developer-tools", "on" if tools else "off"]
    command += ["--listen", f"127.0.0.1:{port}", "--domain", "localhost", "--database", database]
    secrets = {"AUGHT_INITIAL_CLIENT_ID": CLIENT["client_id"], "AUGHT_INITIAL_CLIENT_SECRET": CLIENT["client_secret"]}
    environment = dict(secrets, AUGHT_LOG="error", **(tools or {}), **(state or {}))
    return Server(command, f"http://127.0.0.1:{port}", "/health/ready", environment, core)


def first_token(server):
    """A token for the Management API, and the request for it."""
    issuer = call(server.base, "GET", "/.well-known/openid-configuration")["issuer"]
    grant = dict(CLIENT, grant_type="client_credentials", audience=f"{issuer}api/v2/")
    return call(server.base, "POST", "/oauth/token", grant)["access_token"], grant


@contextmanager
def place(options, name):
    """A new database: its address, and what a server needs to know beside it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if options.postgres:
            yield stack.enter_context(nodes.database(options.postgres, name)), {"AUGHT_STATE_DIR": folder}
        else:
            yield str(Path(folder) / "aught.db"), {}


@contextmanager
def installation(options, name):
    """A new server with a database of its own, a token, and the request for that."""
    with place(options, name) as (database, state), aught(database, state=state) as server:
        yield server, *first_token(server)


def passwordless(server, token):
    """A connection whose users have no password, which would cost more than all else."""
    connection = {"name": "email", "strategy": "email", "enabled_clients": [CLIENT["client_id"]]}
    call(server.base, "POST", "/api/v2/connections", connection, token)


def wrk(server, script, seconds, connections=16, pinned=True):
    """Requests per CPU-second of the server, and the p99 latency in milliseconds."""
    core = ["taskset", "-c", "1"] if pinned else []
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        before = cpu_seconds(server.pid)
        output = subprocess.run(
            [*core, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", file.name, server.base],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        used = max(cpu_seconds(server.pid) - before, 1 / TICK)
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        raise SystemExit(f"{bad.group(0)}\n{script}\n{output}")
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    milliseconds = float(p99.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[p99.group(2)]
    return requests / used, milliseconds


def requests_over(paths, token):
    """A wrk script that asks for the paths in turn."""
    listed = ",".join(json.dumps(path) for path in paths)
    return f"""
local paths = {{{listed}}}
local at = 0
wrk.headers["authorization"] = "Bearer {token}"
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end"""


def posts(path, body, token=None):
    """A wrk script that posts; `@N@` in the body is a number that no other request has."""
    authorization = f'wrk.headers["authorization"] = "Bearer {token}"' if token else ""
    return f"""
local at = 0
wrk.headers["content-type"] = "application/json"
{authorization}
local body = {json.dumps(json.dumps(body))}
request = function()
  at = at + 1
  return wrk.format("POST", {json.dumps(path)}, nil, (body:gsub("@N@", tostring(os.time()) .. "-" .. tostring(at))))
end"""


def signatures():
    """RSA-2048 signatures per second of one core."""
    output = subprocess.run(
        ["taskset", "-c", "0", "openssl", "speed", "-seconds", "3", "-mr", "rsa2048"], check=True, capture_output=True, text=True
    ).stdout
    # Older releases print seconds per signature, newer ones signatures per second.
    figure = float(re.search(r"\+F2:\d+:2048:([\d.e-]+):", output).group(1))
    return WATCH.note("S", figure if figure > 1 else 1 / figure)


def hashes():
    """bcrypt hashes per second of one core, at the cost that new passwords get."""
    output = subprocess.run(["taskset", "-c", "0", str(PROGRAMS / "aught-floor"), "--bcrypt"], check=True, capture_output=True, text=True)
    return WATCH.note("bcrypt", float(output.stdout))


def user(number):
    return {
        "connection": "email",
        "email": f"user{number}@example.com",
        "name": f"User Number {number}",
        "given_name": f"Given{number % 1000}",
        "family_name": f"Family{number % 5000}",
        "email_verified": number % 2 == 0,
        "user_metadata": {"plan": ["free", "pro", "team"][number % 3], "team": number % 100},
        "app_metadata": {"tier": number % 10, "region": ["eu", "us"][number % 2]},
    }


def load_users(server, token, count):
    """Creates users over several connections; gives the ids of a sample."""
    def create(number):
        body = dict(user(number), email_verified=True, verify_email=False)
        return call(server.base, "POST", "/api/v2/users", body, token)["user_id"]

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(create, range(count)))
    return ids[:: max(1, count // SAMPLE)][:SAMPLE]


def files_of(users):
    """The users as texts of files that are as long as an import may be."""
    lines, length = [], 0
    for line in map(json.dumps, users):
        if length + len(line) > 500_000:
            yield "[" + ",".join(lines) + "]"
            lines, length = [], 0
        lines.append(line)
        length += len(line) + 1
    yield "[" + ",".join(lines) + "]"


def imported(number):
    """A user as a file of an import has one, with the hash of a password."""
    row = dict(user(number), email=f"imported{number}@example.com")
    row.pop("connection")
    return dict(row, password_hash="$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234")


def import_users(server, token, numbers):
    """Imports users, two files at a time; gives users per CPU-second of the server."""
    found = call(server.base, "GET", "/api/v2/connections?name=Username-Password-Authentication", token=token)
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'

    def begin(text):
        body = part.format("connection_id", found[0]["id"]) + part.format("users", text) + "--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        return call(server.base, "POST", "/api/v2/jobs/users-imports", body.encode(), token, kind)["id"]

    def ended(job):
        state = call(server.base, "GET", f"/api/v2/jobs/{job}", token=token)
        if state["status"] == "failed" or state.get("summary", {}).get("failed"):
            raise SystemExit(f"the import failed: {state}")
        return state["status"] == "completed"

    before = cpu_seconds(server.pid)
    active = []
    for text in files_of(map(imported, numbers)):
        while len(active) == 2:
            time.sleep(0.02)
            active = [job for job in active if not ended(job)]
        active.append(begin(text))
    while active:
        time.sleep(0.02)
        active = [job for job in active if not ended(job)]
    return len(numbers) / max(cpu_seconds(server.pid) - before, 1 / TICK)


def fetch(server, path, token):
    request = urllib.request.Request(server.base + path, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def floor(bytes_, seconds):
    """Requests per CPU-second of a trivial route that returns these bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes_)
        file.flush()
        port = free_port()
        command = [str(PROGRAMS / "aught-floor"), f"127.0.0.1:{port}", file.name]
        with Server(command, f"http://127.0.0.1:{port}", "/") as server:
            rate, _ = median(lambda: wrk(server, requests_over(["/"], "none"), seconds))
            return rate


def action_tokens(server, token, grant, seconds):
    """Tokens while an Action that does nothing runs for each, the processor time of its worker included."""
    with sign_in.bound_action(sys.modules[__name__], server, token, "credentials-exchange", "v2", "onExecuteCredentialsExchange"):
        return median(lambda: wrk(server, posts("/oauth/token", grant), seconds))


def create_with_passwords(server, token, path, seconds):
    """Users with passwords, for each CPU-second; the p99 latency of reads meanwhile, and before."""
    line, headers = limits.Line(server), {"authorization": f"Bearer {token}"}
    body = {"connection": "Username-Password-Authentication", "email": "secret-@N@@example.com", "password": sign_in.PASSWORD}
    taken, quiet, is_over = [], [], threading.Event()

    def read():
        times = quiet if not loaded.is_set() else taken
        times.append(line.ask("GET", path, headers=headers)[3])
        time.sleep(0.01)

    loaded = threading.Event()
    end = time.monotonic() + max(1, seconds / 2)
    while time.monotonic() < end:
        read()
    loaded.set()
    reads = threading.Thread(target=lambda: [read() for _ in iter(is_over.is_set, True)])
    reads.start()
    try:
        rate, _ = median(lambda: wrk(server, posts("/api/v2/users", dict(body, verify_email=False), token), seconds, connections=2))
    finally:
        is_over.set()
        reads.join()
    return rate, limits.p99(taken), limits.p99(quiet)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=1, help="how often each figure is taken; the median counts")
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL server on which databases may be made; needs psql")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="nothing but mixed load for so long, and whether memory stays as it is")
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--overload-seconds", type=int, default=60)
    parser.add_argument("--only", action="append")
    parser.add_argument("--json")
    return parser.parse_args()


def measure_all(options, rows):
    """The rows of one server with its database, and of its start."""

    def wanted(name):
        return not options.only or name in options.only

    def report(name, rate, yardstick, p99=None, note="", **more):
        ratio = rate / yardstick
        figures = {"per_cpu_second": round(rate, 1), "yardstick": round(yardstick, 1), "ratio": round(ratio, 4), "p99_ms": p99}
        rows.append({"name": name, **figures, **more})
        print(f"{name:<16}{rate:>12.1f}/CPU-s  yardstick {yardstick:>9.1f}  ratio {ratio:.3f}  p99 {p99 or 0:.2f} ms {note}", flush=True)

    def floor_of(bytes_):
        return floor(bytes_, options.seconds)

    nodes.run(sys.modules[__name__], options, report, wanted)
    if options.only and set(options.only) <= set(nodes.ROWS):
        return
    with place(options, "main") as (database, state):
        with aught(database, state=state) as server:
            starts, memory = {"first_boot": round(server.start_seconds, 3)}, {"idle_mb": round(resident_mb(server.pid), 1)}
            print(f"first boot {server.start_seconds:.3f} s, resident idle {memory['idle_mb']:.1f} MB")
        with aught(database, state=state) as server:
            starts["restart"] = round(server.start_seconds, 3)
            token, grant = first_token(server)
            if wanted("tokens") or wanted("action-tokens"):
                rate, p99 = median(lambda: wrk(server, posts("/oauth/token", grant), options.seconds))
                if wanted("tokens"):
                    report("tokens", rate, signatures(), p99)
                if wanted("action-tokens"):
                    with_action, p99 = action_tokens(server, token, grant, options.seconds)
                    report("action-tokens", with_action, rate, p99, "(an Action that does nothing, ÷ without)")
            sign_in.run(sys.modules[__name__], server, token, options, report, floor_of, wanted)
            flow_steps.run(sys.modules[__name__], server, token, options, report, wanted)
            if wanted("commits") and not options.postgres:
                setting = sign_in.Setting(sys.modules[__name__], server, token, users=1, name="Commits")
                commits.run(sys.modules[__name__], server, setting, database, rows)
            passwordless(server, token)
            before = cpu_seconds(server.pid)
            ids = load_users(server, token, options.users)
            # The kernel counts in hundredths: few users cost none of them.
            spent = max(cpu_seconds(server.pid) - before, 1 / TICK)
            print(f"{options.users} users created, {options.users / spent:.0f}/CPU-s, resident {resident_mb(server.pid):.1f} MB")

            def measure(name, paths):
                if not wanted(name):
                    return
                sample = fetch(server, paths[0], token)
                rate, p99 = median(lambda: wrk(server, requests_over(paths, token), options.seconds))
                report(name, rate, floor_of(sample), p99, f"({len(sample)} bytes)")

            quoted = [urllib.parse.quote(id_, safe="") for id_ in ids]
            measure("get-user", [f"/api/v2/users/{id_}" for id_ in quoted])
            if wanted("create-user"):
                body = {"connection": "email", "email": "new-@N@@example.com", "name": "New", "verify_email": False}
                rate, p99 = median(lambda: wrk(server, posts("/api/v2/users", body, token), options.seconds))
                report("create-user", rate, floor_of(fetch(server, f"/api/v2/users/{quoted[0]}", token)), p99)
            if wanted("create-password"):
                rate, loaded, quiet = create_with_passwords(server, token, f"/api/v2/users/{quoted[0]}", options.seconds)
                ratio = round(loaded / max(quiet, 0.001), 2)
                report("create-password", rate, hashes(), loaded, f"(of reads meanwhile, {ratio} × quiet)", reads_p99_ratio=ratio)
            measure("list-users", ["/api/v2/users?per_page=50&include_totals=true"])
            step = max(1, options.users // SAMPLE)
            exact = [f'email:"user{number}@example.com"' for number in range(0, options.users, step)]
            measure("search-exact", [f"/api/v2/users?q={urllib.parse.quote(q)}" for q in exact])
            prefix = [f"name:user\\ number\\ {number}*" for number in range(100, 1000)]
            measure("search-prefix", [f"/api/v2/users?per_page=10&q={urllib.parse.quote(q)}" for q in prefix])
            memory["load_mb"] = round(resident_mb(server.pid), 1)
            print(f"resident under load {memory['load_mb']:.1f} MB")
            if wanted("import-users"):
                rate = import_users(server, token, range(options.users))
                rows.append({"name": "import-users", "per_cpu_second": round(rate)})
                print(f"import-users    {rate:>12.0f}/CPU-s, resident {resident_mb(server.pid):.1f} MB", flush=True)
        with aught(database, state=state) as server:
            starts["restart_with_users"] = round(server.start_seconds, 3)
            print(f"restart with {options.users} users {server.start_seconds:.3f} s")
        rows.append({"name": "start", **starts})
        rows.append({"name": "memory", **memory})


def main():
    global REPEAT
    options, rows = parsed(), []
    REPEAT = options.repeat
    # The floor is a yardstick too: measured first and last with the same bytes, it tells how steady the machine is.
    WATCH.note("F", floor(b"{}", options.seconds))
    signatures()
    if options.soak:
        growth.soak(sys.modules[__name__], options, rows)
    else:
        limits.run(sys.modules[__name__], options, rows)
        if "scale" in (options.only or []):
            growth.scale(sys.modules[__name__], options, rows)
        if not options.only or set(options.only) - {"hash-overload", "sessions", "scale"}:
            measure_all(options, rows)
    WATCH.note("F", floor(b"{}", options.seconds))
    signatures()
    noise = WATCH.verdict(bool(options.postgres))
    rows.append(noise)
    print("\n" + "\n".join(promised.table(rows, noise["too_noisy"])))
    print(f"\n{'too noisy to tell: ' + ', '.join(noise['because']) if noise['too_noisy'] else 'the machine was quiet enough'}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
