"""The lab's network: a router namespace with a bridge for the hosts and one link for each outside party.

Every party has a /32 address and a default route to the router, which forwards with a strict reverse-path check:
nobody can speak in another's name. No namespace has a way to this machine or to the world.
Each part carries a mark written when it was whole, so that a killed `up` heals by building the rest.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from instance import ID, netns, netns_path
from places import ADDRESSES, BEHIND_NAT, GATEWAY, HOSTS, NAT_INSIDE, NAT_NETWORK, OUTSIDE, ROUTER, Trouble, hosts_file

MARKS = Path("/run/pbx-lab") / ID / "net"
FORMAT = "1"
"""Raise it when the commands below change: marks of another format are rebuilt."""


def ensure(hosts: list[str]) -> None:
    """Build what is not there: the router, the given hosts' links, all outside parties."""
    if not _whole(ROUTER):
        remove()
        _namespace(ROUTER)
        _ip(ROUTER, "link add br0 type bridge", f"addr add {GATEWAY}/24 dev br0", "link set br0 up")
        _sysctl(ROUTER, forward=True)
        _mark(ROUTER)
    for name in (*hosts, *OUTSIDE, *BEHIND_NAT):
        if not _whole(name):
            _delete(name)
            _namespace(name)
            {**dict.fromkeys(HOSTS, _host), **dict.fromkeys(OUTSIDE, _party), **dict.fromkeys(BEHIND_NAT, _natted)}[
                name
            ](name)
            _mark(name)


def whole(name: str) -> bool:
    """Whether a host's or party's namespace stands."""
    return _whole(name)


def remove() -> None:
    """Delete every namespace of the lab, and end what still runs in one."""
    names = [name for name in ADDRESSES if netns_path(name).exists()]
    end_processes(names)
    for name in reversed(names):
        _delete(name)
    for mark in MARKS.glob("*"):
        mark.unlink()
    for folder in (MARKS, MARKS.parent, MARKS.parent.parent):
        with contextlib.suppress(OSError):  # not there, or another lab's marks lie below it
            folder.rmdir()


def end_processes(names: list[str]) -> None:
    """Kill whatever lives in these namespaces: a process would keep its namespace alive, without a name."""
    inodes = {netns_path(name).stat().st_ino for name in names}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/net").stat().st_ino in inodes and int(folder.name) != os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue


def _host(name: str) -> None:
    """A link into the bridge; nspawn gets the namespace, so the host needs no network service of its own."""
    _ip(ROUTER, f"link add v-{name} type veth peer name eth0 netns {netns(name)}", f"link set v-{name} master br0 up")
    _ip(name, f"addr add {HOSTS[name]}/24 dev eth0", "link set eth0 up", f"route add default via {GATEWAY}")
    _sysctl(name)


def _party(name: str) -> None:
    address = OUTSIDE[name]
    _ip(ROUTER, f"link add v-{name} type veth peer name eth0 netns {netns(name)}", f"link set v-{name} up")
    _ip(ROUTER, f"route add {address}/32 dev v-{name}")
    _ip(name, f"addr add {address}/32 dev eth0", "link set eth0 up", f"route add default via {GATEWAY} dev eth0 onlink")
    if name != "nat":
        _sysctl(name)
        return
    _sysctl(name, forward=True)
    rule = f"ip saddr {NAT_NETWORK} oifname eth0 masquerade"
    table = f"table ip nat {{ chain post {{ type nat hook postrouting priority srcnat; {rule}; }}; }}"
    _run(["ip", "netns", "exec", netns(name), "nft", table])


def _natted(name: str) -> None:
    _ip(
        "nat",
        f"link add eth1 type veth peer name eth0 netns {netns(name)}",
        f"addr add {NAT_INSIDE}/24 dev eth1",
        "link set eth1 up",
    )
    _ip(name, f"addr add {BEHIND_NAT[name]}/24 dev eth0", "link set eth0 up", f"route add default via {NAT_INSIDE}")
    _sysctl(name)


def _namespace(name: str) -> None:
    """An empty namespace with loopback up, and the files `ip netns exec` shows in place of /etc's."""
    _run(["ip", "netns", "add", netns(name)])
    _ip(name, "link set lo up")
    files = Path("/etc/netns") / netns(name)
    files.mkdir(parents=True, exist_ok=True)
    (files / "hosts").write_text(hosts_file(name))
    (files / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # nobody answers there: names come from hosts only


def _delete(name: str) -> None:
    (MARKS / name).unlink(missing_ok=True)
    if netns_path(name).exists():
        _run(["ip", "netns", "del", netns(name)])
    files = Path("/etc/netns") / netns(name)
    for file in files.glob("*"):
        file.unlink()
    if files.exists():
        files.rmdir()


def _sysctl(name: str, *, forward: bool = False) -> None:
    settings = ["net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1"]
    if forward:
        settings.append("net.ipv4.ip_forward=1")
    _run(["ip", "netns", "exec", netns(name), "sysctl", "-qw", *settings])


def _ip(name: str, *commands: str) -> None:
    _run(["ip", "-n", netns(name), "-batch", "-"], "\n".join(commands))


def _run(command: list[str], text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        hint = " (not root, or a container without network rights?)" if "permitted" in done.stderr else ""
        raise Trouble(f"{' '.join(command)}: {done.stderr.strip()}{hint}\n{text}".rstrip())


def _identity(name: str) -> str:
    """What a whole part's mark says: this boot of the machine, this very namespace, these commands."""
    there = netns_path(name).stat()
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {there.st_dev}:{there.st_ino} {FORMAT}"


def _mark(name: str) -> None:
    MARKS.mkdir(parents=True, exist_ok=True)
    (MARKS / name).write_text(_identity(name))


def _whole(name: str) -> bool:
    try:
        return (MARKS / name).read_text() == _identity(name)
    except OSError:
        return False
