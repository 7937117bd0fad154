"""The API as an apply leaves it: who may reach it and be let in, and that drift and rollback see it."""

import json
import time
from collections.abc import Callable

import pytest
from hosts.story import Site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R31")]

ASK = """import json, ssl, sys, urllib.error, urllib.request
method, path, token, body = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
request = urllib.request.Request("https://10.77.0.13:9443/api/v1" + path, body.encode() or None, headers, method=method)
try:
    context = ssl.create_default_context(cafile="/etc/pbx/tls/ca.pem")
    answer = urllib.request.urlopen(request, context=context, timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, json.loads(answer.read() or b"null")]))"""


def ask(site: Site, token: str, path: str, method: str = "GET", body: str = "") -> tuple[int, object]:
    """From another host, by the lab's own authority."""
    status, document = json.loads(site.lab.exec("edge1", "python3", "-c", ASK, method, path, token, body).stdout)
    return status, document


def until(found: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.3)


def token_of(site: Site, name: str) -> str:
    return site.pbx("credentials", "--api-token", name, expect=0).stdout.strip()


def test_tokens_of_the_yaml_open_the_api(site: Site) -> None:
    console = token_of(site, "console")
    assert ask(site, console, "/health") == (200, {"status": "ok", "calls": [{"name": "calls1", "connected": True}]})
    assert ask(site, console, "/me")[1]["tenant"] == "romashka"  # type: ignore[index]
    status, people = ask(site, console, "/people")
    assert status == 200 and "ivanov" in {one["user"] for one in people["people"]}  # type: ignore[index]
    assert ask(site, console, "/records")[0] == 200  # the store, which the API may only read
    wallboard = token_of(site, "romashka/wallboard")
    assert (ask(site, wallboard, "/calls")[0], ask(site, wallboard, "/records")[0]) == (200, 403)
    assert ask(site, "pbx_" + "a" * 26, "/calls")[0] == 401


def test_nobody_is_registered_so_a_call_ends_at_once_and_is_recorded(site: Site) -> None:
    console = token_of(site, "console")
    status, placed = ask(site, console, "/calls", "POST", '{"user": "ivanov", "to": "202"}')
    assert status == 202
    until(lambda: ask(site, console, f"/records/{placed['call']}")[0] == 200, "the record")  # type: ignore[index]
    audit = site.lab.exec("calls1", "tail", "-1", "/var/lib/pbx-web/audit.jsonl").stdout
    assert json.loads(audit)["what"]["to"] == "202" and console not in audit


def test_the_api_may_not_use_the_control_socket_nor_write_the_store(site: Site) -> None:
    program = "import socket; socket.socket(socket.AF_UNIX).connect('/run/pbx-calls/control.sock')"
    as_web = ["setpriv", "--reuid", "pbx-web", "--regid", "pbx-web", "--groups", "pbx", "python3", "-c"]
    assert "PermissionError" in refused(site, *as_web, program)
    program = "open('/var/lib/pbx/store.sqlite', 'r+b')"
    assert "PermissionError" in refused(site, *as_web, program)


def refused(site: Site, *command: str) -> str:
    done = site.lab.exec("calls1", *command, check=False)
    assert done.returncode != 0
    return done.stderr


def test_drift_sees_a_token_by_hand_and_an_apply_takes_it_away(site: Site) -> None:
    site.lab.exec("calls1", "sh", "-c", "echo '{\"tenants\": {}}' > /var/lib/pbx-web/tokens.json")
    found = site.changes("drift", expect=2)
    assert found["calls1"] == ["~ file /var/lib/pbx-web/tokens.json (content)"]
    before = site.pid("calls1", "pbx-web.service")
    old = token_of(site, "console")
    site.edit("console: {role: admin}", "console: {role: admin, generation: 2}")
    site.pbx("apply", expect=0)
    assert site.pid("calls1", "pbx-web.service") == before  # tokens are read anew, nothing is restarted
    until(lambda: ask(site, token_of(site, "console"), "/me")[0] == 200, "the new token is known")
    assert ask(site, old, "/me")[0] == 401
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
