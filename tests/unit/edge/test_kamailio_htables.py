"""kamailio_htables against a real Kamailio: a story of applies and of changes made by hand."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.edge.edge_under_test import CALLS, EdgeUnderTest
from unit.edge.module_runs import lines, run, story
from unit.edge.sip_peers import ha1

DOMAIN = "romashka.example"


def document(users: int = 3, **tables: Any) -> dict[str, Any]:
    names = [f"user{number}-desk@{DOMAIN}" for number in range(users)]
    return {
        "format": 1,
        "server": "edge1",
        "role": "edge",
        "htables": {
            "domain": {DOMAIN: "romashka"},
            "did": {"e164_digits/74951000100": "romashka", "e164/+74951000100": "romashka"},
            "owner": {"romashka": f"sip:{CALLS}:5070"},
            "token": {"0123456789ab": "romashka"},
            "emergency": {"romashka/112": "1"},
            "trunk": {"mtt": "sip:198.51.100.10:5060;transport=udp"},
            **tables,
        },
        "ha1": {name: {"secret": f"ha1/{name}"} for name in names},
    }


def secrets(users: int = 3) -> dict[str, str]:
    return {f"ha1/user{n}-desk@{DOMAIN}": ha1(f"user{n}-desk", DOMAIN, f"word{n}") for n in range(users)}


@pytest.fixture(scope="module")
def fresh_edge() -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest(private_mb=64)
    try:
        edge.start()
        yield edge
    finally:
        edge.close()


@pytest.fixture
def options(fresh_edge: EdgeUnderTest, tmp_path: Path) -> dict[str, Any]:
    """The module's options, documents as files, the edge emptied."""
    for table, rows in run("kamailio_htables", **base(fresh_edge), state="gathered")["gathered"]["htables"].items():
        fresh_edge.rpc.calls([("htable.delete", (table, key)) for key in rows])
    fresh_edge.rpc.call("htable.flush", "ha1")
    with sqlite3.connect(fresh_edge.database) as connection:
        for table in ("domain", "did", "owner", "token", "emergency", "trunk", "ha1"):
            connection.execute(f"DELETE FROM ht_{table}")
    connection.close()
    return {**base(fresh_edge), **written(tmp_path, document(), secrets())}


def base(edge: EdgeUnderTest) -> dict[str, Any]:
    return {"run_dir": str(edge.run_dir), "database": str(edge.database)}


def written(folder: Path, document: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    (folder / "edge.json").write_text(json.dumps(document))
    (folder / "edge.secrets.json").write_text(json.dumps(secrets))
    return {"document": str(folder / "edge.json"), "secrets": str(folder / "edge.secrets.json")}


def by_hand(edge: EdgeUnderTest, statement: str, *values: str) -> None:
    connection = sqlite3.connect(edge.database)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_from_nothing_to_wanted_and_nothing_more(options: dict[str, Any], fresh_edge: EdgeUnderTest) -> None:
    done = story("kamailio_htables", expected_change=True, **options)
    assert len(done["actions"]) == 10
    assert "create htable/domain romashka.example running,stored" in lines(done)
    assert fresh_edge.rpc.call("htable.get", "owner", "romashka")["item"]["value"] == f"sip:{CALLS}:5070"
    gathered = run("kamailio_htables", state="gathered", **base(fresh_edge))["gathered"]
    assert gathered == {"htables": document()["htables"], "ha1": document()["ha1"]}


def test_changes_by_hand_are_each_named_and_repaired(options: dict[str, Any], fresh_edge: EdgeUnderTest) -> None:
    story("kamailio_htables", expected_change=True, **options)
    fresh_edge.rpc.call("htable.sets", "did", "e164/+74951000100", "vasilek")
    fresh_edge.rpc.call("htable.sets", "trunk", "mine", "sip:203.0.113.66:5060")
    fresh_edge.rpc.call("htable.delete", "token", "0123456789ab")
    by_hand(fresh_edge, "UPDATE ht_owner SET key_value = ?", "sip:203.0.113.66:5070")
    by_hand(fresh_edge, "INSERT INTO ht_domain (key_name, key_value) VALUES (?, ?)", "mine.example", "romashka")
    done = story("kamailio_htables", expected_change=True, **options)
    assert lines(done) == [
        "delete htable/domain mine.example stored",
        "update htable/did e164/+74951000100 running",
        "update htable/owner romashka stored",
        "update htable/token 0123456789ab running",
        "delete htable/trunk mine running",
    ]
    assert done["before"]["htable/owner"] == {"romashka": "sip:203.0.113.66:5070"}
    assert done["after"]["htable/owner"] == {"romashka": f"sip:{CALLS}:5070"}


def test_no_ha1_is_ever_shown(options: dict[str, Any], tmp_path: Path) -> None:
    shown = [run("kamailio_htables", **options)]
    changed = {name: value[::-1] for name, value in secrets().items()}
    shown.append(run("kamailio_htables", check=True, **{**options, **written(tmp_path, document(), changed)}))
    shown.append(run("kamailio_htables", **{**options, **written(tmp_path, document(), changed)}))
    assert shown[1]["before"]["htable/ha1"][f"user0-desk@{DOMAIN}"] == "(secret changed)"
    text = json.dumps(shown)
    for value in [*secrets().values(), *changed.values()]:
        assert value not in text


def test_expand_adds_and_contract_removes(options: dict[str, Any], tmp_path: Path) -> None:
    story("kamailio_htables", expected_change=True, **options)
    moved = document(users=2, did={"e164_digits/74951000100": "vasilek"})
    options |= written(tmp_path, moved, secrets(2))
    assert run("kamailio_htables", **options, phase="stage")["actions"] == []
    expanded = story("kamailio_htables", expected_change=True, **options, phase="expand")
    assert lines(expanded) == ["update htable/did e164_digits/74951000100 running,stored"]
    contracted = story("kamailio_htables", expected_change=True, **options, phase="contract")
    assert lines(contracted) == [
        "delete htable/did e164/+74951000100 running,stored",
        f"delete htable/ha1 user2-desk@{DOMAIN} running,stored",
    ]
    assert run("kamailio_htables", **options)["changed"] is False


def test_a_bare_host_is_all_to_create(tmp_path: Path) -> None:
    options = {"run_dir": str(tmp_path / "run"), "database": str(tmp_path / "pbx.sqlite")}
    options |= written(tmp_path, document(), secrets())
    checked = run("kamailio_htables", check=True, **options)
    assert (checked["changed"], len(checked["actions"])) == (True, 10)
    assert not (tmp_path / "pbx.sqlite").exists()
    assert story("kamailio_htables", expected_change=True, **options)["actions"] == checked["actions"]
    assert (tmp_path / "pbx.sqlite").stat().st_mode & 0o777 == 0o640


def test_ten_thousand_devices_in_one_go(options: dict[str, Any], tmp_path: Path, fresh_edge: EdgeUnderTest) -> None:
    story("kamailio_htables", expected_change=True, **options)
    many = {f"ha1/user{n}-desk@{DOMAIN}": f"{n:032x}" for n in range(10000)}
    options |= written(tmp_path, document(10000), many)
    began = time.process_time()
    done = run("kamailio_htables", **options)
    assert len(done["actions"]) == 10000
    assert run("kamailio_htables", **options)["changed"] is False
    assert time.process_time() - began < 8
    assert fresh_edge.rpc.call("htable.get", "ha1", f"user9999-desk@{DOMAIN}")["item"]["value"] == f"{9999:032x}"


def test_a_missing_secret_is_named(options: dict[str, Any], tmp_path: Path) -> None:
    options |= written(tmp_path, document(4), secrets(3))
    failed = run("kamailio_htables", **options)
    assert failed["msg"] == f"secret 'ha1/user3-desk@{DOMAIN}' has no value in option secrets"


def test_a_document_of_another_role_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    options |= written(tmp_path, {**document(), "role": "calls"}, {})
    assert "needs role 'edge'" in run("kamailio_htables", **options)["msg"]


def test_what_is_gathered_and_fed_back_changes_nothing(options: dict[str, Any], fresh_edge: EdgeUnderTest) -> None:
    story("kamailio_htables", expected_change=True, **options)
    found = run("kamailio_htables", state="gathered", **base(fresh_edge))["gathered"]
    head = {"format": 1, "server": "edge1", "role": "edge"}
    back = {**base(fresh_edge), "document": {**head, **found}}
    assert run("kamailio_htables", **back)["changed"] is False
    assert run("kamailio_htables", **back, secrets=options["secrets"])["changed"] is False
    back["document"]["ha1"] |= {"new-desk@romashka.example": {"secret": "ha1/new"}}
    assert run("kamailio_htables", **back)["msg"] == "secret 'ha1/new' has no value in option secrets"


def test_states_say_what_may_go(options: dict[str, Any], tmp_path: Path) -> None:
    story("kamailio_htables", expected_change=True, **options)
    head = {"format": 1, "server": "edge1", "role": "edge"}
    one = {**options, "document": {**head, "htables": {"did": {"e164/+74951000101": "romashka"}}}}
    assert lines(story("kamailio_htables", expected_change=True, state="merged", **one)) == [
        "create htable/did e164/+74951000101 running,stored"
    ]
    replaced = story("kamailio_htables", expected_change=True, state="replaced", **one)
    assert lines(replaced) == [
        "delete htable/did e164/+74951000100 running,stored",
        "delete htable/did e164_digits/74951000100 running,stored",
    ]
    assert replaced["before"] == {
        "htable/did": {"e164/+74951000100": "romashka", "e164_digits/74951000100": "romashka"}
    }
    deleted = story("kamailio_htables", expected_change=True, state="deleted", **one)
    assert lines(deleted) == ["delete htable/did e164/+74951000101 running,stored"]
    rendered = run("kamailio_htables", state="rendered", **options)["rendered"]
    assert "domain romashka.example romashka\n" not in rendered and "domain romashka.example = romashka\n" in rendered
    assert f"ha1 user0-desk@{DOMAIN} = secret ha1/user0-desk@{DOMAIN}\n" in rendered
