"""Databases on a PostgreSQL server, and two nodes that share one: what both do together, in parts of what one does alone."""

import os
import subprocess
import tempfile
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

ROWS = ("two-nodes-tokens", "two-nodes-get-user", "two-nodes-create-user")


@contextmanager
def database(server, name):
    """A new database on a server; its address. It is dropped in the end."""

    def run(statement):
        subprocess.run(["psql", "--quiet", server, "--command", statement], check=True, stdout=subprocess.DEVNULL)

    name = f"aught_load_{os.getpid()}_{name}"
    run(f"CREATE DATABASE {name}")
    try:
        yield urllib.parse.urlunsplit(urllib.parse.urlsplit(server)._replace(path=f"/{name}"))
    finally:
        run(f"DROP DATABASE {name} WITH (FORCE)")


def run(bench, options, report, wanted):
    """The rows where a PostgreSQL server is named: the nodes are pinned to a core each."""
    if not options.postgres or not any(map(wanted, ROWS)):
        return
    with tempfile.TemporaryDirectory() as folder, database(options.postgres, "nodes") as url:
        state = {"AUGHT_STATE_DIR": folder}
        with bench.aught(url, state=state) as first:
            token, grant = bench.first_token(first)
            bench.passwordless(first, token)
            ids = bench.load_users(first, token, min(options.users, 1_000))
            paths = [f"/api/v2/users/{urllib.parse.quote(id_, safe='')}" for id_ in ids]
            body = {"connection": "email", "email": "@NODE@-@N@@example.com", "name": "New", "verify_email": False}
            scripts = {
                "two-nodes-tokens": lambda _: bench.posts("/oauth/token", grant),
                "two-nodes-get-user": lambda _: bench.requests_over(paths, token),
                "two-nodes-create-user": lambda node: bench.posts("/api/v2/users", dict(body, email=f"{node}-@N@@example.com"), token),
            }
            wished = [name for name in ROWS if wanted(name)]

            def alone(name):
                return bench.median(lambda: bench.wrk(first, scripts[name]("a"), options.seconds, pinned=False))

            one = {name: alone(name) for name in wished}
            with bench.aught(url, state=state, core=1) as second, ThreadPoolExecutor(2) as pool:

                def both(name):
                    loads = [(first, scripts[name]("b")), (second, scripts[name]("c"))]
                    told = list(pool.map(lambda load: bench.wrk(*load, options.seconds, pinned=False), loads))
                    return sum(rate for rate, _ in told), max(p99 for _, p99 in told)

                for name in wished:
                    rate, p99 = bench.median(lambda name=name: both(name))
                    report(name, rate, one[name][0], p99, "(both nodes for each CPU-second of one, ÷ one alone)")
