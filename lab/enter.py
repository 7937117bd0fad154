"""Ways in: run a command in a host or in a party's namespace, connect to a port from the ordinary shell."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import cgroups
import instance
from places import ADDRESSES, HOSTS, Trouble

NAMESPACES = ("cgroup", "ipc", "uts", "net", "pid", "mnt")
PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
)
PR_SET_PDEATHSIG = 1
NOT_UP = 125
"""Exit status when the lab cannot run the command at all; 126 and 127 as in the shell."""

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(handle: int) -> None:
    if _libc.setns(handle, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def group_name(host: str) -> str:
    return f"host-{host}"


def leader(host: str) -> int | None:
    """The host's PID 1 as this machine numbers it; None while there is none."""
    for procs in cgroups.path(group_name(host)).glob("boot*/payload/init.scope/cgroup.procs"):
        try:
            words = procs.read_text().split()
        except OSError:
            continue
        if words:
            return int(words[0])
    return None


def command_in_host(host: str, *command: str) -> list[str]:
    """The command line that runs a command in a host."""
    return [str(Path(__file__).resolve().parent / "lab"), "exec", host, *command]


def run(name: str, command: list[str]) -> NoReturn:
    """Become the command, in a host or in an outside party's (or the router's) namespace."""
    if name in HOSTS:
        _run_in_host(name, command)
    if name not in ADDRESSES:
        raise Trouble(f"no host {name!r}; there are {', '.join(ADDRESSES)}")
    if not instance.netns_path(name).exists():
        raise Trouble(f"{name} is not there: lab/lab up")
    cgroups.join("outside")
    os.execvp("ip", ["ip", "netns", "exec", instance.netns(name), *command])


def _run_in_host(host: str, command: list[str]) -> NoReturn:
    """A child in all of the host's namespaces; we stay its stand-in outside: signals in, its end out.

    A process cannot change its own PID namespace, so one fork is needed. The child dies when we are killed.
    """
    pid = leader(host)
    if pid is None:
        raise Trouble(f"{host} is not up: lab/lab up")
    cgroups.join(group_name(host) + "/exec")
    handles = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in NAMESPACES]
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY)
    for handle in handles:
        _setns(handle)
    os.fchdir(root)
    os.chroot(".")
    child = os.fork()
    if child == 0:
        _become(command)
    os.closerange(0, 3)
    for number in PASSED_ON:
        signal.signal(number, lambda got, _: os.kill(child, got))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        fatal = os.WTERMSIG(status)
        with contextlib.suppress(OSError):  # SIGKILL has no handler to set
            signal.signal(fatal, signal.SIG_DFL)
        os.kill(os.getpid(), fatal)
    os._exit(os.waitstatus_to_exitcode(status))


def _become(command: list[str]) -> NoReturn:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir("/root")
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": os.environ.get("TERM", "dumb"),
    }
    os.umask(0o022)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        print(f"lab: {command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def socket_in(path: Path) -> socket.socket:
    """A TCP socket that belongs to another network namespace; this process stays where it is."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        away = os.open(path, os.O_RDONLY)
        try:
            _setns(away)
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                _setns(home)
        finally:
            os.close(away)
    finally:
        os.close(home)


def connect(host: str, port: int) -> int:
    """Pump bytes between stdin, stdout and a TCP port seen from the router: what ssh's ProxyCommand wants."""
    cgroups.join("connect")
    try:
        peer = socket_in(instance.netns_path("lab"))
        peer.settimeout(10)
        peer.connect((ADDRESSES.get(host, host), port))
    except OSError as error:
        raise Trouble(f"{host} port {port}: {error.strerror or error}") from error
    peer.settimeout(None)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _pump(peer)
    return 0


def _pump(peer: socket.socket) -> None:
    """Until the far end closes; our end of input is passed on as a half-close."""
    reading = [0, peer.fileno()]
    while peer.fileno() in reading:
        ready, _, _ = select.select(reading, [], [])
        for source in ready:
            try:
                data = os.read(source, 65536)
            except ConnectionError:
                data = b""
            if not data:
                reading.remove(source)
                if source == 0:
                    with contextlib.suppress(OSError):
                        peer.shutdown(socket.SHUT_WR)
            elif source == 0:
                try:
                    peer.sendall(data)
                except ConnectionError:
                    return
            else:
                _write_all(data)


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(1, view) :]
        except BrokenPipeError:
            os._exit(0)
