"""Recordings over the API: found, heard in parts by those whose role may, noted, held, erased, exported (R18)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from keeper.place import wav
from web.place import Web, until

pytestmark = pytest.mark.row("R18")

_numbers = count(1)


def kept(served: Web, **more: Any) -> str:
    """A recording that is in the store."""
    name = f"rec-{next(_numbers)}"
    served.keeper.put(name, **more)
    until(lambda: served.keeper.row(name), f"{name} is kept")
    return name


def history(served: Web, recording: str) -> list[dict[str, Any]]:
    with served.client() as admin:
        found: list[dict[str, Any]] = admin.get(f"/recordings/{recording}/history").json()["events"]
        return found[::-1]


def test_recordings_are_found_by_who_when_number_policy_and_call(served: Web) -> None:
    noon = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
    mine = kept(served, started=noon, caller="+79167770001", call_id="call-of-noon", people=("anna", "boris"))
    other = kept(served, started=noon + timedelta(hours=1), called="+79167770001", policy="secret", people=("boris",))
    with served.client() as admin:

        def found(**filters: Any) -> list[str]:
            answer = admin.get("/recordings", params={"since": "2026-12-24T00:00:00Z", **filters})
            return [one["recording"] for one in answer.json()["recordings"]]

        assert found() == [other, mine]
        assert found(number="+79167770001") == [other, mine]
        assert found(until="2026-12-24T12:30:00Z") == [mine]
        assert found(policy="secret") == [other] and found(call="call-of-noon") == [mine]
        assert found(user="anna") == [mine] and found(user="ann") == []
        first = admin.get("/recordings", params={"since": "2026-12-24T00:00:00Z", "limit": 1}).json()
        assert [one["recording"] for one in first["recordings"]] == [other]
        assert found(cursor=first["next"]) == [mine]
        said = admin.get(f"/recordings/{mine}").json()
    assert (said["caller"], said["seconds"], said["announced"], said["may_hear"]) == ("+79167770001", 1.0, True, True)
    assert said["sha256"] == hashlib.sha256(wav()).hexdigest() and said["ends"] is None


def test_the_record_of_a_call_names_its_recordings(served: Web) -> None:
    with served.client() as admin:
        call = admin.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
        until(lambda: admin.delete(f"/calls/{call}").status_code == 204, "it is hung up")
        until(lambda: admin.get(f"/records/{call}").status_code == 200, "its record is there")
        assert admin.get(f"/records/{call}").json()["recordings"] == []
        name = kept(served, call_id=call)
        assert admin.get(f"/records/{call}").json()["recordings"] == [name]
        listed = admin.get("/records").json()["records"]
    assert {one["id"]: one["recordings"] for one in listed}[call] == [name]


def test_those_who_look_on_are_told_when_one_is_ready(served: Web) -> None:
    with served.client() as admin, admin.stream("GET", "/events") as stream:
        served.keeper.put("ready", call_id="call-ready")
        data = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        told = next(event for event in data if event.get("recording") == "ready")
    assert (told["event"], told["call"], told["policy"], told["seconds"]) == (
        "recording.ready",
        "call-ready",
        "outside",
        1.0,
    )


def test_sound_is_the_wav_file_and_comes_in_parts(served: Web) -> None:
    name = kept(served, seconds=20.0)
    whole = wav(20.0)
    with served.client(role="supervisor") as client:
        answer = client.get(f"/recordings/{name}/sound")
        assert answer.status_code == 200 and answer.content == whole and answer.headers["content-type"] == "audio/wav"
        for asked, begin, end in (
            ("0-99", 0, 100),
            ("65530-65545", 65530, 65546),
            ("300000-", 300000, None),
            ("-50", -50, None),
        ):
            part = client.get(f"/recordings/{name}/sound", headers={"Range": f"bytes={asked}"})
            assert part.status_code == 206 and part.content == whole[begin:end], asked
            assert part.headers["content-range"].endswith(f"/{len(whole)}")
        assert client.get(f"/recordings/{name}/sound", headers={"Range": "bytes=999999999-"}).status_code == 416
        peaks = client.get(f"/recordings/{name}/peaks").json()
    assert (peaks["channels"], peaks["bits"], peaks["length"]) == (2, 8, 800) and len(peaks["data"]) == 3200


def test_who_listens_is_in_the_history_with_the_part_and_from_where(served: Web) -> None:
    name = kept(served)
    with served.client(role="supervisor") as client:
        client.get("/recordings")
        client.get(f"/recordings/{name}")
        client.get(f"/recordings/{name}/sound", headers={"Range": "bytes=10-19"})
    first, heard = history(served, name)
    assert first["what"] == "kept" and heard["what"] == "listened"
    assert (heard["author"], heard["role"], heard["detail"]) == ("api supervisor", "officer", {"first": 10, "end": 20})
    assert heard["address"].startswith("127.")
    with served.client() as admin:
        audit = [one for one in admin.get("/audit").json()["entries"] if one["what"].get("recording") == name]
    assert [(one["token"], one["status"]) for one in audit] == [("supervisor", 206)]


@pytest.mark.parametrize("role, token", [("admin", "deaf"), ("user", "outsider")])
def test_without_a_role_of_the_policy_nobody_hears(served: Web, role: str, token: str) -> None:
    name = kept(served, people=("anna", "gleb"))
    with served.client("house", role, token) as client:
        assert client.get(f"/recordings/{name}").json()["may_hear"] is False
        assert client.get(f"/recordings/{name}/sound").status_code == 403
        assert client.get(f"/recordings/{name}/peaks").status_code == 403
        if role == "admin":
            assert client.post("/recordings/export", json={"recordings": [name]}).status_code == 403
    assert [event["what"] for event in history(served, name)] == ["kept"]


def test_the_role_is_that_of_the_policy_of_today_and_of_the_recording_when_that_is_no_more(served: Web) -> None:
    boss = kept(served, policy="secret", listen=("officer",))
    gone = kept(served, policy="of-last-year", listen=("officer",))
    with served.client() as admin:
        assert admin.get(f"/recordings/{boss}/sound").status_code == 403
        assert admin.get(f"/recordings/{gone}/sound").status_code == 200


def test_a_person_sees_the_own_ones_and_those_that_the_own_role_hears(served: Web) -> None:
    hers, foreign = kept(served, people=("anna",)), kept(served, policy="secret", people=("anna",))
    with served.client("house", "user", "officer") as gleb, served.client("house", "user", "outsider") as outsider:
        listed = {one["recording"] for one in gleb.get("/recordings", params={"limit": 200}).json()["recordings"]}
        assert hers in listed and foreign not in listed
        assert gleb.get(f"/recordings/{hers}/sound").status_code == 200
        assert gleb.get(f"/recordings/{foreign}").status_code == 404
        assert outsider.get(f"/recordings/{hers}").status_code == 404
        assert outsider.get("/recordings", params={"user": "anna"}).status_code == 403


def test_erasing_a_number_reports_what_goes_and_what_is_held_and_leaves_no_number(served: Web) -> None:
    number = "+79165550199"
    called, held = kept(served, called=number), kept(served, caller=number)
    with served.client() as admin, served.client("other") as other:
        served.keeper.put("of-another", tenant="other", caller=number)
        until(lambda: other.get("/recordings/of-another").status_code == 200, "the other tenant's")
        assert (
            admin.put(f"/recordings/{held}/hold", json={"reason": "claim 12/2026"}).json()["held_for"]
            == "claim 12/2026"
        )
        done = admin.post("/recordings/erase", json={"number": number, "reason": "she asked for it"}).json()
        assert done == {"erasing": [called], "held": [held]}
        assert admin.get(f"/recordings/{called}").status_code == 404
        until(lambda: history(served, called)[-1]["what"] == "erased", "it is gone")
        assert [path.name for path in served.keeper.objects() if called in path.name] == []
        assert number not in json.dumps(history(served, called)) + json.dumps(admin.get("/audit").json())
        assert other.get("/recordings/of-another").status_code == 200
        assert admin.delete(f"/recordings/{held}/hold").json()["held_at"] is None
        assert admin.get(f"/recordings/{held}/sound").status_code == 200  # asked for once more when it was released
    assert [event["what"] for event in history(served, held)] == ["kept", "held", "released", "listened"]


def test_one_from_before_that_comes_after_an_erasure_is_erased_too(served: Web) -> None:
    number = "+79165550200"
    with served.client() as admin:
        assert admin.post("/recordings/erase", json={"number": number, "reason": "she asked for it"}).status_code == 200
    served.keeper.put("late", caller=number)
    until(lambda: served.keeper.events("late") == ["kept", "erased"], "it came, and is gone")


def test_past_its_time_it_goes_unless_it_is_held(served: Web) -> None:
    held = kept(served, retain=86_400.0 * 365 * 100)
    with served.client() as admin:
        assert admin.put(f"/recordings/{held}/hold", json={"reason": "a court asked"}).status_code == 200
        goes = kept(served, started=datetime.now(UTC) - timedelta(days=1), retain=86_402.0)
        until(lambda: served.keeper.events(goes)[-1:] == ["expired"], "its time is over")
        with served.keeper.opened() as db:
            db.execute("UPDATE recording SET due = 1 WHERE id = :id", {"id": held})
        last = kept(served, started=datetime.now(UTC) - timedelta(days=1), retain=86_402.0)
        until(lambda: served.keeper.events(last)[-1:] == ["expired"], "it was looked what is over after that")
        assert admin.get(f"/recordings/{held}/sound").status_code == 200
        admin.delete(f"/recordings/{held}/hold")
        until(lambda: admin.get(f"/recordings/{held}").status_code == 404, "released, it goes")
    until(lambda: served.keeper.events(held)[-1] == "expired", "for good")


def test_an_export_has_each_sound_with_its_sum_who_and_when(served: Web) -> None:
    names = [kept(served), kept(served, seconds=3.0)]
    with served.client() as admin:
        answer = admin.post("/recordings/export", json={"recordings": names})
        assert admin.post("/recordings/export", json={"recordings": ["not-there"]}).status_code == 404
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        for one in manifest["recordings"]:
            assert hashlib.sha256(archive.read(one["file"])).hexdigest() == one["sha256"]
    assert [one["id"] for one in manifest["recordings"]] == names
    assert manifest["exported_by"] == "api admin" and manifest["recordings"][0]["caller"] == "+79161234567"
    assert [event["what"] for event in history(served, names[0])] == ["kept", "exported"]


def test_without_the_keeper_nothing_is_heard_and_lists_go_on(served: Web) -> None:
    name = kept(served)
    process = served.keeper.processes[-1]
    process.kill()
    process.wait()
    with served.client() as admin:
        assert admin.get(f"/recordings/{name}").status_code == 200
        refused = admin.get(f"/recordings/{name}/sound")
        assert refused.status_code == 503 and "keeper" in refused.json()["detail"]
        served.keeper.start()
        assert admin.get(f"/recordings/{name}/sound").status_code == 200
