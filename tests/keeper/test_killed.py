"""The keeper is killed at each thing that it does, one after the other: nothing is lost, doubled, or left in clear."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from keeper.place import Place, killed_at, until

pytestmark = pytest.mark.row("R17")


def test_killed_at_any_step_it_keeps_once_and_leaves_nothing_in_clear(tmp_path: Path) -> None:
    for number in itertools.count(1):
        here = Place(tmp_path / str(number))
        here.put("one")
        killed = killed_at(here.folder / "keeper.json", number, "--once")
        here.assert_nothing_in_clear()
        here.assert_somewhere("one")
        assert not killed_at(here.folder / "keeper.json", 0, "--once")
        here.assert_kept_once("one")
        here.assert_nothing_in_clear()
        shutil.rmtree(here.folder)
        if not killed:
            break
    assert number > 30  # the steps were counted


def test_a_relay_host_is_killed_at_any_step_while_it_hands_over(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    here.start()
    try:
        for number in itertools.count(1):
            name = f"r{number}"
            here.put(name, spool="relay-spool")
            killed = killed_at(here.folder / "relay.json", number, "--once")
            here.assert_nothing_in_clear()
            here.assert_somewhere(name)
            assert not killed_at(here.folder / "relay.json", 0, "--once")
            until(lambda: here.row(name), f"{name} is kept")  # noqa: B023
            assert here.events(name) == ["kept"]
            assert not list((here.folder / "relay-sealed").iterdir())
            if not killed:
                break
    finally:
        here.stop()
    assert number > 10
    until(lambda: here.status() is None, "it has ended")
    assert len(here.objects()) == number  # each once
