"""kamailio_addresses and kamailio_dispatcher against a real Kamailio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.kamailio_lists import parse_addresses, parse_targets
from unit.edge.edge_under_test import CALLS, CARRIER, EdgeUnderTest
from unit.edge.module_runs import lines, run, story

TRUNK = {"group": 1, "ip": CARRIER, "mask": 32, "port": 0, "tag": "mtt/e164_digits"}
PROCESS = {"group": 2, "ip": CALLS, "mask": 32, "port": 0, "tag": "calls1"}
NETWORK = {"group": 1, "ip": "192.0.2.0", "mask": 24, "port": 5060, "tag": "ural/national"}
CALLS_TARGET = {"set": 1, "uri": f"sip:{CALLS}:5070", "flags": 0, "priority": 0, "attrs": "name=calls1"}
TRUNK_TARGET = {"set": 10, "uri": f"sip:{CARRIER}:5060;transport=udp", "flags": 0, "priority": 0, "attrs": "name=mtt"}


def options(edge: EdgeUnderTest, file: str, **document: Any) -> dict[str, Any]:
    whole = {"format": 1, "server": "edge1", "role": "edge", **document}
    return {"run_dir": str(edge.run_dir), "path": str(edge.folder / file), "document": whole}


def addresses(edge: EdgeUnderTest, *rows: dict[str, Any]) -> dict[str, Any]:
    return options(edge, "pbx_addresses", addresses=list(rows))


def dispatchers(edge: EdgeUnderTest, *rows: dict[str, Any]) -> dict[str, Any]:
    return options(edge, "pbx_dispatcher.list", dispatchers=list(rows))


@pytest.fixture(autouse=True)
def empty(edge: EdgeUnderTest) -> None:
    run("kamailio_addresses", **addresses(edge))
    run("kamailio_dispatcher", **dispatchers(edge))


# ---- addresses


def test_addresses_from_nothing(edge: EdgeUnderTest) -> None:
    want = addresses(edge, TRUNK, PROCESS, NETWORK)
    done = story("kamailio_addresses", expected_change=True, **want)
    assert lines(done) == [
        "create address 1/192.0.2.0/24:5060 running,stored",
        f"create address 1/{CARRIER}/32:0 running,stored",
        f"create address 2/{CALLS}/32:0 running,stored",
    ]
    found = run("kamailio_addresses", **{**want, "document": None}, state="gathered")["gathered"]["addresses"]
    assert found == [NETWORK, TRUNK, PROCESS]


def test_an_edited_address_file_is_repaired_before_it_does_harm(edge: EdgeUnderTest) -> None:
    want = addresses(edge, TRUNK, PROCESS)
    story("kamailio_addresses", expected_change=True, **want)
    file = edge.folder / "pbx_addresses"
    file.write_text(file.read_text().replace("mtt/", "ural/") + "1 203.0.113.66\n# mine\n")
    done = story("kamailio_addresses", expected_change=True, **want)
    assert lines(done) == [
        f"update address 1/{CARRIER}/32:0 stored",
        "delete address 1/203.0.113.66/32:0 stored",
    ]
    file.write_text(file.read_text() + "what is this\n")
    assert lines(story("kamailio_addresses", expected_change=True, **want)) == [f"update file {file} content"]


def test_an_address_loaded_by_hand_is_dropped(edge: EdgeUnderTest) -> None:
    want = addresses(edge, TRUNK)
    story("kamailio_addresses", expected_change=True, **want)
    file = edge.folder / "pbx_addresses"
    text = file.read_text()
    edge.addresses(text + "1 203.0.113.0 24 0 mine/e164\n")
    file.write_text(text)
    done = story("kamailio_addresses", expected_change=True, **want)
    assert lines(done) == ["delete address 1/203.0.113.0/24:0 running"]


def test_expand_keeps_what_contract_removes(edge: EdgeUnderTest) -> None:
    story("kamailio_addresses", expected_change=True, **addresses(edge, TRUNK))
    want = addresses(edge, PROCESS)
    assert run("kamailio_addresses", **want, phase="stage")["changed"] is False
    expanded = story("kamailio_addresses", expected_change=True, **want, phase="expand")
    assert lines(expanded) == [f"create address 2/{CALLS}/32:0 running,stored"]
    contracted = story("kamailio_addresses", expected_change=True, **want, phase="contract")
    assert lines(contracted) == [f"delete address 1/{CARRIER}/32:0 running,stored"]
    assert run("kamailio_addresses", **want)["changed"] is False


def test_a_hundred_addresses_reload_at_once(edge: EdgeUnderTest) -> None:
    rows = [{**TRUNK, "ip": f"198.18.0.{n}", "tag": f"t{n}/e164"} for n in range(100)]
    for some in (rows, rows[:50], rows):
        story("kamailio_addresses", expected_change=True, **addresses(edge, *some))


def test_ipv6_and_short_lines_are_read() -> None:
    rows = parse_addresses("1 [2001:db8::1] 64 0 t\n3 10.0.0.1 # office\nnonsense\n1 999.1.1.1\n")
    assert [(r.ip, r.mask, r.port, r.tag) for r in rows.values()] == [
        ("2001:db8::1", 64, 0, "t"),
        ("10.0.0.1", 32, 0, ""),
    ]


# ---- dispatcher


def test_targets_from_nothing(edge: EdgeUnderTest) -> None:
    want = dispatchers(edge, CALLS_TARGET, TRUNK_TARGET)
    done = story("kamailio_dispatcher", expected_change=True, **want)
    assert lines(done) == [
        f"create dispatcher 1/sip:{CALLS}:5070 running,stored",
        f"create dispatcher 10/sip:{CARRIER}:5060;transport=udp running,stored",
    ]
    found = run("kamailio_dispatcher", **{**want, "document": None}, state="gathered")["gathered"]["dispatchers"]
    assert found == [CALLS_TARGET, TRUNK_TARGET]


def test_what_was_done_by_hand_is_named_and_repaired(edge: EdgeUnderTest) -> None:
    want = dispatchers(edge, CALLS_TARGET, TRUNK_TARGET)
    story("kamailio_dispatcher", expected_change=True, **want)
    edge.rpc.call("dispatcher.set_state", "dp", 1, CALLS_TARGET["uri"])
    edge.rpc.call("dispatcher.remove", 10, TRUNK_TARGET["uri"])
    edge.rpc.call("dispatcher.add", 10, TRUNK_TARGET["uri"], 0, 7, "name=mine")
    edge.rpc.call("dispatcher.add", 66, "sip:203.0.113.66:5060", 0, 0, "")
    done = story("kamailio_dispatcher", expected_change=True, **want)
    assert lines(done) == [
        f"update dispatcher 1/sip:{CALLS}:5070 disabled,running",
        f"update dispatcher 10/sip:{CARRIER}:5060;transport=udp attrs,priority,running",
        "delete dispatcher 66/sip:203.0.113.66:5060 running",
    ]


def test_a_target_found_dead_is_left_to_its_pings(edge: EdgeUnderTest) -> None:
    want = dispatchers(edge, CALLS_TARGET)
    story("kamailio_dispatcher", expected_change=True, **want)
    edge.rpc.call("dispatcher.set_state", "ip", 1, CALLS_TARGET["uri"])
    assert run("kamailio_dispatcher", **want)["changed"] is False
    story("kamailio_dispatcher", expected_change=True, **dispatchers(edge, CALLS_TARGET, TRUNK_TARGET))
    listed = edge.rpc.dump("dispatcher.list")["RECORDS"]
    flags = {r["SET"]["ID"]: t["DEST"]["FLAGS"] for r in listed for t in r["SET"]["TARGETS"]}
    assert flags[1] == "IP"


def test_a_target_may_be_wanted_disabled(edge: EdgeUnderTest) -> None:
    story("kamailio_dispatcher", expected_change=True, **dispatchers(edge, {**CALLS_TARGET, "flags": 4}))
    story("kamailio_dispatcher", expected_change=True, **dispatchers(edge, CALLS_TARGET))


def test_a_bare_host(tmp_path: Any) -> None:
    document = {"format": 1, "server": "edge1", "role": "edge", "dispatchers": [CALLS_TARGET], "addresses": [TRUNK]}
    for name, file in (("kamailio_dispatcher", "list"), ("kamailio_addresses", "addresses")):
        given = {"run_dir": str(tmp_path / "run"), "path": str(tmp_path / file), "document": document}
        assert lines(story(name, expected_change=True, **given))[0].endswith("stored")


def test_list_lines_are_read_as_kamailio_reads_them() -> None:
    rows = parse_targets("# comment\n1 sip:a:5060\n2 sip:b:5060 4 9 name=x;weight=2 # more\nrubbish\n")
    assert [(r.set, r.uri, r.priority, r.attrs, r.disabled) for r in rows.values()] == [
        (1, "sip:a:5060", 0, "", False),
        (2, "sip:b:5060", 9, "name=x;weight=2", True),
    ]


# ---- states


@pytest.mark.parametrize(
    "module, make, rows",
    [
        ("kamailio_addresses", addresses, (NETWORK, TRUNK, PROCESS)),
        ("kamailio_dispatcher", dispatchers, (CALLS_TARGET, TRUNK_TARGET)),
    ],
    ids=["addresses", "dispatcher"],
)
def test_states_say_what_may_go(
    edge: EdgeUnderTest, module: str, make: Callable[..., dict[str, Any]], rows: tuple[dict[str, Any], ...]
) -> None:
    story(module, expected_change=True, **make(edge, *rows))
    found = run(module, **{**make(edge), "document": None}, state="gathered")["gathered"]
    head = {"format": 1, "server": "edge1", "role": "edge"}
    assert run(module, **{**make(edge), "document": {**head, **found}})["changed"] is False
    assert run(module, **make(edge, rows[-1]), state="merged")["changed"] is False
    another = {**rows[-1], **({"ip": "10.77.0.99"} if "ip" in rows[-1] else {"uri": "sip:198.51.100.77:5060"})}
    replaced = story(module, expected_change=True, **make(edge, another), state="replaced")
    assert [line.split()[0] for line in lines(replaced)] == ["delete", "create"], "of the part that it names"
    deleted = story(module, expected_change=True, **make(edge, another), state="deleted")
    assert [one["op"] for one in deleted["actions"]] == ["delete"]
    left = run(module, **{**make(edge), "document": None}, state="gathered")["gathered"]
    assert list(left.values()) == [list(rows[:-1])]
    rendered = run(module, **make(edge, *rows), state="rendered")["rendered"]
    assert len(rendered.splitlines()) == 1 + len(rows)
