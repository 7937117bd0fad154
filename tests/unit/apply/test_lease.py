"""One apply at a time on a server: the lease as a file, and who its holder is."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.pbx.core.plugins.module_utils import lease
from unit.apply.module_run import run

from pbx.desired import holder

pytestmark = pytest.mark.row("C07")


def _take(folder: Path, name: str, seconds: int = 60, force: bool = False, over: str = "") -> str | None:
    refused = lease.take(str(folder), {"run": name, "by": "ops"}, seconds, force, over)
    return refused["run"] if refused else None


def test_the_second_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    assert _take(tmp_path, "first") is None
    assert _take(tmp_path, "second") == "first"
    assert _take(tmp_path, "first") is None  # its own again
    assert oct((tmp_path / "lease.json").stat().st_mode & 0o777) == "0o600"


def test_what_gives_it_to_another(tmp_path: Path) -> None:
    _take(tmp_path, "first", seconds=-1)
    assert _take(tmp_path, "second") is None  # it had run out
    assert _take(tmp_path, "third", over="first") == "second"  # not the one that is known to be dead
    assert _take(tmp_path, "third", over="second") is None
    assert _take(tmp_path, "fourth", force=True) is None
    assert not lease.drop(str(tmp_path), "third")
    assert lease.drop(str(tmp_path), "fourth")
    assert _take(tmp_path, "fifth") is None


def test_a_damaged_lease_is_none(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text('{"run": ')
    assert _take(tmp_path, "first") is None


def test_of_many_at_once_one_has_it(tmp_path: Path) -> None:
    refused: list[str | None] = []
    threads = [
        threading.Thread(target=lambda name=f"run{number}": refused.append(_take(tmp_path, name)))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused.count(None) == 1
    assert {name for name in refused if name} == {json.loads((tmp_path / "lease.json").read_text())["run"]}


def test_a_step_of_a_dead_run_is_waited_for() -> None:
    name = f"test{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        env={"PBX_RUN": name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as step:
        assert step.stdout is not None and step.stdin is not None and step.stdout.readline() == "up\n"
        assert lease.orphans(name) == [step.pid]
        assert lease.wait_for_orphans(name, seconds=0.1) == [step.pid]
        step.communicate("\n")
    assert lease.wait_for_orphans(name) == []


def test_a_holder_is_dead_only_where_that_can_be_known() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        mine = holder.me(process.pid)
        assert not holder.dead(mine)
        process.kill()
    assert holder.dead(mine)
    assert not holder.dead({**mine, "host": "elsewhere"})
    assert not holder.dead({**mine, "place": "another boot"})
    reused = {**mine, "processes": [[os.getpid(), "1"]]}
    assert holder.dead(reused)  # the number is in use again, by a process that began later


def test_a_held_server_refuses_until_it_is_released(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hold.json").write_text(
        json.dumps({"since": "2026-11-24T12:00:00Z", "by": "olga", "revision": "site 1"})
    )
    done = run("pbx_lease", capsys, run="a", history=str(tmp_path))
    assert done["failed"] and "held since 2026-11-24T12:00:00Z: olga put back site 1" in done["msg"]
    assert not (tmp_path / "lease.json").exists()
    assert not run("pbx_lease", capsys, run="a", history=str(tmp_path), release_hold=True).get("failed")


def test_the_outcome_of_a_failed_run_is_noted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = {"time": "2026-11-24T12:00:00Z", "event": "begin", "run": "a", "by": "ops"}
    (tmp_path / "journal.jsonl").write_text(json.dumps(begin) + "\n")
    _take(tmp_path, "a", seconds=int(time.time()))
    for _number in range(2):
        run("pbx_lease", capsys, run="a", state="absent", outcome="edge1: broke", history=str(tmp_path))
    events = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [(one["event"], one.get("outcome")) for one in events] == [("begin", None), ("failed", "edge1: broke")]
    assert not (tmp_path / "lease.json").exists()
