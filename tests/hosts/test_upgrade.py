"""Another release of our code, with calls up: it waits, is drained for, switched and taken back; no call is cut."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.carriers import Carriers, both, call_up, dial, talk
from hosts.story import PBX, Site
from throwaway import CHECKOUT

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

PARTS = ("action_plugins", "callback_plugins", "collections", "galaxy.yml", "meta", "module_utils", "modules",
         "playbooks", "plugins", "requirements", "roles", "schemas", "src")  # fmt: skip


def run(site: Site, code: Path, verb: str, *words: str, expect: int) -> subprocess.CompletedProcess[str]:
    """`pbx VERB` of another copy of the code."""
    command = [*PBX, verb, *words, "-i", str(site.inventory), "--model", str(site.model)]
    environment = {**os.environ, "PYTHONPATH": str(code / "src")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == expect, f"pbx {verb}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def copy_of_the_code(folder: Path, path: str, more: str) -> Path:
    """This checkout with something more at the end of a file: another release."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    changed = folder / path
    changed.write_text(changed.read_text() + more)
    return folder


@pytest.fixture(scope="module")
def newer(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another release; the hosts have that of the checkout again when the module ends."""
    yield copy_of_the_code(tmp_path_factory.mktemp("newer"), "src/pbx/server/notify.py", "\n# another release\n")
    site.pbx("apply", expect=0)


@pytest.fixture(scope="module")
def carriers(site: Site) -> Iterator[Carriers]:
    with both(site) as parties:
        yield parties


def release(site: Site) -> str:
    return str(site.status()["version"])


def test_new_code_waits_while_calls_are_up(site: Site, newer: Path, carriers: Carriers) -> None:
    before, pids = release(site), {unit: site.pid("calls1", unit) for unit in ("pbx-calls@1", "pbx-media@1")}
    with call_up(site, carriers) as (ours, theirs):
        done = run(site, newer, "apply", expect=0)
        assert "calls1: pbx-calls@1.service (program) waits for a restart without calls" in done.stdout
        assert "calls1: pbx-media@1.service (program) waits for a restart without calls" in done.stdout
        drift = run(site, newer, "drift", expect=2)
        assert "pbx-calls@1.service (program) waits" in drift.stdout
        assert {unit: site.pid("calls1", unit) for unit in pids} == pids
        assert release(site) == before
        talk(ours, theirs)


def test_an_upgrade_gives_up_at_its_deadline(site: Site, newer: Path, carriers: Carriers) -> None:
    before = release(site)
    with call_up(site, carriers):
        done = run(site, newer, "upgrade", "--deadline", "5", expect=1)
        assert "1 calls are up" in done.stderr
        status = site.status()
        assert (status["version"], status["draining"], status["calls"]) == (before, False, 1)


def test_an_upgrade_waits_for_the_calls_sheds_new_ones_and_switches(
    site: Site, newer: Path, carriers: Carriers
) -> None:
    before, pid = release(site), site.pid("calls1", "pbx-calls@1")
    with call_up(site, carriers) as (ours, theirs):
        working = threading.Thread(target=run, args=(site, newer, "upgrade"), kwargs={"expect": 0})
        working.start()
        deadline = time.monotonic() + 60
        while not site.status()["draining"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        refused = dial(carriers["ural"])
        assert refused.ended_code() == 503
        talk(ours, theirs)
        ours.bye()
        working.join()
    after = site.status()
    assert after["version"] != before and after["draining"] is False
    assert site.pid("calls1", "pbx-calls@1") != pid
    assert run(site, newer, "drift", expect=0).stdout == "no differences\n"
    with call_up(site, carriers) as (ours, theirs):
        talk(ours, theirs)


def test_a_release_that_does_not_come_up_is_taken_back(site: Site, tmp_path: Path, carriers: Carriers) -> None:
    before = release(site)
    fails = "\n\ndef CallServer(config: object) -> None:\n    raise SystemExit('broken')\n"
    broken = copy_of_the_code(tmp_path / "broken", "src/pbx/server/calls.py", fails)
    done = run(site, broken, "upgrade", expect=1)
    assert f"The host runs the release of before ({before})" in done.stderr
    assert release(site) == before
    with call_up(site, carriers) as (ours, theirs):
        talk(ours, theirs)
