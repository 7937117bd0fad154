"""The throw-away hosts: start, readiness, end. One launcher process (`launch`) per host holds its mounts."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import cgroups
import instance
from controller import public_key
from enter import command_in_host, group_name, leader, socket_in
from image import Image
from instance import FOLDER, say, wait_until
from places import HOSTS, Trouble, hosts_file

OPS = 1000
"""The uid and gid of `ops`, as `build-image` makes it."""

ALONE = ("unshare", "--mount", "--propagation", "slave")
"""A mount namespace of its own, in which what this machine unmounts disappears too."""

BOOT_SECONDS = 60.0

WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
"""Each host's systemd takes about six, all as one user: of Debian's 128 there are none left at some twenty hosts."""


def answers(host: str) -> bool:
    """Whether the host's ssh greets."""
    try:
        with socket_in(instance.netns_path("lab")) as probe:
            probe.settimeout(1.0)
            probe.connect((HOSTS[host], 22))
            return probe.recv(4) == b"SSH-"
    except OSError:
        return False


def state(host: str) -> str:
    """ "up", "booting", "down" or "stuck" (processes without a PID 1 or without an nspawn)."""
    if leader(host) is not None and _supervised(host):
        return "up" if answers(host) else "booting"
    return "stuck" if cgroups.pids(cgroups.path(group_name(host))) else "down"


def _supervised(host: str) -> bool:
    """Whether the host's nspawn lives: without it the host cannot reboot and nobody would notice its end."""
    groups = cgroups.path(group_name(host)).glob("boot*/supervisor/cgroup.procs")
    return any(procs.read_text() for procs in groups)


def mode(host: str) -> str:
    """ "bare" or "layer": what the host was booted on; empty when it never was."""
    file = FOLDER / host / "mode"
    return file.read_text() if file.exists() else ""


def start(host: str, image: Image, *, bare: bool) -> None:
    """Put away what is left of the host and launch it afresh; returns before it has booted."""
    _let_many_boot()
    cgroups.end(group_name(host))
    folder = FOLDER / host
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("files", "disk"):
        (folder / part).mkdir(parents=True)
    _write_files(host, folder / "files")
    (folder / "mode").write_text("bare" if bare else "layer")
    lower = f"{image.base}" if bare else f"{image.layer}:{image.base}"
    groups = [str(path) for path in cgroups.group(group_name(host))]
    launch = Path(__file__).resolve().parent / "launch"
    with open(folder / "log", "w") as log:
        subprocess.Popen(
            [*ALONE, str(launch), host, instance.netns(host), lower, str(image.repo), str(folder), *groups],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )


def _let_many_boot() -> None:
    """Raise the kernel's limit of inotify instances where we may; where not, few hosts boot all the same."""
    with contextlib.suppress(OSError):
        if int(WATCHES.read_text()) < ENOUGH:
            WATCHES.write_text(str(ENOUGH))


def _write_files(host: str, top: Path) -> None:
    """What differs from host to host, in the shape of its file system."""
    (top / "etc").mkdir()
    (top / "etc/hostname").write_text(f"{host}\n")
    (top / "etc/hosts").write_text(hosts_file(host))
    for home, owner, bits in (("root", 0, 0o700), ("home/ops", OPS, 0o755)):
        ssh = top / home / ".ssh"
        ssh.mkdir(parents=True)
        (ssh / "authorized_keys").write_text(public_key())
        (top / home).chmod(bits)
        ssh.chmod(0o700)
        for path in (top / home, ssh, ssh / "authorized_keys"):
            os.chown(path, owner, owner)


def wait_ready(hosts: list[str]) -> None:
    """Until each host's ssh greets and its systemd has started all; says which unit failed."""
    deadline = time.monotonic() + BOOT_SECONDS
    for host in hosts:
        for _ in wait_until(deadline):
            if leader(host) is not None and answers(host):
                break
        else:
            log = (FOLDER / host / "log").read_text(errors="replace").splitlines()[-15:]
            raise Trouble(f"{host} did not boot in {BOOT_SECONDS:.0f} s ({state(host)})\n" + "\n".join(log))
    for host in hosts:
        _wait_running(host)
        say(f"{host} is up, {HOSTS[host]}")


def _wait_running(host: str) -> None:
    asked = subprocess.run(
        command_in_host(host, "systemctl", "is-system-running", "--wait"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOOT_SECONDS,
        check=False,
    )
    if asked.stdout.strip() != "running":
        failed = command_in_host(host, "systemctl", "list-units", "--failed", "--no-legend", "--plain")
        units = subprocess.run(failed, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
        say(f"{host} booted {asked.stdout.strip() or asked.stderr.strip()}: {units.strip()}")


def uptime(pid: int) -> float:
    """Seconds since a process began."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
