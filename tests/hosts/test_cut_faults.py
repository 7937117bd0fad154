"""An apply in a broken world: ssh killed, a host gone, a full disk, a broken certificate, a bad configuration."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hosts import cuts
from hosts.story import HOSTS, Site, filled
from hosts.test_cuts import ask, change, processes

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

EDGE, CALLS = "10.77.0.11", "10.77.0.13"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def good(site: Site) -> Iterator[Site]:
    """The site with a verified revision, and a model that has changed since: every test fails to apply it."""
    sound = (site.model / "romashka/prompts/closed_en.wav").read_bytes()
    change(site, "a")
    site.pbx("apply", "--tags", "model", expect=0)
    change(site, "b")
    yield site
    for name in ("romashka/cut.yml", "site/cut.yml"):
        (site.model / name).unlink()
    (site.model / "romashka/prompts/closed_en.wav").write_bytes(sound)
    site.pbx("apply", expect=0)
    assert site.pbx("drift", expect=0).stdout.startswith("no differences\n")


@pytest.fixture(autouse=True)
def put_back(good: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    """Around each test: the same processes, no lease is left, and what was served before is served after."""
    before, running = ask(good), processes(good)
    yield
    assert processes(good) == running
    assert [good.lab.exec(host, "ls", "/var/lib/pbx-apply").stdout.count("lease.json") for host in HOSTS] == [0, 0, 0]
    if "heals" not in request.node.name:
        assert ask(good) == before


def wait(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def stopped(site: Site, host: str, unit: str) -> Iterator[None]:
    """A process that does not answer, so that the task that asks it is in its middle."""
    pid = site.pid(host, unit)
    site.lab.exec(host, "kill", "-STOP", pid)
    try:
        yield
    finally:
        site.lab.exec(host, "kill", "-CONT", pid)


def at_work(site: Site, host: str) -> bool:
    """Whether a step of an apply is at work there: the playbooks put PBX_RUN into its environment."""
    script = "grep -lzs '^PBX_RUN=.' /proc/[0-9]*/environ"
    return bool(site.lab.exec(host, "sh", "-c", script, check=False).stdout)


def test_ssh_is_killed_in_the_middle_of_a_task(good: Site, folder: Path) -> None:
    with cuts.apply(good, folder, "--tags", "model") as run:
        run.until("Model of the call process")
        with stopped(good, "calls1", "pbx-calls@1.service"):
            run.go()
            wait(lambda: at_work(good, "calls1"))
            clients = run.ssh_to(CALLS)
            assert clients
            for process in clients:
                os.kill(process, signal.SIGKILL)
            run.until("Restore: Take the lease")
        assert run.to_the_end() == 1
    assert "calls1: has the revision from before" in run.error, run.error


def test_a_host_cannot_be_reached_any_more(good: Site, folder: Path) -> None:
    with cuts.apply(good, folder, "--tags", "model") as run:
        run.until("Tables")
        good.lab.exec("edge1", "sh", "-c", "systemctl stop ssh.socket ssh.service; pkill -KILL sshd; true")
        try:
            assert run.to_the_end() == 1
        finally:
            good.lab.exec("edge1", "systemctl", "start", "ssh.service")
    assert "calls1: has the revision from before" in run.error, run.error
    assert re.search(r"^edge1: not put back, the apply had changed nothing there: ", run.error, re.MULTILINE), run.error
    good.lab.exec("edge1", "rm", "-f", "/var/lib/pbx-apply/lease.json")


def test_a_disk_is_full_before_anything_has_an_effect(good: Site, folder: Path) -> None:
    with filled(good, "relay1"):
        done = good.pbx("apply", "--tags", "model", expect=1)
    assert "relay1" in done.stderr and re.search(r"No space left|KiB free", done.stderr), done.stderr
    assert "nothing that runs was touched" in done.stderr


def test_a_document_that_the_call_process_refuses(good: Site, folder: Path) -> None:
    path = "/run/pbx-apply/calls.json"
    with cuts.apply(good, folder, "--tags", "model") as run:
        run.until("Model of the call process")
        document = json.loads(good.lab.exec("calls1", "cat", path).stdout)
        document["tenants"]["romashka"]["plain"]["users"]["ivanov"]["devices"] = 7
        good.lab.exec("calls1", "tee", path, input=json.dumps(document))
        assert run.to_the_end() == 1
    assert "pbx-calls:" in run.error
    assert "calls1: has the revision from before" in run.error, run.error


def test_after_all_that_the_next_apply_heals(good: Site) -> None:
    good.pbx("drift", "--tags", "model", expect=2)
    good.pbx("apply", expect=0)
    assert "cut_b-desk@romashka.example" in ask(good).edge["phones"]
    assert good.pbx("drift", expect=0).stdout.startswith("no differences\n")
