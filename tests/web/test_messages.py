"""Voicemail over the API: whose, its sound in parts, saved and deleted, and that listening is audited (R12)."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest
from web.mail import KEY, SOUND, leave
from web.place import Web, until

from pbx.speech import wav
from pbx.store import database, messages, outbox

pytestmark = pytest.mark.row("R12")


def test_messages_are_listed_newest_first_and_each_person_has_the_own_ones(served: Web) -> None:
    ours, theirs = leave(served, box="anna"), leave(served, box="boris")
    with served.client() as admin, served.client(role="user") as anna:
        everybodys = [one["message"] for one in admin.get("/messages").json()["messages"]]
        assert everybodys[:2] == [theirs, ours]
        hers = anna.get("/messages?box=anna").json()["messages"]
        assert ours in [one["message"] for one in hers] and {one["owner"] for one in hers} == {"anna"}
        assert [one["message"] for one in admin.get("/messages?box=boris").json()["messages"]] == [theirs]
        for way in ("", "/sound"):
            assert anna.get(f"/messages/{theirs}{way}").status_code == 404
        assert anna.delete(f"/messages/{theirs}").status_code == 404
        said = admin.get(f"/messages/{ours}").json()
        assert (said["caller"], said["name"], said["state"], said["seconds"]) == ("+79161234567", "Иван", "new", 3.2)


def test_who_shares_a_box_has_its_messages_too_and_one_deletes_for_all(served: Web) -> None:
    name = leave(served, box="crew")
    with served.client() as admin, served.client(role="user") as anna:
        said = anna.get(f"/messages/{name}").json()
        assert (said["box"], said["owner"], said["users"]) == ("crew", "olga", ["olga", "anna"])
        assert anna.get(f"/messages/{name}/sound").status_code == 200
        assert anna.delete(f"/messages/{name}").status_code == 204
        assert admin.get(f"/messages/{name}").status_code == 404


def test_sound_is_a_wav_file_and_comes_in_parts(served: Web) -> None:
    name = leave(served)
    with served.client() as admin:
        whole = admin.get(f"/messages/{name}/sound")
        assert whole.headers["content-type"] == "audio/wav" and wav.read(whole.content).raw == SOUND
        for asked, begin, end in (("0-99", 0, 100), ("100-", 100, None), ("-50", -50, None), ("7-99999999", 7, None)):
            part = admin.get(f"/messages/{name}/sound", headers={"Range": f"bytes={asked}"})
            assert part.status_code == 206 and part.content == whole.content[begin:end]
            assert part.headers["content-range"].endswith(f"/{len(whole.content)}")
        assert admin.get(f"/messages/{name}/sound", headers={"Range": "bytes=99999999-"}).status_code == 416
        for odd in ("bytes=-", "bytes=1-2,5-6", "seconds=1-2", "bytes=9-1"):
            assert admin.get(f"/messages/{name}/sound", headers={"Range": odd}).status_code in (200, 416)


def test_a_draft_of_what_was_said_is_marked_and_reading_it_is_audited(served: Web) -> None:
    name = leave(served)
    with served.client() as admin, served.client(role="user") as anna:
        assert anna.get(f"/messages/{name}/text").status_code == 404
        with sqlite3.connect(served.stack.folder / "store.sqlite", timeout=10) as db:
            db.execute("INSERT INTO message_text VALUES (?, ?)", (name, messages.sealed_text(KEY, name, "Добрый день")))
        db.close()
        said = anna.get(f"/messages/{name}/text").json()
        assert said == {"message": name, "text": "Добрый день", "draft": True, "made_by": "machine"}
        assert anna.get(f"/messages/{leave(served, box='boris')}/text").status_code == 404
        entries = [one for one in admin.get("/audit").json()["entries"] if name in json.dumps(one)]
    assert [(one["status"], one["what"].get("text")) for one in entries][:1] == [(200, True)]


def test_mails_that_have_not_left_are_told_with_the_reason(served: Web) -> None:
    name = leave(served)
    with contextlib.closing(database.connect(served.stack.folder / "store.sqlite")) as db:
        outbox.put(db, f"mail/{name}", "mail", {"to": "anna@house.example", "message": name}, 5)
        outbox.failed(db, {"id": f"mail/{name}", "tries": 1, "born": 5}, "550 no such user", 9, for_good=True)
    with served.client() as admin, served.client(role="user") as anna, served.client("other") as other:
        (mail,) = anna.get("/voicemails/anna/mails").json()["mails"]
        told = {key: mail[key] for key in ("message", "to", "state", "error")}
        assert told == {"message": name, "to": "anna@house.example", "state": "dead", "error": "550 no such user"}
        assert admin.get("/voicemails/boris/mails").json() == {"mails": []}
        assert anna.get("/voicemails/boris/mails").status_code == 404
        assert other.get("/voicemails/anna/mails").json() == {"mails": []}


def test_listening_is_in_the_audit_log_and_looking_is_not(served: Web) -> None:
    name = leave(served)
    with served.client() as admin, served.client(role="user") as anna:
        anna.get("/messages")
        anna.get(f"/messages/{name}")
        anna.get(f"/messages/{name}/sound")
        entries = [one for one in admin.get("/audit").json()["entries"] if name in json.dumps(one)]
    assert [(one["method"], one["token"], one["status"]) for one in entries] == [("GET", "user", 200)]
    assert entries[0]["what"] == {"message": name, "box": "anna"}


def test_a_message_is_saved_and_deleted_also_for_a_process_that_comes_after(served: Web) -> None:
    name = leave(served)
    with served.client() as admin:
        assert admin.put(f"/messages/{name}", json={"state": "saved"}).json()["state"] == "saved"
        assert admin.put(f"/messages/{name}", json={"state": "deleted"}).status_code == 422
        assert admin.delete(f"/messages/{name}").status_code == 204
        for method in ("GET", "DELETE"):
            assert admin.request(method, f"/messages/{name}").status_code == 404
        again = leave(served)  # read from the store after that
        assert name not in [one["message"] for one in admin.get("/messages").json()["messages"]]
        until(lambda: admin.delete(f"/messages/{again}").status_code == 204, "it is deleted")


def test_a_new_pin_by_the_api_is_no_easy_one_and_is_told_to_nobody(served: Web) -> None:
    with served.client() as admin, served.client(role="user") as anna:
        for easy in ("0000", "1234", "201", "123"):
            refused = admin.put("/voicemails/anna/pin", json={"pin": easy})
            assert refused.status_code == 422, easy
        assert anna.put("/voicemails/boris/pin", json={"pin": "7391"}).status_code == 404
        assert anna.put("/voicemails/anna/pin", json={"pin": "739182"}).status_code == 204
        hers, shared = anna.get("/voicemails").json()["voicemails"]
        assert (shared["voicemail"], shared["owner"], shared["users"]) == ("crew", "olga", ["olga", "anna"])
        assert (hers["voicemail"], hers["has_pin"], hers["is_locked"], hers["most"]) == ("anna", True, False, 100)
        assert {one["voicemail"] for one in admin.get("/voicemails").json()["voicemails"]} >= {"anna", "boris"}
        assert "739182" not in json.dumps(admin.get("/audit").json())
        assert "voicemail" not in json.dumps(admin.get("/people/anna/settings").json()), "no hash either"
