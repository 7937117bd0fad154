"""Calls by the API, with the client that is generated from the OpenAPI document."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web.place import Web, secret_of, until

from pbx.calls.simulated.world import Person

pytestmark = pytest.mark.row("R06")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package `pbx_client`, made now."""
    folder = tmp_path_factory.mktemp("client")
    document = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
    (folder / "config.yml").write_text(
        "package_name_override: pbx_client\nproject_name_override: pbx-client\npost_hooks: []\n"
        "content_type_overrides: {audio/wav: application/octet-stream, application/zip: application/octet-stream}\n"
    )
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--meta", "none",
         "--config", str(folder / "config.yml"), "--output-path", str(folder / "pbx_client"), "--fail-on-warning"],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("pbx_client")
    sys.path.remove(str(folder))


def client_of(generated: Any, here: Web, role: str = "admin") -> Any:
    return generated.AuthenticatedClient(base_url=here.base, token=secret_of("house", role), verify_ssl=here.trust())


def api(name: str) -> Any:
    return importlib.import_module(f"pbx_client.api.{name}")


def test_a_call_from_asking_for_it_to_its_record(here: Web, generated: Any) -> None:
    models = importlib.import_module("pbx_client.models")
    with client_of(generated, here) as client:
        wanted = models.NewCall(user="anna", to="202")
        answer = api("calls.place_call").sync_detailed(client=client, body=wanted)
        assert answer.status_code == 202
        call = answer.parsed.call
        assert answer.headers["location"] == f"/api/v1/calls/{call}"

        def talking() -> Any:
            found = api("calls.get_call").sync(call, client=client)
            return found if found.state == "talking" else None

        up = until(talking, "they talk")
        assert (up.user, up.answered_by_user, up.dialled, up.held) == ("anna", "boris", "202", False)
        states = {one.user: one.state for one in api("people.list_people").sync(client=client).people}
        assert (states["anna"], states["boris"], states["gleb"]) == ("talking", "talking", "free")
        assert api("calls.hang_up_call").sync_detailed(call, client=client).status_code == 204

        def over() -> Any:
            found = api("records.get_record").sync(call, client=client)
            return found if isinstance(found, models.WholeRecord) and found.ended else None

        record = until(over, "the record is written")
        assert (record.disposition, record.hung_up_by, record.path) == ("answered", "api", ["user/boris"])
        assert record.reasons[0] == "asked for by the API: the telephones of user/anna first, then 202"
        problem = api("calls.get_call").sync(call, client=client)
        assert isinstance(problem, models.ProblemDocument) and problem.status == 404


def test_a_lost_answer_is_no_second_call(here: Web) -> None:
    with here.client() as client:
        headers = {"Idempotency-Key": f"click-{time.time()}"}
        first, again = (client.post("/calls", json={"user": "anna", "to": "202"}, headers=headers) for _ in range(2))
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json() == again.json() and first.headers["location"] == again.headers["location"]
        other = client.post("/calls", json={"user": "anna", "to": "203"}, headers=headers)
        assert other.status_code == 422 and "Idempotency-Key" in other.json()["detail"]
        with here.client("house", "supervisor") as another:  # whose keys are its own
            assert another.post("/calls", json={"user": "anna", "to": "202"}, headers=headers).json() != first.json()
        until(lambda: len(here.rung) >= 2, "the telephones ring")
        assert len(client.get("/calls").json()["calls"]) == 2


@pytest.mark.parametrize(
    "body, status",
    [
        ({"user": "nobody", "to": "202"}, 404),
        ({"user": "anna"}, 422),
        ({"user": "anna", "to": "20 2"}, 422),
        ({"user": "anna", "to": "202\r\nX-PBX-Tenant: other"}, 422),
        ({"user": "anna", "to": "sip:202@other.example"}, 422),
        ({"user": "../anna", "to": "202"}, 422),
        ({"user": "anna", "to": "202", "tenant": "other"}, 422),
        ([], 422),
    ],
)
def test_what_cannot_be_placed_is_told_and_rings_nobody(here: Web, body: object, status: int) -> None:
    with here.client() as client:
        answer = client.post("/calls", json=body)
        assert answer.status_code == status
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["status"] == status and document["detail"] and document["title"]
        assert client.get("/calls").json() == {"calls": []}
    assert here.rung == []


@pytest.mark.row("R07")
def test_the_callee_is_dialled_by_the_rules_of_the_person(here: Web) -> None:
    """gleb may not dial outside; boris may, over the trunk and with his number."""
    here.people.update({"gleb-desk": Person(answers=0.1, talks=600.0), "digits": Person(answers=0.2, talks=600.0)})
    with here.client() as client:
        barred = client.post("/calls", json={"user": "gleb", "to": "89161234567"}).json()["call"]
        until(lambda: client.get(f"/records/{barred}").json().get("ended"), "it is over")
        assert client.get(f"/records/{barred}").json()["code"] == 403
        allowed = client.post("/calls", json={"user": "boris", "to": "89161234567"}).json()["call"]
        until(lambda: client.get(f"/calls/{allowed}").json().get("state") == "talking", "they talk")
        assert client.get(f"/calls/{allowed}").json()["answered_by"] == "trunk digits"
    assert "digits" in here.rung


@pytest.mark.row("R09")
def test_a_call_is_transferred_and_another_is_parked_and_taken(here: Web) -> None:
    here.people["gleb-desk"] = here.people["boris-desk"]
    with here.client("house", "user") as anna, here.client() as admin:

        def up(state: str = "talking", **expected: object) -> Any:
            found = admin.get("/calls").json()["calls"]
            return next((c for c in found if c["state"] == state and expected.items() <= c.items()), None)

        call = admin.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
        until(up, "they talk")
        assert anna.post(f"/calls/{call}/transfer", json={"user": "boris", "to": "204"}).status_code == 403
        assert admin.post(f"/calls/{call}/transfer", json={"user": "gleb", "to": "204"}).status_code == 409
        assert anna.post(f"/calls/{call}/transfer", json={"user": "anna", "to": "299"}).status_code == 409
        assert anna.post(f"/calls/{call}/transfer", json={"user": "anna", "to": "204"}).status_code == 202
        until(lambda: up(user="boris", answered_by_user="gleb"), "boris talks with gleb")
        until(lambda: admin.get("/people/anna").json()["state"] == "free", "anna has left")
        admin.delete(f"/calls/{call}")
        call = admin.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
        until(up, "they talk")
        assert anna.post(f"/calls/{call}/park", json={"user": "anna"}).status_code == 202
        until(lambda: up("up", call=call), "boris waits in a slot")
        until(lambda: admin.get("/people/anna").json()["state"] == "free", "anna has left")


@pytest.mark.row("R08")
def test_people_set_their_own_forwarding_and_it_holds_for_the_next_call(here: Web) -> None:
    here.people["gleb-desk"] = here.people["boris-desk"]
    with here.client("house", "user") as anna, here.client() as admin:
        put = "/people/anna/settings/forward.always"
        answer = anna.put(put, json={"value": {"to": "user/gleb"}})
        assert answer.status_code == 200
        found = answer.json()["settings"]["forward.always"]
        assert (found["value"]["to"], found["author"], found["in_force"]) == ("user/gleb", "api user", True)
        assert admin.get("/people/anna/settings").json() == answer.json()
        leg = here.call_in("house", "boris", "201")
        up = until(lambda: [c for c in admin.get("/calls").json()["calls"] if c["answered_by_user"]], "gleb answers")
        assert up[0]["answered_by_user"] == "gleb"
        here.leave(leg)
        assert anna.put(put, json={"value": {"to": "user/nobody"}}).status_code == 422
        assert anna.put(put, json={"value": {"to": "user/gleb", "when": "now"}}).status_code == 422
        assert anna.put("/people/boris/settings/do_not_disturb", json={"value": True}).status_code == 403
        assert anna.put(put, json={"value": None}).json()["settings"] == {}
        assert admin.put("/people/boris/settings/do_not_disturb", json={"value": True}).status_code == 200
        assert admin.put("/people/boris/settings/do_not_disturb", json={"value": None}).json()["settings"] == {}
        assert "api console" not in anna.get("/people/anna/settings").text


def test_a_ringing_telephone_and_a_held_call_are_seen(here: Web) -> None:
    here.people["boris-desk"] = Person()
    with here.client() as client:
        leg = here.call_in("house", "anna", "202")
        up = until(lambda: [c for c in client.get("/calls").json()["calls"] if c["ringing"]], "boris rings")[0]
        assert up["state"] == "ringing" and {one["user"] for one in up["ringing"]} == {"boris"}
        assert client.get("/people/boris").json()["state"] == "ringing"
        assert client.get("/people/anna").json()["state"] == "calling"
        assert client.delete(f"/calls/{up['call']}").status_code == 204
        until(lambda: leg.over.done(), "the caller is told")
        until(lambda: client.get("/people/boris").json()["state"] == "free", "boris is free")


def test_records_come_page_by_page_and_by_filter(here: Web) -> None:
    with here.client() as client:
        for _ in range(3):
            call = client.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
            until(lambda: client.delete(f"/calls/{call}").status_code == 204, "hung up")  # noqa: B023
            until(lambda: client.get(f"/records/{call}").json().get("ended"), "the record")  # noqa: B023
        seen: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = client.get("/records", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
            assert len(page["records"]) <= 2
            seen += page["records"]
            cursor = page["next"]
            if cursor is None:
                break
        assert len({one["id"] for one in seen}) == len(seen) >= 3
        assert [one["started"] for one in seen] == sorted((one["started"] for one in seen), reverse=True)
        last = seen[0]
        params = {"since": last["started"], "dialled": "202", "user": "anna"}
        assert [one["id"] for one in client.get("/records", params=params).json()["records"]] == [last["id"]]
        assert client.get("/records", params={"until": seen[-1]["started"]}).json() == {"records": [], "next": None}
        assert client.get("/records", params={"cursor": "%%"}).status_code == 400
        for wrong in ({"since": "yesterday"}, {"since": "0.5"}, {"dialed": "202"}, {"limit": 201}):
            assert client.get("/records", params=wrong).status_code == 422


def test_writes_are_in_the_audit_log_reads_are_not(here: Web) -> None:
    with here.client() as admin, here.client("house", "read_only") as reader, here.client("other") as other:
        call = admin.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
        assert reader.post("/calls", json={"user": "anna", "to": "203"}).status_code == 403
        admin.delete(f"/calls/{call}")
        admin.get("/calls")
        entries = admin.get("/audit", params={"limit": 3}).json()["entries"]
        assert [(one["token"], one["method"], one["status"]) for one in entries] == [
            ("admin", "DELETE", 204), ("read_only", "POST", 403), ("admin", "POST", 202),
        ]  # fmt: skip
        assert entries[2]["what"] == {"user": "anna", "to": "202", "call": call}
        assert call not in json.dumps(other.get("/audit").json())
        lines = (here.stack.folder / "audit.jsonl").read_text()
        assert "pbx_" not in lines and secret_of("house", "admin") not in lines


def test_tokens_that_are_late_hasty_or_narrow(here: Web) -> None:
    with here.client(name="late") as late, here.client(name="hasty") as hasty, here.client(name="narrow") as narrow:
        assert late.get("/me").status_code == 401
        answers = [hasty.get("/me") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert narrow.get("/me").json()["scopes"] == ["people:read"]
        assert (narrow.get("/people").status_code, narrow.get("/calls").status_code) == (200, 403)


def test_a_token_that_an_apply_takes_away_is_unknown_within_seconds(here: Web) -> None:
    path = here.stack.folder / "tokens.json"
    before = path.read_text()
    document = json.loads(before)
    document["tenants"]["other"]["tokens"] = []
    with here.client("other") as client:
        assert client.get("/me").status_code == 200
        path.write_text(json.dumps(document))
        until(lambda: client.get("/me").status_code in (401, 429), "the token is unknown")
        path.write_text("{")  # a file that is broken changes nothing
        log = here.stack.folder / "web.log"
        with here.client() as other:
            until(
                lambda: other.get("/me").status_code == 200 and "the tokens stay as they were" in log.read_text(),
                "the broken file is seen, and the tokens stay",
            )
        path.write_text(before)
        until(lambda: client.get("/me").status_code == 200, "the token is known again", 30)


def test_bodies_have_a_bound_and_answers_their_headers(here: Web) -> None:
    with here.client() as client:
        big = client.post("/calls", content=b"x" * 100_000, headers={"Content-Type": "application/json"})
        assert big.status_code == 413 and big.json()["title"] == "Too large"

        def endless() -> Iterator[bytes]:
            for _ in range(100):
                yield b" " * 1024

        assert client.post("/calls", content=endless(), headers={"Content-Type": "application/json"}).status_code == 413
        answer = client.get("/me")
        assert answer.headers["x-content-type-options"] == "nosniff" and "server" not in answer.headers
        assert client.get("/nothing").json()["status"] == 404
        assert client.put("/calls").json()["status"] == 405
    plain = here.base.replace("https:", "http:")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{plain}/api/v1/health", timeout=2)


@pytest.mark.row("R33")
def test_without_the_call_process_it_says_so_and_finds_it_again(here: Web) -> None:
    with here.client() as client:
        here.stack.processes["calls"].kill()
        here.stack.processes["calls"].wait()
        answer = until(lambda: client.get("/calls") if client.get("/calls").status_code == 503 else None, "it is away")
        assert answer.json()["status"] == 503 and answer.headers["retry-after"] == "2"
        until(lambda: client.get("/health").status_code == 503, "health says so")
        assert client.get("/records").status_code == 200  # the store is there
        here.stack.start("calls")
        until(lambda: client.get("/health").status_code == 200, "it is back")
        until(lambda: client.get("/calls").status_code == 200, "calls are listed")
