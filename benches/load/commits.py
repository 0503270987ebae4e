"""How often SQLite commits durably for what a browser or an application asks once."""

import re
import urllib.parse
from pathlib import Path

import sign_in


def commits(database):
    """The commits in SQLite's log since it was begun anew."""
    log = Path(f"{database}-wal").read_bytes()
    page, salt, at, count = int.from_bytes(log[8:12], "big"), log[16:24], 32, 0
    # The last frame of a commit holds the size of the database; frames of an older log have another salt.
    while log[at + 8 : at + 16] == salt:
        count += log[at + 4 : at + 8] != b"\0\0\0\0"
        at += 24 + page
    return count


def commits_of(database, act, attempts=5):
    """The commits that an act takes: the fewest of several, as jobs commit too."""
    counts = []
    for _ in range(attempts):
        before = commits(database)
        act()
        counts.append(commits(database) - before)
    return min(count for count in counts if count >= 0)


def run(bench, server, setting, database, rows):
    """The row; SQLite alone tells it."""
    browser, ask = sign_in.Browser(server.base), {"codes": []}
    ask["refresh"] = setting.tokens(browser, setting.emails[0])["refresh_token"]

    def authorize():
        status, location, text = browser.fetch(setting.authorize(prompt="none"))
        found = re.search(r"[?&]code=([^&]+)", location or "")
        if status != 302 or not found:
            raise SystemExit(f"no code: {status} {location} {text}")
        ask["codes"].append(urllib.parse.unquote(found.group(1)))

    def token(**fields):
        return bench.call(server.base, "POST", "/oauth/token", setting.exchange(**fields))

    def exchange():
        token(grant_type="authorization_code", code=ask["codes"].pop(), redirect_uri=sign_in.REDIRECT_URI)

    def refresh():
        ask["refresh"] = token(grant_type="refresh_token", refresh_token=ask["refresh"])["refresh_token"]

    acts = {"authorization": authorize, "exchange": exchange, "refresh": refresh}
    row = {"name": "commits", **{name: commits_of(database, act) for name, act in acts.items()}}
    rows.append(row)
    print(f"commits: {', '.join(f'{name} {row[name]}' for name in acts)}", flush=True)
