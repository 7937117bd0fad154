"""One edge for the routing tests of this folder; each test starts from the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, EdgeUnderTest
from unit.edge.sip_peers import Peer, ha1

DOMAIN = "romashka.example"
PASSWORDS = {"ivanov-desk": "K4NNYQ2JX6TDVA5B", "petrova-desk": "ZB3M5RWQH7YEUC2P"}

ROWS = {
    "domain": {DOMAIN: "romashka", "vasilek.example": "vasilek"},
    "did": {"e164_digits/74951000100": "romashka"},
    "owner": {"romashka": f"sip:{CALLS}:5070", "vasilek": f"sip:{CALLS}:5070"},
    "token": {"0123456789ab": "romashka"},
    "emergency": {"romashka/112": "1"},
    "trunk": {
        "mtt": f"sip:{CARRIER}:5060;transport=udp",
        "tcp": f"sip:{CARRIER}:5064;transport=tcp",
        "shut": f"sip:{CARRIER}:5065;transport=tcp",  # nobody listens there
    },
    "ha1": {f"{user}@{DOMAIN}": ha1(user, DOMAIN, word) for user, word in PASSWORDS.items()},
}
ADDRESSES = f"1 {CARRIER} 32 0 mtt/e164_digits\n2 {CALLS} 32 0 calls1\n"


@pytest.fixture(scope="session")
def running_edge() -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest()
    try:
        edge.start()
        yield edge
    finally:
        edge.close()


@pytest.fixture
def edge(running_edge: EdgeUnderTest) -> EdgeUnderTest:
    """The shared edge with the rows above and nobody banned or registered."""
    for table in ("ban", "authfail", "rate"):
        running_edge.rpc.call("htable.flush", table)
    for table, rows in ROWS.items():
        running_edge.fill(table, rows)
    running_edge.addresses(ADDRESSES)
    return running_edge


@pytest.fixture
def peer(edge: EdgeUnderTest) -> Iterator[Callable[..., Peer]]:
    """peer(address, port=0, transport="udp", inside=False): a socket beside the edge, closed after the test."""
    opened: list[Peer] = []

    def make(address: str, port: int = 0, transport: str = "udp", inside: bool = False) -> Peer:
        one = Peer(edge.namespace, address, port, (EDGE, 5080 if inside else 5060), transport)
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def calls(edge: EdgeUnderTest, peer: Callable[..., Peer]) -> Peer:
    """The call process that owns romashka, answering nothing by itself; a port of its own, as late retransmissions
    of the test before would else come here. What nobody answered there the edge tries at the new owner: passed over."""
    process = peer(CALLS, inside=True)
    process.ignore_what_was_sent()
    edge.fill("owner", {"romashka": f"sip:{CALLS}:{process.port}"})
    return process


@pytest.fixture
def calls_tcp(edge: EdgeUnderTest, calls: Peer, peer: Callable[..., Peer]) -> Peer:
    """The same process's TCP side: it takes one connection of the edge."""
    return peer(CALLS, calls.port, transport="tcp-server", inside=True)
