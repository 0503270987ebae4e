"""Generated requests for every served operation of the contract: no input may make the server answer 5xx.

Started as `aught run -- python fuzz.py [EXAMPLES [SEED]]`; the same seed asks the same. It writes an OpenAPI document from `contract/management-v2.json`, gets a
token with every scope, and lets schemathesis ask each operation so many times.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
# What the run may not take away from itself: the tenant's signing keys, with which its token is verified.
LEFT_ALONE = {"/keys/signing/rotate", "/keys/signing/{kid}/revoke"}
# Streams without an end.
ENDLESS = {"/events"}


def document():
    """The contract in the form that OpenAPI tools read; schemas that it names are the contract's own."""
    published = json.loads((CONTRACT / "management-v2.json").read_text())
    paths = {}
    for path, methods in published["paths"].items():
        served = {
            method: {
                "operationId": operation["operationId"],
                "tags": [operation["tag"]],
                "parameters": operation.get("parameters", []),
                **({"requestBody": operation["requestBody"]} if "requestBody" in operation else {}),
                "responses": {"default": {"description": "any answer but a failure of the server"}},
            }
            for method, operation in methods.items()
        }
        if path not in LEFT_ALONE | ENDLESS:
            paths[path] = served
    return {
        "openapi": "3.1.0",
        "info": {"title": "Management API v2", "version": "2"},
        "paths": paths,
        "components": {"schemas": published["schemas"]},
    }


def token(domain):
    wanted = {
        "grant_type": "client_credentials",
        "client_id": os.environ["AUTH0_CLIENT_ID"],
        "client_secret": os.environ["AUTH0_CLIENT_SECRET"],
        "audience": f"https://{domain}/api/v2/",
    }
    request = urllib.request.Request(
        f"https://{domain}/oauth/token", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["access_token"]


def main():
    domain = os.environ["AUTH0_DOMAIN"]
    examples = sys.argv[1] if len(sys.argv) > 1 else "10"
    seed = ["--seed", sys.argv[2]] if len(sys.argv) > 2 else []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(document()))
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            *("run", str(file), "--url", f"https://{domain}/api/v2", "--header", f"Authorization: Bearer {token(domain)}"),
            *("--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", examples),
            *("--workers", "2", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", *seed),
        ]
        return subprocess.run(command, cwd=folder, env={**os.environ, "COLUMNS": "120"}).returncode


if __name__ == "__main__":
    sys.exit(main())
