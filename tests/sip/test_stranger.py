"""What somebody on the Internet finds: every open port of every host, and sipvicious with the names of real devices."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from phones import netns
from phones.romashka import lab as romashka
from phones.romashka.faults import all_is_well
from phones.romashka.stage import DOMAIN, Stage

pytestmark = [pytest.mark.lab, pytest.mark.row("R05")]

SSH = 22
OPEN = {"edge1": {SSH, 5060, 5061, 8443}, "relay1": {SSH}, "calls1": {SSH, 9443}}  # over TCP, to anybody
ANSWERS = {("edge1", 5060)}  # over UDP
QUESTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bKq;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: q\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
    b"1 d7:command4:pinge",  # NG, of rtpengine
    b'{"jsonrpc":"2.0","method":"core.version","id":1}',
    b"\r\n\r\n",
)
SCANNER = """import sys
from sipvicious.libs import svhelper
if sys.argv[1]:  # another name than the one that every edge knows
    defaults = svhelper.makeRequest.__defaults__
    svhelper.makeRequest.__defaults__ = tuple(sys.argv[1] if d == "friendly-scanner" else d for d in defaults)
from sipvicious import svcrack, svwar
tool = {"svwar": svwar, "svcrack": svcrack}[sys.argv[2]]
sys.argv = sys.argv[2:]
tool.main()
"""


@pytest.fixture
def stranger(stage: Stage, pbx: Any) -> Iterator[str]:
    """The stranger's namespace; what the edge holds against its address is forgotten afterwards."""
    yield romashka.namespace("stranger")
    for table in ("ban", "authfail"):
        pbx.exec("edge1", "kamcmd", "-s", "unix:/run/kamailio/ctl.sock", "htable.flush", table)


def listening(pbx: Any, host: str, kind: str) -> set[int]:
    """Ports that a host listens on, but for its loopback."""
    lines = pbx.exec(host, "ss", "-Hln", kind).stdout.splitlines()
    local = [line.split()[3] for line in lines]
    return {int(where.rpartition(":")[2]) for where in local if not where.startswith(("127.", "[::1]", "::1"))}


def test_over_tcp_only_what_is_meant_for_all_is_open(stage: Stage, pbx: Any) -> None:
    namespace = romashka.namespace("stranger")
    for host, meant in OPEN.items():
        ports = listening(pbx, host, "-t")
        assert ports - meant or host == "relay1", f"{host} listens on nothing that a firewall has to close"
        for port in sorted(ports):
            sock = netns.open_socket(namespace, socket.AF_INET, socket.SOCK_STREAM)
            sock.settimeout(0.5)
            with sock:
                is_open = sock.connect_ex((romashka.addresses()[host], port)) == 0
            assert is_open == (port in meant), f"{host}:{port} is {'open' if is_open else 'closed'} to a stranger"


def test_over_udp_only_the_edge_answers(stage: Stage, pbx: Any) -> None:
    namespace = romashka.namespace("stranger")
    for host in OPEN:
        for port in sorted(listening(pbx, host, "-u")):
            with netns.open_socket(namespace, socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0.3)
                for question in QUESTIONS:
                    sock.sendto(question, (romashka.addresses()[host], port))
                try:
                    heard = sock.recv(2048)
                except (TimeoutError, ConnectionRefusedError):
                    heard = b""
            assert bool(heard) == ((host, port) in ANSWERS), f"{host}:{port} says {heard!r}"


def scan(namespace: str, name: str, *words: str, folder: Path, within: float = 30.0) -> str:
    """What a tool of sipvicious printed; it is ended when it does not end by itself."""
    command = netns.command(namespace, [sys.executable, "-c", SCANNER, name, *words])
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        return process.communicate(timeout=within)[0]
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.communicate(timeout=5)[0]


def found(told: str) -> set[tuple[str, str]]:
    """Rows of the table that svwar ends with: extension and how it answers."""
    return set(re.findall(r"^\| (\S+) +\| (\S+) +\|$", told, re.M)) - {("Extension", "Authentication")}


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_cannot_tell_a_device_from_nobody(
    stage: Stage, pbx: Any, stranger: str, tmp_path: Path, method: str
) -> None:
    names = ["ivanov-desk", "petrova-desk", "201", "202", "nobody-desk", "999", "admin"]
    (tmp_path / "names").write_text("\n".join(names) + "\n")
    edge = romashka.addresses()["edge1"]
    words = ["svwar", "--force", "-m", method, "-d", "names", "--domain", DOMAIN, edge]
    assert found(scan(stranger, "", *words, folder=tmp_path)) == set()  # by its own name it is not even answered
    told = scan(stranger, "Yealink SIP-T46S", *words, folder=tmp_path)
    assert ("Authenticate: Digest" in told) == (method != "OPTIONS")  # it has been answered, each name alike
    assert found(told) == set()


def test_svcrack_is_banned_before_it_comes_to_the_password(
    stage: Stage, pbx: Any, stranger: str, tmp_path: Path
) -> None:
    password = romashka.password("ivanov", "desk")
    (tmp_path / "words").write_text("\n".join([f"guess{number}" for number in range(30)] + [password]) + "\n")
    edge = romashka.addresses()["edge1"]
    words = ["svcrack", "-u", "ivanov-desk", "-d", "words", "--domain", DOMAIN, edge]
    told = scan(stranger, "Yealink SIP-T46S", *words, folder=tmp_path)
    assert password not in told
    banned = pbx.exec("edge1", "kamcmd", "-s", "unix:/run/kamailio/ctl.sock", "htable.dump", "ban").stdout
    assert romashka.addresses()["stranger"] in banned
    all_is_well(pbx, stage)
