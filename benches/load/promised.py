"""What is promised, as data: each row of the table says what it is, what it must be, and which of the bench's rows tell what it is."""

from dataclasses import dataclass


@dataclass
class Promise:
    """`must` is compared with `key` of the bench's row: at least that much, or at most."""

    what: str
    row: str
    must: float
    aim: float | None = None
    key: str = "ratio"
    at_most: bool = False


AT_LEAST = [
    Promise("client credentials ÷ S", "tokens", 0.75, 0.85),
    Promise("the same with an Action that does nothing ÷ without", "action-tokens", 0.5, 0.7),
    Promise("read a user ÷ F", "get-user", 0.35, 0.5),
    Promise("create a user without a password ÷ F", "create-user", 0.10, 0.2),
    Promise("create a user with a password ÷ bcrypt", "create-password", 0.95),
    Promise("list 50 users with the total ÷ F", "list-users", 0.10, 0.5),
    Promise("exact search ÷ F", "search-exact", 0.15, 0.3),
    Promise("import, users per CPU-second", "import-users", 15_000, 30_000, key="per_cpu_second"),
    Promise("login with a session × σ ÷ S", "session-login", 0.65, 0.80),
    Promise("the same with an Action that does nothing ÷ without", "action-login", 0.5, 0.7),
    Promise("login by password ÷ bcrypt", "password-login", 0.95, 0.98),
    Promise("refresh × σ ÷ S", "refresh", 0.70, 0.85),
    Promise("userinfo ÷ F", "userinfo", 0.30, 0.45),
    Promise("silent authentication ÷ F", "silent-auth", 0.08, 0.15),
    Promise("login page ÷ F", "login-page", 0.10, 0.2),
    Promise("two nodes ÷ one: client credentials", "two-nodes-tokens", 1.9),
    Promise("two nodes ÷ one: read a user", "two-nodes-get-user", 1.9),
    Promise("two nodes ÷ one: create a user", "two-nodes-create-user", 1.9),
]

AT_MOST = [
    Promise("reads while passwords are hashed, p99 ÷ quiet", "create-password", 3, key="reads_p99_ratio"),
    Promise("prefix search, p99 in ms", "search-prefix", 5, 2, key="p99_ms"),
    Promise("login page with style and script, KB", "login-page", 30, 15, key="kilobytes"),
    Promise("twice the hashing capacity: refresh, p99 ÷ quiet", "hash-overload", 3, 2, key="refresh_ratio"),
    Promise("twice the hashing capacity: userinfo, p99 ÷ quiet", "hash-overload", 3, 2, key="userinfo_ratio"),
    Promise("twice the hashing capacity: refused within, ms", "hash-overload", 250, 50, key="refused_p99_ms"),
    Promise("durable commits: authorization with a session", "commits", 1, key="authorization"),
    Promise("durable commits: exchange of a code", "commits", 1, key="exchange"),
    Promise("durable commits: refresh", "commits", 1, key="refresh"),
    Promise("bytes on disk for each session", "sessions", 600, key="bytes_each_on_disk"),
    Promise("first boot, s", "start", 0.3, 0.15, key="first_boot"),
    Promise("restart, s", "start", 0.05, 0.03, key="restart"),
    Promise("restart with the users, s", "start", 0.3, 0.1, key="restart_with_users"),
    Promise("resident memory idle, MB", "memory", 25, 15, key="idle_mb"),
    Promise("resident memory under load, MB", "memory", 80, 50, key="load_mb"),
    Promise("cost at all users ÷ at a hundredth: read", "scale-get", 1.3),
    Promise("cost at all users ÷ at a hundredth: list", "scale-list", 1.3),
    Promise("cost at all users ÷ at a hundredth: search", "scale-search", 1.3),
    Promise("cost at all users ÷ at a hundredth: create", "scale-create", 1.3),
    Promise("soak: memory at the end ÷ at the start", "soak", 1.2, key="growth"),
]

# Promises that tests keep, not this bench.
ELSEWHERE = [
    ("10,000 tenants: start, p99 of a read ÷ alone", "1 s; 1.1", "crates/aught/tests/it/many_tenants.rs"),
    ("kill -9 under writes: acknowledged writes lost", "0", "crates/aught/tests/it/crash.rs"),
    ("PostgreSQL restarted under load: lost; back within", "0; 5 s", "crates/aught/tests/it/outages.rs"),
]


def judged(rows):
    """Each promise with what was reached and whether that is enough; None where it was not measured."""
    by_name = {row["name"]: row for row in rows}
    for at_most, promises in ((False, AT_LEAST), (True, AT_MOST)):
        for promise in promises:
            reached = by_name.get(promise.row, {}).get(promise.key)
            holds = None if reached is None else (reached <= promise.must if at_most else reached >= promise.must)
            yield promise, "≤" if at_most else "≥", reached, holds


def table(rows, is_noisy):
    """The lines of the table. Where the machine was too noisy, nobody knows what holds."""
    verdicts = {None: "–", True: "?" if is_noisy else "yes", False: "?" if is_noisy else "NO"}
    yield f"| {'what':<58} | {'must':>9} | {'aim':>7} | {'reached':>9} | holds |"
    yield f"|{'-' * 60}|{'-' * 11}|{'-' * 9}|{'-' * 11}|-------|"
    for promise, sign, reached, holds in judged(rows):
        aim = "" if promise.aim is None else f"{promise.aim:,g}"
        told = "–" if reached is None else f"{reached:.4g}" if reached < 1000 else f"{reached:,.0f}"
        yield f"| {promise.what:<58} | {sign} {promise.must:>7,g} | {aim:>7} | {told:>9} | {verdicts[holds]:<5} |"
    for what, must, where in ELSEWHERE:
        yield f"| {what:<58} | {must:>9} | {'':>7} | {'–':>9} | {where} |"
