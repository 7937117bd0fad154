"""A call is made on the lab's hosts, and explained: at its own revision, and by a model that has changed since."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hosts.carriers import EDGE, both
from hosts.story import Site
from phones.romashka import example

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C06")]

CDR = ("/opt/pbx/current/bin/pbx-calls", "cdr", "--last", "1", "--json")
MENU, CALLER = "+74951000114", "+73430000077"


@pytest.fixture(scope="module")
def call(site: Site) -> Iterator[dict[str, Any]]:
    """From a carrier into the menu: a wrong key, then 2, where an outside mobile answers and presses 1."""
    with both(site) as carriers:
        ours = carriers["ural"].call(f"sip:{MENU}@{EDGE[0]}", EDGE, from_=f"<sip:{CALLER}@ural.example>")
        ours.wait_established()
        ours.wait_tone(523, 0.1, 5.0, ours.started)  # the chime of the menu; the key interrupts it
        ours.digits("7")
        said = ours.wait_said(example.recording("system-invalid"), 12.0, ours.started)
        ours.wait_tone(523, 0.1, 5.0, said - 0.2)
        ours.digits("2")
        mobile = carriers["mtt"].wait_call(30)
        mobile.answer()
        mobile.wait_said(example.recording("system-confirm"), 5.0)
        mobile.digits("1")
        mobile.wait_tone(700.0, 0.3, 10.0)  # the caller's voice: they are joined
        mobile.bye()
        ours.wait_ended()
        site.wait_calls(0)
    yield record(site)


def record(site: Site) -> dict[str, Any]:
    """The newest, once it is drained."""
    for _ in range(50):
        (found,) = json.loads(site.lab.exec("calls1", *CDR).stdout)
        if found["caller"] == CALLER and found["ended"]:
            return dict(found)
        time.sleep(0.2)
    raise AssertionError(found)


def explained(site: Site, call: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(site.pbx("explain", call["id"], "--json", expect=0).stdout))


def git(site: Site, *words: str) -> None:
    named = ("-c", "user.name=ops", "-c", "user.email=ops@example.com")
    subprocess.run(["git", "-C", str(site.model), *named, *words], check=True, capture_output=True)


def test_a_call_is_explained_by_what_is_served(site: Site, call: dict[str, Any]) -> None:
    assert [one.get("choice", "wrong") for one in call["facts"]["inputs"]] == ["wrong", "2"]
    told = explained(site, call)
    assert told["model"] == "as calls1 keeps it"
    assert told["differs_from_record"] == []
    assert told["then"]["path"] == call["path"] and call["path"][-1] == "+79220000002"
    assert told["same"] is True and told["first_difference"] is None


def test_the_model_has_changed_and_what_was_served_is_kept_or_in_git(site: Site, call: dict[str, Any]) -> None:
    git(site, "init", "-q", "-b", "main")
    git(site, "add", "-A")
    git(site, "commit", "-qm", "as the call found it")
    site.edit('"2": {to: ring_group/ekb}', '"2": {to: announcement/closed}')
    wanted = explained(site, call)  # not applied yet
    assert wanted["same"] is False
    assert wanted["first_difference"]["node"] == "ivr/main"
    assert wanted["first_difference"]["today"] == "ivr/main: 2 typed: to announcement/closed"
    site.pbx("apply", "--any-commit", expect=0)
    kept = explained(site, call)
    assert kept["model"] == "as calls1 keeps it" and kept["differs_from_record"] == []
    assert kept["first_difference"] == wanted["first_difference"]
    site.lab.exec("calls1", "mv", "/var/lib/pbx-apply/documents", "/var/lib/pbx-apply/away")
    try:
        from_git = explained(site, call)
        text = site.pbx("explain", call["id"], "--language", "ru", expect=0).stdout
    finally:
        site.lab.exec("calls1", "mv", "/var/lib/pbx-apply/away", "/var/lib/pbx-apply/documents")
    assert from_git["model"].startswith("as commit ") and from_git["differs_from_record"] == []
    assert "На своей ревизии повтор проходит так же, как прошёл вызов." in text
    site.edit('"2": {to: announcement/closed}', '"2": {to: ring_group/ekb}')
    site.pbx("apply", "--any-commit", expect=0)
    subprocess.run(["rm", "-rf", str(site.model / ".git")], check=True)


def test_no_such_call_is_told(site: Site) -> None:
    done = site.pbx("explain", "0123456789ab01deadbeef", expect=1)
    assert done.stderr.endswith("pbx explain: no call host has a record of 0123456789ab01deadbeef\n")
