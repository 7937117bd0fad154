"""Each route, for each role, of its own tenant and of another: made from the application's own list of routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from web import mail
from web.place import ANSWERS, ROLES, Web, until

from pbx.web.access import Tokens
from pbx.web.app import PREFIX, bare
from pbx.web.audit import AuditLog
from pbx.web.records import RecordStore
from pbx.web.service import Service

pytestmark = pytest.mark.row("R31")

READERS = set(ROLES)
# What each route may be asked by: written down here once more, so that a change of the application is seen.
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("GET", "/me"): READERS,
    ("GET", "/audit"): {"admin"},
    ("GET", "/calls"): READERS,
    ("POST", "/calls"): {"admin", "supervisor", "user"},
    ("GET", "/calls/{call}"): READERS,
    ("DELETE", "/calls/{call}"): {"admin", "supervisor", "user"},
    ("POST", "/calls/{call}/transfer"): {"admin", "supervisor", "user"},
    ("POST", "/calls/{call}/conference"): {"admin", "supervisor", "user"},
    ("POST", "/calls/{call}/park"): {"admin", "supervisor", "user"},
    ("POST", "/calls/{call}/recording"): {"admin", "supervisor", "user"},
    ("GET", "/conferences"): READERS,
    ("GET", "/conferences/{conference}"): READERS,
    ("GET", "/conferences/{conference}/members"): READERS,
    ("POST", "/conferences/{conference}/members"): {"admin", "supervisor"},  # and a user who moderates
    ("POST", "/conferences/{conference}/lock"): {"admin", "supervisor"},
    ("POST", "/conferences/{conference}/unlock"): {"admin", "supervisor"},
    ("POST", "/conferences/{conference}/members/{call}/mute"): {"admin", "supervisor", "user"},  # herself
    ("POST", "/conferences/{conference}/members/{call}/unmute"): {"admin", "supervisor", "user"},
    ("DELETE", "/conferences/{conference}/members/{call}"): {"admin", "supervisor"},
    ("GET", "/records"): READERS,
    ("GET", "/records/{record}"): READERS,
    ("GET", "/people"): READERS,
    ("GET", "/people/{user}"): READERS,
    ("GET", "/people/{user}/settings"): READERS,
    ("PUT", "/people/{user}/settings/{key}"): {"admin", "user"},
    ("GET", "/registrations"): READERS,
    ("GET", "/voicemails"): {"admin", "user"},
    ("GET", "/voicemails/{voicemail}/mails"): {"admin", "user"},
    ("PUT", "/voicemails/{voicemail}/pin"): {"admin", "user"},
    ("GET", "/messages"): {"admin", "user"},
    ("GET", "/messages/{message}"): {"admin", "user"},
    ("GET", "/messages/{message}/sound"): {"admin", "user"},
    ("GET", "/messages/{message}/text"): {"admin", "user"},
    ("PUT", "/messages/{message}"): {"admin", "user"},
    ("DELETE", "/messages/{message}"): {"admin", "user"},
    ("GET", "/events"): READERS,
    ("GET", "/recordings"): READERS,
    ("GET", "/recordings/{recording}"): READERS,
    ("GET", "/recordings/{recording}/sound"): {"admin", "supervisor", "user"},
    ("GET", "/recordings/{recording}/peaks"): {"admin", "supervisor", "user"},
    ("GET", "/recordings/{recording}/history"): {"admin"},
    ("GET", "/recordings/history"): {"admin"},
    ("PUT", "/recordings/{recording}/hold"): {"admin"},
    ("DELETE", "/recordings/{recording}/hold"): {"admin"},
    ("POST", "/recordings/erase"): {"admin"},
    ("POST", "/recordings/export"): {"admin"},
}
OPEN = {("GET", "/health")}
NAMED = ("call", "record", "user", "conference", "recording")
OK = {
    ("POST", "/calls"): 202,
    ("DELETE", "/calls/{call}"): 204,
    ("POST", "/calls/{call}/transfer"): 409,  # to boris, with whom she talks
    ("POST", "/calls/{call}/conference"): 409,  # the same
    ("POST", "/calls/{call}/park"): 202,
    ("POST", "/calls/{call}/recording"): 409,  # nothing is recorded
    ("DELETE", "/messages/{message}"): 204,
    ("GET", "/messages/{message}/text"): 404,  # nobody has written it down
    ("PUT", "/voicemails/{voicemail}/pin"): 204,
    **{route: 204 for route in ALLOWED if "/conferences/" in route[1] and route[0] != "GET"},
    ("POST", "/conferences/{conference}/members"): 202,
}
BODY = {"user": "anna", "to": "202"}
RECORDING_BODIES = {
    ("PUT", "hold"): {"reason": "claim 12/2026"},
    ("POST", "erase"): {"number": "+79990000000", "reason": "she asked for it"},
    ("POST", "export"): {"recordings": ["kept-house"]},
}
BODIES = {"POST": BODY, "PUT": {"value": None}}


def routes() -> Iterator[tuple[str, str]]:
    nowhere = Path("/nonexistent")
    app = bare(Service({}, Tokens(nowhere), RecordStore(""), AuditLog(nowhere)))
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path.removeprefix(PREFIX)


def test_every_route_is_in_the_table() -> None:
    assert set(routes()) == set(ALLOWED) | OPEN


@pytest.fixture(scope="module")
def talking(served: Web) -> Iterator[dict[str, dict[str, str]]]:
    """A call of anna with boris that is up, and a record that was, in both tenants."""
    served.people.update({"anna-desk": ANSWERS, "boris-desk": ANSWERS})
    ids: dict[str, dict[str, str]] = {}
    for tenant in ("house", "other"):
        with served.client(tenant) as client:
            over = client.post("/calls", json=BODY).json()["call"]
            until(lambda: client.delete(f"/calls/{over}").status_code == 204, "it is hung up")  # noqa: B023
            until(lambda: client.get(f"/records/{over}").status_code == 200, "its record is there")  # noqa: B023
            ids[tenant] = {"record": over, "user": "anna", "key": "do_not_disturb", "recording": f"kept-{tenant}"}
            served.keeper.put(f"kept-{tenant}", tenant=tenant)
            until(lambda: client.get(f"/recordings/kept-{tenant}").status_code == 200, "it is kept")  # noqa: B023
    yield ids


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def ask(served: Web, client: httpx.Client, method: str, path: str) -> int:
    if method == "PUT" and path.startswith("/voicemails/"):
        return client.put(path, json={"pin": "7391"}).status_code
    if method == "PUT" and path.startswith("/messages/"):
        return client.put(path, json={"state": "saved"}).status_code
    if path == "/events":  # never ends
        with client.stream("GET", path) as response:
            return response.status_code
    if path.startswith("/recordings"):
        return client.request(method, path, json=RECORDING_BODIES.get((method, path.rpartition("/")[2]))).status_code
    body: object = {"user": "anna"} if path.endswith("/park") else BODIES.get(method)
    if path.endswith("/recording"):
        body = {"action": "pause"}
    return client.request(method, path, json=body).status_code


def a_call(served: Web, tenant: str) -> str:
    """One of anna that is up."""
    with served.client(tenant) as admin:
        call: str = admin.post("/calls", json=BODY).json()["call"]
        until(lambda: admin.get(f"/calls/{call}").json().get("state") == "talking", "they talk")
    return call


def a_member(served: Web, tenant: str) -> str:
    """A call in which anna is in the room `open`."""
    with served.client(tenant) as admin:
        call: str = admin.post("/calls", json={"user": "anna", "to": "800"}).json()["call"]

        def is_in() -> bool:
            return call in {one["call"] for one in admin.get("/conferences/open/members").json()["members"]}

        until(is_in, "anna is in the room")
    return call


@pytest.mark.parametrize("method, path", sorted(ALLOWED))
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says(
    served: Web, talking: dict[str, dict[str, str]], method: str, path: str, role: str
) -> None:
    ids = dict(talking["house"])
    if "{conference}" in path:
        ids |= {"conference": "open", "call": a_member(served, "house")}
    elif "{voicemail}" in path:
        ids |= {"voicemail": "anna"}
    elif "{message}" in path:
        ids |= {"message": mail.leave(served, "house") if method == "DELETE" else mail.one(served, "house")}
    elif "{call}" in path:
        ids |= {"call": a_call(served, "house")}
    with served.client("house", role) as client:
        status = ask(served, client, method, filled(path, ids))
    if "{conference}" in path:
        with served.client("house") as admin:
            admin.post("/conferences/open/unlock")  # for the next: who was called in stays
            admin.delete(f"/calls/{ids['call']}")
    expected = OK.get((method, path), 200) if role in ALLOWED[method, path] else 403
    assert status == expected


@pytest.mark.parametrize("method, path", sorted(route for route in ALLOWED if "{" in route[1]))
@pytest.mark.parametrize("role", ROLES)
def test_what_belongs_to_another_tenant_is_not_there(
    served: Web, talking: dict[str, dict[str, str]], method: str, path: str, role: str
) -> None:
    """Also for whoever may do it at home; a user of the same name is one's own."""
    if "{user}" in path:
        ids = {"user": "nobody-here", "key": "do_not_disturb"}
    elif "{voicemail}" in path:
        ids = {"voicemail": "not-here"}
    elif "{conference}" in path:
        ids = {"conference": "not-here", "call": "x"}
    else:
        ids = (
            talking["other"]
            | {"message": mail.one(served, "other")}
            | ({"call": a_call(served, "other")} if "{call}" in path else {})
        )
    with served.client("house", role) as client:
        status = ask(served, client, method, filled(path, ids))
    may = ALLOWED[method, path] | ({"user"} if "{conference}" in path and role == "user" else set())  # if it moderated
    assert status == (404 if role in may else 403)
    if "{call}" in path and "{conference}" not in path:
        with served.client("other") as client:
            assert client.get(f"/calls/{ids['call']}").status_code == 200  # it goes on
            client.delete(f"/calls/{ids['call']}")


@pytest.mark.parametrize("method, path", sorted(ALLOWED))
@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer pbx_wrong", "Basic cGJ4OnBieA==", "Bearer \udce4"])
def test_nobody_may_anything_without_a_token_that_is_known(served: Web, method: str, path: str, sent: str) -> None:
    raw = [(b"Authorization", sent.encode("latin-1", "surrogateescape"))] if sent else []
    with served.client(role="") as client:
        request = client.build_request(
            method,
            filled(
                path,
                dict.fromkeys(NAMED, "x") | {"key": "forward.busy"},
            ),
            headers=raw,
        )
        answer = client.send(request)
    assert answer.status_code in (401, 429)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_lists_show_only_the_own_tenant_and_a_user_only_the_own_calls(
    here: Web, talking: dict[str, dict[str, str]]
) -> None:
    here.people["gleb-desk"] = here.people["anna-desk"]
    mine, others = a_call(here, "house"), a_call(here, "other")
    with here.client("house", "supervisor") as supervisor, here.client("house", "user") as anna:
        third = supervisor.post("/calls", json={"user": "gleb", "to": "202"}).json()["call"]
        listed = {call["call"] for call in supervisor.get("/calls").json()["calls"]}
        assert {mine, third} <= listed and others not in listed
        assert [call["call"] for call in anna.get("/calls").json()["calls"]] == [mine]
        assert anna.get(f"/calls/{third}").status_code == 404
        assert anna.delete(f"/calls/{third}").status_code == 404
        assert anna.post("/calls", json={"user": "gleb", "to": "202"}).status_code == 403
        assert anna.get("/records", params={"user": "gleb"}).status_code == 403
        supervisor.delete(f"/calls/{third}")
        until(lambda: supervisor.get(f"/records/{third}").json().get("ended"), "the record")
        assert anna.get(f"/records/{third}").status_code == 404
        assert third not in {one["id"] for one in anna.get("/records").json()["records"]}
        found = {one["id"] for one in supervisor.get("/records", params={"limit": 200}).json()["records"]}
        assert {third, talking["house"]["record"]} <= found and talking["other"]["record"] not in found
