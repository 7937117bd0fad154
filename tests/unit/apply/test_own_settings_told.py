"""pbx_own_settings against a process that speaks its control protocol."""

from pathlib import Path

import pytest
from unit.apply.module_run import run
from unit.apply.test_calls_model import Process

pytestmark = pytest.mark.row("C02")

WORD = {"tenant": "t", "user": "a", "author": "user/a", "changed": 1_700_000_000_000}


def test_each_word_is_told_with_its_author_and_time_and_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Process(tmp_path / "control-2.sock")
    process.own_settings = [
        {**WORD, "key": "forward.always", "value": {"to": "user/b", "after": 20.0, "confirm": False}},
        {**WORD, "key": "forward.busy", "value": {"to": "+79260000000", "after": 20.0, "confirm": True}},
        {**WORD, "key": "forward.no_answer", "value": False},
        {**WORD, "key": "do_not_disturb", "value": True},
    ]
    try:
        found = run("pbx_own_settings", capsys, socket=str(tmp_path))
    finally:
        process.close()
    told = found["plan"]["own_settings"]
    assert [one["value"] for one in told] == ["user/b", "an outside number", "nowhere", "on"]
    assert {(one["author"], one["changed"]) for one in told} == {("user/a", "2023-11-14T22:13:20Z")}
    assert not found["changed"]


def test_where_no_process_is_there_is_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pbx_own_settings", capsys, socket=str(tmp_path))["plan"] == {"own_settings": []}


def test_of_a_box_it_is_told_that_there_is_a_pin_and_a_greeting_and_no_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Process(tmp_path / "control.sock")
    of_box = {**WORD, "user": "voicemail/a"}
    process.own_settings = [
        {**of_box, "key": "pin", "value": "pbkdf2-sha256$10000$00$11"},
        {**of_box, "key": "greeting", "value": {"id": "m1", "until": None}},
        {**of_box, "key": "greeting_until", "value": {"id": "m2", "until": 1_700_000_000_000}},
        {**of_box, "key": "wrong_pins", "value": 2},
        {**of_box, "key": "locked", "value": 1_700_000_900_000},
    ]
    try:
        found = run("pbx_own_settings", capsys, socket=str(tmp_path))
    finally:
        process.close()
    told = {one["key"]: one["value"] for one in found["plan"]["own_settings"]}
    assert told == {"pin": "a PIN", "greeting": "a recording", "greeting_until": "a recording"}
