"""What Kamailio does that nobody expects, on a real one, and what the modules do (docs/reference/pitfalls.md)."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc, RpcTimeout
from unit.edge.edge_under_test import CALLS, CARRIER, EdgeUnderTest
from unit.edge.module_runs import run

pytestmark = pytest.mark.row("C01")

MANY = 3000


@pytest.fixture
def full(edge: EdgeUnderTest) -> Iterator[EdgeUnderTest]:
    """With more rows in a table than an answer of 100 KB holds; they are gone afterwards."""
    edge.rpc.calls(("htable.sets", ("rate", f"row{n}", "x" * 40)) for n in range(MANY))
    yield edge
    edge.rpc.call("htable.flush", "rate")


def test_a_long_answer_is_lost_as_a_datagram_and_whole_through_the_fifo(full: EdgeUnderTest) -> None:
    impatient = KamailioRpc(full.run_dir, timeout=1.0)
    with pytest.raises(RpcTimeout, match=r"no answer to htable\.dump"):
        impatient.calls([("htable.dump", ("rate",))])  # what Kamailio does
    with pytest.raises(ValueError, match=r"use dump\(\)"):
        impatient.call("htable.dump", "rate")  # what the client does
    slots = impatient.dump("htable.dump", "rate")
    assert sum(len(slot["slot"]) for slot in slots) == MANY


def test_thousands_of_commands_are_all_answered(edge: EdgeUnderTest) -> None:
    """Eight at a time: at 32 Kamailio drops answers."""
    answers = edge.rpc.calls(("cfg.get", ("pbx", "max_fail")) for _ in range(MANY))
    assert answers == [5] * MANY


def test_a_request_that_does_not_fit_the_fifo_is_not_sent(edge: EdgeUnderTest) -> None:
    with pytest.raises(ValueError, match="does not fit the FIFO"):
        edge.rpc.dump("htable.sets", "rate", "key", "x" * 9000)


def test_control_sockets_are_closed_to_others(edge: EdgeUnderTest) -> None:
    modes = {name: stat.S_IMODE((edge.run_dir / name).stat().st_mode) for name in ("rpc.sock", "rpc.fifo", "ctl.sock")}
    assert modes == {"rpc.sock": 0o600, "rpc.fifo": 0o600, "ctl.sock": 0o600}


def test_a_reload_of_targets_loses_their_states_and_the_module_does_not_reload(edge: EdgeUnderTest) -> None:
    first: dict[str, Any] = {"set": 1, "uri": f"sip:{CALLS}:5070", "flags": 0, "priority": 0, "attrs": "name=calls1"}
    second = {**first, "set": 10, "uri": f"sip:{CARRIER}:5060", "attrs": "name=mtt"}
    head = {"format": 1, "server": "edge1", "role": "edge"}
    options = {"run_dir": str(edge.run_dir), "path": str(edge.folder / "pbx_dispatcher.list")}
    run("kamailio_dispatcher", **options, document={**head, "dispatchers": [first]})
    edge.rpc.call("dispatcher.set_state", "ip", 1, first["uri"])
    assert run("kamailio_dispatcher", **options, document={**head, "dispatchers": [first, second]})["changed"]
    assert states(edge)[first["uri"]] == "IP", "found dead, and still so"
    edge.rpc.call("dispatcher.reload")
    assert states(edge)[first["uri"]].startswith("A"), "what a reload does"
    run("kamailio_dispatcher", **options, document={**head, "dispatchers": []})


def states(edge: EdgeUnderTest) -> dict[str, str]:
    records = edge.rpc.dump("dispatcher.list")["RECORDS"]
    return {target["DEST"]["URI"]: target["DEST"]["FLAGS"] for one in records for target in one["SET"]["TARGETS"]}


def test_an_expiry_holds_only_in_a_table_that_has_one(edge: EdgeUnderTest) -> None:
    """`ban` has `autoexpire`; a row set for a second in a table without would stay for good."""
    config = (edge.folder / "kamailio.cfg").read_text()
    for table in ("ban", "authfail", "rate"):
        line = next(one for one in config.splitlines() if f'"{table}=>' in one)
        assert "autoexpire=" in line and "dbtable" not in line
    assert '"authfail=>size=14;autoexpire=300;updateexpire=0;initval=0;"' in config
