"""What is gathered and fed back changes nothing, for each module that needs no daemon; and what the other states do."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.apply.module_contract import check_result
from unit.apply.module_run import lines, run

pytestmark = pytest.mark.row("C01")

Capture = pytest.CaptureFixture[str]
OWN = {"owner": "root", "group": "root"}


def test_files(tmp_path: Path, capsys: Capture) -> None:
    want = {
        "directories": [{"path": str(tmp_path / "d"), "mode": "0750", **OWN}],
        "files": [{"path": str(tmp_path / "d" / "f"), "content": "one\n", "mode": "0640", **OWN}],
        "links": [{"path": str(tmp_path / "l"), "target": "d/f"}],
        "absent": [str(tmp_path / "old")],
    }
    done = run("pbx_files", capsys, **want)
    found = run("pbx_files", capsys, state="gathered", **want)["gathered"]
    assert found == want
    assert run("pbx_files", capsys, **found)["changed"] is False
    assert done["after"]["file"][str(tmp_path / "d" / "f")]["sha256"] == hashlib.sha256(b"one\n").hexdigest()
    assert run("pbx_files", capsys, **want)["digest"] == done["digest"]


def test_placed_files_are_gathered_by_digest(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "staged").write_text("a key")
    entry = {"path": str(tmp_path / "key"), "mode": "0600", **OWN}
    want = [{"source": str(tmp_path / "staged"), **entry}]
    done = run("pbx_placed", capsys, files=want)
    assert done["changed"] and "a key" not in json.dumps(done)
    found = run("pbx_placed", capsys, state="gathered", files=want)["gathered"]
    assert found == [{**entry, "sha256": hashlib.sha256(b"a key").hexdigest()}]
    assert run("pbx_placed", capsys, files=found)["changed"] is False
    (tmp_path / "key").write_text("another")
    failed = run("pbx_placed", capsys, files=found)
    assert failed["failed"] and "another content than sha256 says" in failed["msg"]


def test_accounts_that_are_there(capsys: Capture) -> None:
    want = {"groups": ["root", "nobody-has-this"], "users": [{"name": "root", "group": "root"}, {"name": "no-such"}]}
    found = run("pbx_accounts", capsys, state="gathered", **want)["gathered"]
    assert found == {"groups": ["root"], "users": [{"name": "root", "group": "root", "groups": []}]}
    assert run("pbx_accounts", capsys, **found)["changed"] is False
    checked = run("pbx_accounts", capsys, check=True, groups=["nobody-has-this"])
    assert lines(checked) == ["create group nobody-has-this"]


def test_prompts(tmp_path: Path, capsys: Capture) -> None:
    names = []
    for content in (b"one", b"two", b"three"):
        names.append(f"{hashlib.sha256(content).hexdigest()}.alaw")
        (tmp_path / names[-1]).write_bytes(content)
    (tmp_path / names[2]).write_bytes(b"damaged")
    own = {"folder": str(tmp_path), "group": "root"}
    found = run("pbx_prompts", capsys, state="gathered", **own)["gathered"]
    assert found == {"names": sorted(names[:2])}
    merged = run("pbx_prompts", capsys, check=True, state="merged", **own, names=names[:1])
    assert (merged["changed"], merged["surplus"]) == (False, 2)
    assert lines(run("pbx_prompts", capsys, **own, **found)) == [f"delete prompt {names[2]}"]
    assert run("pbx_prompts", capsys, **own, **found)["changed"] is False
    assert lines(run("pbx_prompts", capsys, state="deleted", **own, names=names[:1])) == [f"delete prompt {names[0]}"]
    assert [path.name for path in tmp_path.iterdir()] == [names[1]]


# ---- the firewall, in a network namespace of its own

RULES = """table inet pbx {
  set banned { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
  chain input {
    type filter hook input priority 0; policy drop;
    ip saddr @banned drop
    tcp dport { 22, 5060 } counter accept
  }
}
"""


class Firewall:
    """Runs pbx_firewall and nft inside one network namespace."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pbx.nft"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None and self._holder.stdout.readline() == b"\n"

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()

    def inside(self, *command: str, given: str = "") -> str:
        words = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(words, input=given, capture_output=True, text=True, check=True, env=environment).stdout

    def run(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        options = {"path": str(self.path), "unit": "", "_ansible_check_mode": check, **arguments}
        program = (
            "import json, sys\n"
            "from ansible.module_utils.testing import patch_module_args\n"
            "from ansible_collections.pbx.core.plugins.modules import pbx_firewall\n"
            "with patch_module_args(json.load(sys.stdin)): pbx_firewall.main()"
        )
        result: dict[str, Any] = json.loads(self.inside(sys.executable, "-c", program, given=json.dumps(options)))
        check_result("pbx_firewall", result)
        return result


@pytest.fixture
def firewall(tmp_path: Path) -> Any:
    one = Firewall(tmp_path)
    yield one
    one.close()


def test_a_firewall(firewall: Firewall) -> None:
    checked = firewall.run(check=True, ruleset=RULES)
    done = firewall.run(ruleset=RULES)
    assert checked["actions"] == done["actions"] and done["changed"]
    assert firewall.run(ruleset=RULES)["changed"] is False
    assert firewall.run(state="gathered")["gathered"] == {"ruleset": RULES}
    firewall.inside("nft", "add", "element", "inet", "pbx", "banned", "{ 192.0.2.1 }")
    assert firewall.run(ruleset=RULES)["changed"] is False, "who is banned now is not the business of an apply"

    firewall.inside("nft", "add", "rule", "inet", "pbx", "input", "tcp", "dport", "23", "accept")
    found = firewall.run(state="gathered")["gathered"]
    assert "tcp dport 23 accept" in found["ruleset"] and "192.0.2.1" not in found["ruleset"]
    fed_back = firewall.run(check=True, **found)
    assert {one["kind"] for one in fed_back["actions"]} == {"file"}, "the kernel is as gathered; the file is not yet"
    assert lines(firewall.run(ruleset=RULES)) == ["update firewall inet pbx"]

    assert firewall.run(state="rendered", ruleset=RULES)["rendered"] == firewall.path.read_text()
    assert lines(firewall.run(state="deleted")) == [f"delete file {firewall.path}", "delete firewall inet pbx"]
    assert firewall.run(state="deleted")["changed"] is False
    assert firewall.inside("nft", "list", "tables") == ""
