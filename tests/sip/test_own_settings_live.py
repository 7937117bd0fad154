"""What people set themselves outlives its process, a store that is away, another model (C02)."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench.local_stack import Place, Stack, running
from phones.scripted.simulation import house

pytestmark = pytest.mark.row("C02")

HOST = f"127.34.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
TO_BORIS = {"to": "user/boris", "after": 20.0, "confirm": False}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    plain = house().tenant_plain["house"]
    document = {
        "format": 1, "site_revision": "s", "site": {"plain": house().site_plain},
        "tenants": {"house": {"revision": "r1", "plain": {**plain, "prompts": {}}}},
    }  # fmt: skip
    with running(
        tmp_path_factory.mktemp("own") / "stack", Place(calls=HOST, edge=HOST, host=HOST), document=document
    ) as stack:
        until(lambda: stack.ask("status")["epochs"], "the tenant is served")
        yield stack


def until(come: Callable[[], Any], what: str, within: float = 15.0) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if found := come():
                return found
        except OSError:
            pass  # it does not serve at this moment
        time.sleep(0.02)
    raise AssertionError(f"not in {within} s: {what}")


def ask(stack: Stack, command: str, **more: object) -> dict[str, Any]:
    return stack.ask(command, on="api", **{"tenant": "house", **more})


def say(stack: Stack, user: str, key: str, value: object, author: str = "user/anna") -> dict[str, Any]:
    return ask(stack, "setting", user=user, key=key, value=value, author=author)


def known(stack: Stack) -> dict[str, Any]:
    settings = ask(stack, "settings")["settings"]
    return {f"{user} {key}": one["value"] for user, said in settings.items() for key, one in said.items()}


def in_store(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(folder / "store.sqlite") as db:
        rows = db.execute("SELECT person, key, value FROM setting").fetchall()
    return {f"{person} {key}": orjson.loads(value) for person, key, value in rows}


def restart(stack: Stack, *names: str) -> None:
    for name in names:
        stack.processes[name].kill()
        stack.processes[name].wait(5)
    for name in names:
        stack.start(name)
    stack.wait_until_served()
    until(lambda: stack.ask("status")["epochs"], "the tenant is served again")


def test_it_is_kept_in_the_store_and_outlives_the_process(stack: Stack) -> None:
    before = int(time.time() * 1000)
    answer = say(stack, "anna", "forward.busy", {"to": "202"})
    assert answer["ok"] and answer["value"] == TO_BORIS and answer["author"] == "user/anna"
    assert before <= answer["changed"] <= int(time.time() * 1000)
    assert say(stack, "anna", "do_not_disturb", True)["ok"]
    restart(stack, "calls")  # at once: the journal alone has it
    assert known(stack) == {"anna forward.busy": TO_BORIS, "anna do_not_disturb": True}
    until(lambda: in_store(stack.folder) == known(stack), "the store has it")
    assert say(stack, "anna", "do_not_disturb", None)["ok"]
    assert known(stack) == {"anna forward.busy": TO_BORIS}
    until(lambda: in_store(stack.folder)["anna do_not_disturb"] is None, "the store knows that it was taken back")


def test_no_apply_resets_it_and_what_cannot_be_followed_is_said(stack: Stack) -> None:
    assert say(stack, "anna", "forward.busy", TO_BORIS)["ok"]
    path = stack.folder / "document.json"
    document = orjson.loads(path.read_bytes())
    tenant = document["tenants"]["house"]
    without = {**tenant["plain"], "users": {k: v for k, v in tenant["plain"]["users"].items() if k == "anna"}}
    for kind in ("numbers", "flows", "ivrs", "announcements", "ring_groups"):
        without[kind] = {}
    other = {**document, "tenants": {"house": {"revision": "r2", "plain": without}}}
    (stack.folder / "other.json").write_bytes(orjson.dumps(other))
    assert stack.ask("load", path=str(stack.folder / "other.json"))["tenants"] == {"house": "r2"}
    (said,) = ask(stack, "settings")["settings"]["anna"].values()
    assert said["value"] == TO_BORIS and said["in_force"] is False
    assert stack.ask("load", path=str(path))["ok"]
    (said,) = ask(stack, "settings")["settings"]["anna"].values()
    assert said["value"] == TO_BORIS and said["in_force"] is True


def test_a_word_that_another_process_was_told_comes_by_the_store(stack: Stack) -> None:
    later = int(time.time() * 1000) + 5
    with sqlite3.connect(stack.folder / "store.sqlite", timeout=5) as db:
        db.execute("INSERT INTO setting VALUES ('house', 'boris', 'do_not_disturb', 'true', 'user/boris', ?)", (later,))
    until(lambda: known(stack).get("boris do_not_disturb") is True, "it is known here")
    assert say(stack, "boris", "do_not_disturb", False)["changed"] > later  # the newest word, whatever the clocks
    until(lambda: in_store(stack.folder)["boris do_not_disturb"] is False, "the store has the newest word")


def test_without_the_store_it_is_set_and_known_after_a_kill(stack: Stack) -> None:
    store = stack.folder / "store.sqlite"
    stack.processes["journal"].kill()
    stack.processes["journal"].wait(5)
    until(lambda: (stack.folder / "journal" / "bench.1.settings").exists(), "the file of the settings is there")
    for part in stack.folder.glob("store.sqlite*"):
        part.rename(part.with_name("away-" + part.name))
    store.mkdir()  # whoever opens it fails
    assert say(stack, "vera", "do_not_disturb", True)["ok"]
    before = known(stack)
    restart(stack, "calls")
    assert known(stack) == before and before["vera do_not_disturb"] is True
    store.rmdir()
    for part in stack.folder.glob("away-store.sqlite*"):
        part.rename(part.with_name(part.name.removeprefix("away-")))
    stack.start("journal")
    until(lambda: in_store(stack.folder).get("vera do_not_disturb") is True, "the store has it in the end")


@pytest.mark.row("R07")
def test_channels_that_another_process_has_count_here(stack: Stack) -> None:
    def another_says(used: str) -> None:
        with sqlite3.connect(stack.folder / "store.sqlite", timeout=5) as db:
            row = ("calls.2", used, int(time.time() * 1000) + 60_000)
            db.execute("INSERT OR REPLACE INTO channels VALUES (?, ?, ?)", row)

    another_says('{"narrow": 1}')
    until(lambda: stack.ask("status")["channels_elsewhere"] == {"narrow": 1}, "it is known here")
    another_says("{}")
    until(lambda: stack.ask("status")["channels_elsewhere"] == {}, "it is given back")


@pytest.mark.parametrize(("request_", "status"), [
    ({"user": "nobody", "key": "do_not_disturb", "value": True}, 404),
    ({"user": "anna", "key": "do_not_disturb", "value": True, "tenant": "elsewhere"}, 404),
    ({"user": "anna", "key": "pin", "value": "4711"}, 422),
    ({"user": "anna", "key": "forward.always", "value": {"to": "299"}}, 422),
])  # fmt: skip
def test_what_cannot_be_set_is_refused_with_words(stack: Stack, request_: dict[str, Any], status: int) -> None:
    answer = ask(stack, "setting", author="user/anna", **request_)
    assert not answer["ok"] and answer["status"] == status and answer["error"]
