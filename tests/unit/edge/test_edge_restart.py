"""Registrations through restarts, and tables that change under load: nobody notices (R34)."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.kamailio_tables import RELOAD_ABOVE
from unit.edge.conftest import DOMAIN, PASSWORDS
from unit.edge.edge_under_test import CALLS, EDGE, PHONE, PHONE_2, EdgeUnderTest
from unit.edge.module_runs import run
from unit.edge.sip_peers import Peer, build, ha1
from unit.edge.test_edge_calls_out import CONTACT, SDP
from unit.edge.test_edge_registrar import register

USER = "ivanov-desk"


def document(users: int) -> dict[str, Any]:
    names = [f"{user}@{DOMAIN}" for user in PASSWORDS] + [f"u{n}-desk@{DOMAIN}" for n in range(users)]
    return {
        "format": 1, "server": "edge1", "role": "edge",
        "htables": {"domain": {DOMAIN: "romashka"}, "owner": {"romashka": f"sip:{CALLS}:5070"}},
        "ha1": {name: {"secret": name} for name in names},
        "addresses": [{"group": 2, "ip": CALLS, "mask": 32, "port": 0, "tag": "calls1"}],
    }  # fmt: skip


def secrets(users: int) -> dict[str, str]:
    known = {f"{user}@{DOMAIN}": ha1(user, DOMAIN, word) for user, word in PASSWORDS.items()}
    return known | {f"u{n}-desk@{DOMAIN}": f"{n:032x}" for n in range(users)}


def options(edge: EdgeUnderTest, users: int = 0) -> dict[str, Any]:
    for name, content in (("edge.json", document(users)), ("edge.secrets.json", secrets(users))):
        (edge.folder / name).write_text(json.dumps(content))
    return {
        "document": str(edge.folder / "edge.json"), "secrets": str(edge.folder / "edge.secrets.json"),
        "run_dir": str(edge.run_dir), "database": str(edge.database),
    }  # fmt: skip


@pytest.fixture(scope="module")
def applied_edge() -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest(private_mb=64)
    config = edge.folder / "kamailio.cfg"  # contacts are written back each second, not each tenth
    config.write_text(config.read_text().replace('"timer_interval", 10', '"timer_interval", 1'))
    try:
        edge.start()
        yield edge
    finally:
        edge.close()


@pytest.fixture
def beside(applied_edge: EdgeUnderTest) -> Iterator[Callable[[str, int], Peer]]:
    """beside(address, port of the edge): a socket there, closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(address: str, port: int) -> Peer:
            one = Peer(applied_edge.namespace, address, 0, (EDGE, port))
            stack.callback(one.close)
            return one

        yield make


@pytest.fixture(autouse=True)
def applied(applied_edge: EdgeUnderTest) -> EdgeUnderTest:
    path = {"path": str(applied_edge.folder / "pbx_addresses"), "run_dir": str(applied_edge.run_dir)}
    for name, given in (("kamailio_htables", options(applied_edge)), ("kamailio_addresses", path)):
        assert not run(name, **({"document": document(0)} | given)).get("failed")
    return applied_edge


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_device_rings_after_a_restart(
    applied: EdgeUnderTest, beside: Callable[[str, int], Peer], how: signal.Signals
) -> None:
    phone = beside(PHONE, 5060)
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200
    if how == signal.SIGKILL:
        written_back(applied, phone.port)
    applied.stop(how)
    applied.start()
    process = beside(CALLS, 5080)
    uri = f"sip:{USER}@{DOMAIN}"
    process.send(
        build("INVITE", uri, process, from_=f"<sip:201@{DOMAIN}>;tag=b2b", to=f"<{uri}>", headers=(CONTACT,), body=SDP)
    )
    assert phone.request("INVITE").uri.startswith(f"sip:{USER}@{PHONE}:{phone.port}")
    assert run("kamailio_htables", **options(applied))["changed"] is False


def written_back(edge: EdgeUnderTest, port: int) -> None:
    """Wait for usrloc's timer, which writes contacts to the tmpfs."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(edge.run_dir / "location.sqlite")) as database:
            statement = "SELECT count(*) FROM location WHERE received = ?"
            if database.execute(statement, (f"sip:{PHONE}:{port}",)).fetchone()[0]:
                return
        time.sleep(0.1)
    raise AssertionError("the contact was not written back")


def test_tables_grow_and_shrink_while_phones_register(
    applied: EdgeUnderTest, beside: Callable[[str, int], Peer]
) -> None:
    """From few rows to more than a reload's worth and back, beside registrations: none fails."""
    phone, failed, done = beside(PHONE_2, 5060), [], threading.Event()
    counted = [0]

    def keep_registering() -> None:
        while not done.is_set():
            answer = register(phone, "petrova-desk", PASSWORDS["petrova-desk"], cseq=2 * counted[0] + 1)[1]
            counted[0] += 1
            if answer.status != 200:
                failed.append(answer.start)

    thread = threading.Thread(target=keep_registering)
    thread.start()
    try:
        for users in (RELOAD_ABOVE + 500, 100, RELOAD_ABOVE + 500, 0):
            assert not run("kamailio_htables", **options(applied, users)).get("failed")
    finally:
        done.set()
        thread.join(10)
    assert failed == []
    assert counted[0] > 20
