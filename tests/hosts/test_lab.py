"""The throw-away hosts themselves: mostly on a lab of their own beside the checkout's, which others use."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from throwaway import CHECKOUT, Lab

pytestmark = pytest.mark.lab

RECEIVE = """import socket
port = socket.socket(type=socket.SOCK_DGRAM)
port.bind(("", 9000))
print("ready", flush=True)
port.settimeout(20)
print(*port.recvfrom(99))"""
SEND = """import socket, sys
port = socket.socket(type=socket.SOCK_DGRAM)
port.bind((sys.argv[1], 0))
port.sendto(sys.argv[2].encode(), ("edge1", 9000))"""
GREET = "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).recv(4))"


@pytest.fixture(scope="module")
def other() -> Iterator[Lab]:
    """A second lab with one host."""
    name = f"t{secrets.token_hex(3)}"
    hosts = Lab(name)
    hosts.run("up", "--hosts", "edge1", timeout=900)
    yield hosts
    folder = hosts.status()["state_folder"]
    hosts.run("down")
    shutil.rmtree(folder)


def _pid(lab: Lab) -> int:
    return int(lab.status()["hosts"]["edge1"]["pid"])


def _nspawn(lab: Lab) -> int:
    """The process on this machine whose child is the host's PID 1."""
    fields = Path(f"/proc/{_pid(lab)}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


def _traces(name: str) -> list[str]:
    """Whatever of a lab the machine still has: processes, mounts, namespaces, control groups."""
    found = [f"netns {path}" for path in Path("/run/netns").glob(f"pbx-{name}-*")]
    found += [f"files {path}" for path in Path("/etc/netns").glob(f"pbx-{name}-*")]
    found += [f"group {path}" for path in Path("/sys/fs/cgroup").glob(f"**/pbx-lab/{name}")]
    found += [f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines() if f"/{name}/" in line]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"/pbx-lab/{name}/" in command or f"pbx-{name}-" in command:
            found.append(f"process {folder.name} {command}")
    return found


def test_up_again_changes_nothing(other: Lab) -> None:
    before = _pid(other)
    assert other.run("up", "--hosts", "edge1").stderr == ""
    assert _pid(other) == before


@pytest.mark.parametrize("host", ["edge1", "phone1"])
def test_exec_passes_streams_and_status(other: Lab, host: str) -> None:
    done = other.exec(host, "sh", "-c", "cat; echo problem >&2; exit 7", input="sent\n", check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("sent\n", "problem\n", 7)


@pytest.mark.parametrize("host", ["edge1", "phone1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_reaches_the_command(other: Lab, host: str, number: signal.Signals) -> None:
    marker = f"1000.{secrets.randbelow(10**9)}"
    with other.popen(host, "sh", "-c", f"echo started; exec sleep {marker}", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        assert process.stdout.read() == ""  # closed: nobody holds it any more, the command has ended
        assert process.wait(10) == -number


def test_in_a_party_the_process_id_is_the_commands(other: Lab) -> None:
    with other.popen("mtt", "sh", "-c", "echo $$", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == f"{process.pid}\n"


def test_exec_says_what_is_wrong(other: Lab) -> None:
    unknown = other.exec("nobody", "true", check=False)
    assert unknown.returncode == 125
    assert "edge1" in unknown.stderr
    down = other.exec("relay1", "true", check=False)
    assert down.returncode == 125
    assert "lab/lab up" in down.stderr
    assert other.exec("edge1", "no-such-command", check=False).returncode == 127


def test_a_fresh_host_has_the_packages_and_runs_none(other: Lab) -> None:
    assert other.exec("edge1", "systemctl", "is-system-running").stdout == "running\n"
    for unit in ("kamailio", "rtpengine-daemon", "redis-server", "nftables"):
        assert other.exec("edge1", "systemctl", "is-active", unit, check=False).stdout == "inactive\n"
        assert other.exec("edge1", "systemctl", "is-enabled", unit, check=False).stdout == "disabled\n"


def test_the_stranger_gets_answers_and_no_further(other: Lab) -> None:
    assert other.run("stranger", "python3", "-c", GREET, "edge1", "22").stdout == "b'SSH-'\n"
    for address in ("192.168.55.10", "8.8.8.8"):
        refused = other.run("stranger", "python3", "-c", GREET, address, "22", check=False)
        assert refused.returncode == 1
        assert "unreachable" in refused.stderr


def test_nobody_speaks_in_anothers_name_and_nat_hides(other: Lab) -> None:
    other.exec("stranger", "ip", "addr", "add", "198.51.100.10/32", "dev", "lo")
    with other.popen("edge1", "python3", "-c", RECEIVE, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "ready\n"
        other.exec("stranger", "python3", "-c", SEND, "198.51.100.10", "as the carrier")
        other.exec("natphone", "python3", "-c", SEND, "192.168.55.10", "from behind")
        heard = receiver.stdout.read()
    other.exec("stranger", "ip", "addr", "del", "198.51.100.10/32", "dev", "lo")
    assert heard.startswith("b'from behind' ('203.0.113.80', ")


def test_connect_is_a_pipe_to_a_port(other: Lab) -> None:
    assert other.run("connect", "edge1", "22", input="no greeting\r\n").stdout.startswith("SSH-2.0-OpenSSH")
    refused = other.run("connect", "edge1", "9", check=False)
    assert refused.returncode == 125
    assert "refused" in refused.stderr


def test_ansible_works_from_any_folder_as_a_sudo_user(lab: Lab, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "ansible"), "-i", str(CHECKOUT / "inventory/lab/hosts.yml"), "all"]
    for option, user in (("-b", "root"), ("-e=ansible_become=false", "ops")):
        done = subprocess.run(
            [*command, option, "-m", "ansible.builtin.command", "-a", "id -un", "-o"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
            check=True,
        )
        assert done.stdout.count(f"(stdout) {user}") == 3, done.stdout


def test_a_reboot_keeps_the_disk(other: Lab) -> None:
    other.exec("edge1", "sh", "-c", "echo kept >/etc/marker; rm -f /run/marker; touch /run/marker")
    before = _pid(other)
    other.exec("edge1", "systemctl", "reboot", check=False)
    deadline = time.monotonic() + 20
    while (now := other.status()["hosts"]["edge1"])["state"] != "up" or now["pid"] == before:
        assert time.monotonic() < deadline, now
    assert other.exec("edge1", "cat", "/etc/marker").stdout == "kept\n"
    assert other.exec("edge1", "test", "-e", "/run/marker", check=False).returncode == 1


def test_up_heals_after_hosts_were_killed(other: Lab) -> None:
    os.kill(_nspawn(other), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while other.status()["hosts"]["edge1"]["state"] == "up":
        assert time.monotonic() < deadline
    assert other.run("status", check=False).returncode == 1
    other.run("up", "--hosts", "edge1")
    assert other.exec("edge1", "systemctl", "is-system-running").stdout == "running\n"


def test_up_heals_after_up_was_killed(other: Lab) -> None:
    other.run("down")
    with subprocess.Popen(
        [str(CHECKOUT / "lab/lab"), "up", "--hosts", "edge1"], env=other.environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        namespaces = Path("/run/netns")
        deadline = time.monotonic() + 20
        while not (namespaces / f"pbx-{other.environment['PBX_LAB_ID']}-phone2").exists():
            assert time.monotonic() < deadline
        process.kill()
    other.run("up", "--hosts", "edge1")
    assert other.run("stranger", "python3", "-c", GREET, "edge1", "22").stdout == "b'SSH-'\n"


def test_down_leaves_nothing(other: Lab) -> None:
    name = other.environment["PBX_LAB_ID"]
    with (
        other.popen("phone1", "sleep", "1000") as inside,
        subprocess.Popen(["ip", "netns", "exec", other.netns("phone2"), "sleep", "1000"]) as outside,
    ):
        assert _traces(name)
        other.run("down")
        assert inside.wait(5) == -signal.SIGKILL
        assert outside.wait(5) == -signal.SIGKILL
    assert _traces(name) == []
    other.run("down")


def test_a_bare_host_installs_packages_with_no_network(other: Lab) -> None:
    other.run("down")
    other.run("up", "--bare", "--hosts", "edge1")
    other.exec("edge1", "apt-get", "-qq", "update")
    other.exec("edge1", "apt-get", "-qq", "-y", "--no-install-recommends", "install", "sqlite3")
    assert other.exec("edge1", "sqlite3", ":memory:", "select 6*7").stdout == "42\n"
