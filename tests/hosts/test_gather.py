"""`pbx gather`: every server read live, in the shape of the documents; fed back it changes nothing."""

import json
import re
from pathlib import Path

import pytest
from hosts.story import Site

pytestmark = [pytest.mark.lab, pytest.mark.row("C01")]

WRITTEN = [
    "calls1.calls.json",
    "calls1.host.json",
    "calls1.media.json",
    "edge1.configuration.json",
    "edge1.edge.json",
    "edge1.host.json",
    "relay1.host.json",
    "relay1.relay.json",
]


@pytest.fixture(scope="module")
def gathered(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gathered")
    done = site.pbx("gather", "-o", str(folder), expect=0)
    assert done.stdout.splitlines() == [str(folder / name) for name in WRITTEN]
    return folder


def test_the_documents_are_those_that_were_applied(site: Site, gathered: Path) -> None:
    edge = json.loads((gathered / "edge1.edge.json").read_text())
    assert (edge["format"], edge["server"], edge["role"]) == (1, "edge1", "edge")
    assert edge["htables"]["domain"] == {"romashka.example": "romashka"}
    assert edge["ha1"]["ivanov-desk@romashka.example"] == {"secret": "ha1/ivanov-desk@romashka.example"}
    assert {"uri": "sip:10.77.0.13:5070", "flags": 0, "set": 1, "priority": 0, "attrs": "name=calls1"} in edge[
        "dispatchers"
    ]
    calls = (gathered / "calls1.calls.json").read_text()
    served = site.lab.exec("calls1", "cat", "/var/lib/pbx/documents/calls.json").stdout
    assert json.loads(calls) == json.loads(served)
    assert json.loads((gathered / "relay1.relay.json").read_text())["settings"]["timeout"] == "3600"


def test_no_secret_is_in_them_and_nobody_else_may_read_them(site: Site, gathered: Path) -> None:
    texts = {path.name: path.read_text() for path in gathered.iterdir()}
    found = [
        (name, file) for name, value in site.secret_values().items() for file, text in texts.items() if value in text
    ]
    assert found == []
    assert {path.stat().st_mode & 0o777 for path in gathered.iterdir()} == {0o600}


def test_fed_back_as_overridden_they_change_nothing(site: Site, gathered: Path) -> None:
    done = site.playbook("../tests/hosts/playbooks/fed_back.yml", "-e", f"folder={gathered}")
    assert done.returncode == 0, done.stdout + done.stderr
    recap = re.findall(r"^(\w+) +: ok=(\d+) +changed=(\d+) .*failed=(\d+)", done.stdout, re.MULTILINE)
    assert [(host, changed, failed) for host, _ok, changed, failed in sorted(recap)] == [
        ("calls1", "0", "0"),
        ("edge1", "0", "0"),
        ("relay1", "0", "0"),
    ], done.stdout
