"""What a hundred times as many users cost, and whether memory stays as it is for as long as the load lasts."""

import time
import urllib.parse

ROWS = ("scale-get", "scale-list", "scale-search", "scale-create")
# The most that memory may grow during a soak: parts of what it was at the start.
MOST_GROWTH = 1.2
FEW, SAMPLE = 0.01, 200


def costs(bench, server, token, count, seconds):
    """CPU-seconds of the server for each request of each row, with so many users there."""
    step = max(1, count // SAMPLE)
    asked = [f'email:"imported{number}@example.com"' for number in range(0, count, step)]
    search = [f"/api/v2/users?q={urllib.parse.quote(q)}" for q in asked]
    found = [bench.call(server.base, "GET", f"{path}&fields=user_id", token=token) for path in search]
    get = [f"/api/v2/users/{urllib.parse.quote(users[0]['user_id'], safe='')}" for users in found]
    body = {"connection": "email", "email": "new-@N@@example.com", "name": "New", "verify_email": False}
    scripts = {
        "scale-get": bench.requests_over(get, token),
        "scale-list": bench.requests_over(["/api/v2/users?per_page=50&include_totals=true"], token),
        "scale-search": bench.requests_over(search, token),
        "scale-create": bench.posts("/api/v2/users", body, token),
    }
    return {name: bench.median(lambda script=script: bench.wrk(server, script, seconds)) for name, script in scripts.items()}


def scale(bench, options, rows):
    """Only where `scale` is named: the rows at `--users`, against their cost at a hundredth of them."""
    few = max(SAMPLE, int(options.users * FEW))
    with bench.installation(options, "scale") as (server, token, _):
        bench.passwordless(server, token)
        bench.import_users(server, token, range(few))
        before = costs(bench, server, token, few, options.seconds)
        rate = bench.import_users(server, token, range(few, options.users))
        print(f"{options.users} users imported, {rate:.0f}/CPU-s, resident {bench.resident_mb(server.pid):.1f} MB", flush=True)
        after = costs(bench, server, token, options.users, options.seconds)
        for name in ROWS:
            (quick, _), (slow, p99) = before[name], after[name]
            cost = quick / slow
            figures = {"per_cpu_second": round(slow, 1), "yardstick": round(quick, 1), "ratio": round(cost, 4), "p99_ms": p99}
            rows.append({"name": name, **figures, "users": options.users})
            print(f"{name:<16}{slow:>12.1f}/CPU-s  at {few} users {quick:>9.1f}  costs {cost:.2f} times  p99 {p99:.2f} ms", flush=True)


def soak(bench, options, rows):
    """Mixed load for so many minutes; tells whether memory stayed as it was. It starts when everything has been asked once."""
    with bench.installation(options, "soak") as (server, token, grant):
        bench.passwordless(server, token)
        ids = bench.load_users(server, token, min(options.users, 10_000))
        paths = [f"/api/v2/users/{urllib.parse.quote(id_, safe='')}" for id_ in ids]
        body = {"connection": "email", "email": "new-@N@@example.com", "name": "New", "verify_email": False}
        searches = [f"/api/v2/users?per_page=10&q=name:user\\%20number\\%20{number}*" for number in range(10, 100)]
        loads = {
            "tokens": bench.posts("/oauth/token", grant),
            "reads": bench.requests_over(paths, token),
            "creates": bench.posts("/api/v2/users", body, token),
            "lists": bench.requests_over(["/api/v2/users?per_page=50&include_totals=true", "/api/v2/logs?per_page=10"], token),
            "searches": bench.requests_over(searches, token),
        }
        end, memory = time.monotonic() + 60 * options.soak, []
        while not memory or time.monotonic() < end:
            # A token lasts a day, a soak may last longer.
            rates = {name: round(bench.wrk(server, script, options.seconds)[0]) for name, script in loads.items()}
            memory.append(bench.resident_mb(server.pid))
            print(f"soak: {memory[-1]:.1f} MB resident, for each CPU-second {rates}", flush=True)
        start, middle, last = memory[0], memory[len(memory) // 2], memory[-1]
        row = {"start_mb": round(start, 1), "middle_mb": round(middle, 1), "end_mb": round(last, 1), "growth": round(last / start, 3)}
        rows.append({"name": "soak", "minutes": options.soak, **row})
        print(f"soak of {options.soak} minutes: resident {start:.1f} MB at the start, {middle:.1f} in the middle, {last:.1f} at the end", flush=True)
        if last > start * MOST_GROWTH:
            raise SystemExit(f"memory grew to {last / start:.2f} times what it was at the start; {MOST_GROWTH} is the most")
