"""A recogniser is a program of its own: what it says is taken, and what else it does hurts nobody (behaviour R12)."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from pbx.integrations.dictation import LONGEST, NotHeard, text_of

pytestmark = pytest.mark.row("R12")


def program(body: str) -> list[str]:
    return [sys.executable, "-c", f"import json, os, sys, time\n{body}", "{language}"]


def hear(body: str, within: float = 20.0) -> str:
    return text_of(program(body), b"RIFF and so on", "ru-RU", within)


def test_it_has_the_sound_and_the_language_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_SECRET", "1")
    said = hear("print(json.dumps({'text': f'{sys.stdin.read()}, {sys.argv[1]}, {os.getcwd()} {sorted(os.environ)}'}))")
    assert said.startswith("RIFF and so on, ru-RU, / [") and "OUR_SECRET" not in said


def test_a_text_is_one_line_without_control_characters_and_has_an_end() -> None:
    assert hear(r"print(json.dumps({'text': ' Добрый\n\tдень\x1b[31m '}))") == "Добрый день [31m"
    assert len(hear("print(json.dumps({'text': 'a' * 50_000}))")) == LONGEST
    assert hear("print(json.dumps({'text': ''}))") == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sys.exit(3)", "ended with 3"),
        ("print('hello')", "did not say"),
        ("print('[' * 60000)", "did not say"),
        ("print(json.dumps({'text': 7}))", "text that is none"),
        ("print(json.dumps(['text']))", "did not say"),
        ("while True: print('x' * 1000)", "said more than"),
        ("os.kill(os.getpid(), 11)", "ended with -11"),
    ],
)
def test_what_is_no_text_is_told(body: str, why: str) -> None:
    with pytest.raises(NotHeard, match=why):
        hear(body)
    with pytest.raises(NotHeard, match="/no/such/program"):
        text_of(["/no/such/program"], b"", "ru-RU", 1.0)


@pytest.mark.parametrize("closes", ["", "exec 1>&-; "])
def test_one_that_does_not_end_is_ended_with_what_it_has_started(tmp_path: Path, closes: str) -> None:
    there = tmp_path / "pid"
    with pytest.raises(NotHeard, match="not ready in time"):
        text_of(["/bin/sh", "-c", f"sleep 600 & echo $! > {there}; {closes}sleep 600"], b"", "ru-RU", within=1.0)
    child, until = int(there.read_text()), time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < until, "its child is still there"


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return os.path.exists(f"/proc/{pid}")
