"""An apply is one at a time, goes forward in Git, and can be taken back: leases, ancestry, rollback, hold, journal."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.story import HOSTS, PBX, Site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C07")]

LEASE = "/var/lib/pbx-apply/lease.json"


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=test@example.com", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _commit(site: Site, message: str) -> str:
    _git(site.model, "add", "-A")
    _git(site.model, "commit", "-q", "--allow-empty", "-m", message)
    return _git(site.model, "rev-parse", "HEAD")


def _user(site: Site, name: str, extension: str) -> None:
    devices = "{desk: {type: desk_phone}}"
    text = f'users: {{{name}: {{extension: "{extension}", location: location/msk, devices: {devices}}}}}\n'
    (site.model / "romashka" / f"{name}.yml").write_text(text)


def _lease(site: Site, host: str) -> str:
    return site.lab.exec(host, "cat", LEASE, check=False).stdout


@pytest.fixture(scope="module")
def commits(site: Site) -> Iterator[list[str]]:
    """The model root is a Git repository with one commit, applied; ancestry is looked at."""
    settings = site.inventory.parent / "group_vars/all/trust.yml"
    settings.write_text("pbx_any_commit: false\n")
    _git(site.model, "init", "-q", "-b", "main")
    first = _commit(site, "first")
    site.pbx("apply", expect=0)
    yield [first]
    settings.unlink()
    subprocess.run(["rm", "-rf", str(site.model / ".git")], check=True)


def test_of_two_applies_at_once_one_goes_on_and_the_other_touches_nothing(site: Site, commits: list[str]) -> None:
    command = [*PBX, "apply", "-i", str(site.inventory), "--model", str(site.model), "--tags", "model"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _number in range(2)
    ]
    ended = [(*one.communicate(timeout=300), one.returncode) for one in both]
    assert sorted(code for _out, _error, code in ended) == [0, 1], ended
    refused = next(error for _out, error, code in ended if code == 1)
    assert re.search(r"another apply is going on here: \S+ on \S+ \(process \d+\), since .*--take-lease", refused), (
        refused
    )
    assert "nothing that runs was touched" in refused
    assert [_lease(site, host) for host in HOSTS] == ["", "", ""]


def test_a_lease_of_another_controller_is_waited_for_or_taken(site: Site, commits: list[str]) -> None:
    held = {"run": "feedfeedfeed", "by": "olga", "host": "elsewhere", "place": "x", "processes": [[7, "1"]]}
    held |= {"since": time.time(), "expires": time.time() + 3000}
    site.lab.exec("calls1", "tee", LEASE, input=json.dumps(held))
    done = site.pbx("apply", "--tags", "model", expect=1)
    assert "error: calls1" in done.stderr and "olga on elsewhere (process 7)" in done.stderr
    assert [bool(_lease(site, host)) for host in HOSTS] == [False, False, True]  # what was taken is given back
    assert site.pbx("drift", expect=0).stdout == "no differences\n"  # reading needs no lease
    site.pbx("apply", "--tags", "model", "--take-lease", expect=0)
    site.lab.exec("calls1", "tee", LEASE, input=json.dumps({**held, "expires": time.time() - 1}))
    site.pbx("apply", "--tags", "model", expect=0)  # it has run out


def test_a_commit_that_does_not_descend_from_the_live_one_is_refused(site: Site, commits: list[str]) -> None:
    _user(site, "second", "581")
    commits.append(_commit(site, "second"))
    site.pbx("apply", "--tags", "model", expect=0)
    _git(site.model, "checkout", "-q", "-b", "side", commits[0])
    _user(site, "aside", "582")
    _commit(site, "aside")
    done = site.pbx("apply", "--tags", "model", expect=1)
    assert f"commit {commits[1][:12]} is live" in done.stderr and "does not descend from it" in done.stderr
    assert "nothing that runs was touched" in done.stderr
    site.pbx("apply", "--tags", "model", "--any-commit", expect=0)
    _git(site.model, "checkout", "-q", "main")
    site.pbx("apply", "--tags", "model", "--any-commit", expect=0)
    assert site.pbx("drift", expect=0).stdout == "no differences\n"


def test_a_rollback_applies_an_earlier_commit_and_leaves_the_tree_alone(site: Site, commits: list[str]) -> None:
    (site.model / "notes.txt").write_text("mine, not committed\n")
    before = _git(site.model, "status", "--porcelain"), _git(site.model, "rev-parse", "HEAD")
    told = site.pbx("rollback", commits[0][:9], "--check", expect=2).stdout
    assert "- user romashka/second" in told
    done = site.changes("rollback", commits[0][:9], expect=0)
    assert "- user romashka/second" in done["calls1"]
    assert (_git(site.model, "status", "--porcelain"), _git(site.model, "rev-parse", "HEAD")) == before
    (site.model / "notes.txt").unlink()
    log = site.pbx("log", "--last", "3", expect=0).stdout
    assert f"rolled_back by root, commit {commits[0][:12]}" in log
    site.pbx("apply", "--tags", "model", expect=0)  # main descends from it: going forward again needs no word


@pytest.mark.parametrize(
    "words, told",
    [
        (("nonsense",), "nonsense: no such commit"),
        (("--force-me",), "unrecognized arguments"),
        ((), "give one of COMMIT, --revision REV or --list"),
        (("HEAD", "--list"), "give one of COMMIT, --revision REV or --list"),
        (("--revision", "zz"), "at least 6 hex digits"),
        (("broken",), "the model of that commit is not valid; nothing was touched"),
    ],
)
def test_a_rollback_to_nowhere_is_told(site: Site, commits: list[str], words: tuple[str, ...], told: str) -> None:
    if words == ("broken",):
        _git(site.model, "checkout", "-q", "-b", "broken")
        _user(site, "broken", "201")  # an extension twice
        _commit(site, "broken")
        _git(site.model, "checkout", "-q", "main")
    done = site.pbx("rollback", *words, expect=1)
    assert told in done.stderr and "Traceback" not in done.stderr, done.stderr
    if words == ("broken",):
        assert re.search(r"^romashka/\S+\.yml:\d+:\d+: ", done.stderr, re.MULTILINE), done.stderr


def test_the_servers_put_a_kept_revision_back_and_hold(site: Site, commits: list[str]) -> None:
    before = site.status()["tenants"]["romashka"]
    _user(site, "third", "583")
    commits.append(_commit(site, "third"))
    site.pbx("apply", "--tags", "model", expect=0)
    listed = site.pbx("rollback", "--list", expect=0).stdout
    assert listed.count(before) >= 3, listed  # every server knows the revision, the relay too, where nothing changed
    site.lab.exec("relay1", "mv", "/var/lib/pbx-apply/documents", "/var/lib/pbx-apply/aside")
    refused = site.pbx("rollback", "--revision", before, expect=1).stderr
    assert f"Revision {before} is not kept on relay1; it is on " in refused
    assert site.status()["tenants"]["romashka"] != before
    site.lab.exec("relay1", "mv", "/var/lib/pbx-apply/aside", "/var/lib/pbx-apply/documents")
    done = site.playbook("rollback.yml", "-e", f"pbx_revision={before}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.status()["tenants"]["romashka"] == before
    held = site.pbx("apply", "--tags", "model", expect=1).stderr
    assert "held since" in held and "pbx apply --release" in held
    assert "held since" in site.pbx("rollback", "--list", expect=0).stdout
    site.pbx("apply", "--tags", "model", "--release", expect=0)
    assert site.status()["tenants"]["romashka"] != before
    site.pbx("apply", "--tags", "model", expect=0)  # released for good
    events = [
        json.loads(line)["event"]
        for line in site.lab.exec("calls1", "cat", "/var/lib/pbx-apply/journal.jsonl").stdout.splitlines()
    ]
    assert events[-5:] == ["begin", "released", "verified", "begin", "verified"]
    assert "rolled_back" in events


def test_nothing_is_left_behind(site: Site, commits: list[str]) -> None:
    for name in ("second", "third"):
        (site.model / "romashka" / f"{name}.yml").unlink()
    _commit(site, "as it was")
    site.pbx("apply", expect=0)
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
    for host in HOSTS:
        assert _lease(site, host) == ""
