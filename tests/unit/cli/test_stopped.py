"""`pbx` that is told to stop in the middle of a run: Ansible ends too, and no compiled document is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOSTS = """\
all:
  vars:
    pbx_model_root: {root}/examples
    pbx_site_key: "0123456789abcdef0123456789abcdef"
    pbx_secrets: {{trunk_mtt: "a password", voicemail_ivanov: "7391"}}
    ansible_ssh_common_args: -o ProxyCommand='sleep 300' -o ConnectTimeout=300
  children:
    edges: {{hosts: {{pbx1: {{sip_address: 192.0.2.5, media_address: 192.0.2.5}}}}}}
    relays: {{hosts: {{pbx1: {{}}}}}}
    calls: {{hosts: {{pbx1: {{}}}}}}
    media: {{hosts: {{pbx1: {{}}}}}}
"""


def _running(temporary: Path) -> list[str]:
    """The command lines of all that has this temporary folder; Ansible's workers have sessions of their own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={temporary}\0".encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _until(holds: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_goes_on_and_nothing_is_left(number: int, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(HOSTS.format(root=ROOT))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-c", "from pbx.cli.main import main; main()", "plan", "-i", str(tmp_path / "hosts.yml")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(temporary), "HOME": str(tmp_path)}
    with subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        text=True,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    ) as process:
        try:
            _until(lambda: any(line.startswith("sleep 300") for line in _running(temporary)))
            assert list(temporary.rglob("*.secrets.json"))  # compiled, waiting for the host
            process.send_signal(number)
            _out, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 1 and said.splitlines()[-1] == "stopped"
    assert list(temporary.iterdir()) == []
    _until(lambda: _running(temporary) == [])
