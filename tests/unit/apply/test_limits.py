"""What an apply refuses to delete unasked, and how far a change reaches."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils import limits, reach
from unit.apply.module_run import run

from pbx.desired.compile import Compiled

pytestmark = [pytest.mark.row("C05"), pytest.mark.row("R01")]

NUMBER = "+74951000112"


@pytest.fixture
def calls(compiled: Compiled) -> dict[str, Any]:
    """The call process's document of the examples."""
    found = compiled.of("calls1", "calls")
    assert found is not None
    return dict(json.loads(json.dumps(found.document)))


@pytest.fixture
def edge(compiled: Compiled) -> dict[str, Any]:
    found = compiled.of("edge1", "edge")
    assert found is not None
    return dict(json.loads(json.dumps(found.document)))


def plain(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document["tenants"]["romashka"]["plain"])


def options(refusals: list[dict[str, str]]) -> list[str]:
    return [one["option"] for one in refusals]


def test_the_same_document_is_refused_nothing(calls: dict[str, Any], edge: dict[str, Any]) -> None:
    assert limits.of_calls(calls, calls, []) == []
    assert limits.of_edge(edge, edge, []) == []


def test_a_number_in_use_needs_a_word(calls: dict[str, Any]) -> None:
    want = copy.deepcopy(calls)
    del plain(want)["numbers"][NUMBER]
    (refusal,) = limits.of_calls(calls, want, [])
    assert refusal["option"] == limits.NUMBERS
    assert refusal["text"].startswith(f"numbers in use would be deleted (1): {NUMBER} served and active")


@pytest.mark.parametrize("state", ["suspended", "quarantine"])
def test_a_number_that_left_first_may_go(calls: dict[str, Any], edge: dict[str, Any], state: str) -> None:
    want, rows = copy.deepcopy(calls), copy.deepcopy(edge)
    plain(calls)["numbers"][NUMBER]["state"] = state
    edge["numbers"]["romashka"][NUMBER] = state
    del plain(want)["numbers"][NUMBER], rows["numbers"]["romashka"][NUMBER]
    assert limits.of_calls(calls, want, []) == limits.of_edge(edge, rows, []) == []


def test_a_number_that_moves_to_another_tenant_stays(calls: dict[str, Any]) -> None:
    want = copy.deepcopy(calls)
    moved = plain(want)["numbers"].pop(NUMBER)
    want["tenants"]["lilia"] = {"revision": "x", "plain": {"numbers": {NUMBER: moved}}}
    assert limits.of_calls(calls, want, []) == []


def test_an_edge_alone_knows_its_numbers(edge: dict[str, Any]) -> None:
    want = copy.deepcopy(edge)
    del want["numbers"]["romashka"][NUMBER]
    assert options(limits.of_edge(edge, want, [])) == [limits.NUMBERS]


def test_a_trunk_that_writes_numbers_otherwise_deletes_none(edge: dict[str, Any]) -> None:
    want = copy.deepcopy(edge)
    want["htables"]["did"] = {key: value for key, value in want["htables"]["did"].items() if "e164_plus" in key}
    assert limits.of_edge(edge, want, []) == []


@pytest.mark.parametrize(
    ("count", "deleted", "refused"), [(9, 9, False), (10, 3, False), (10, 4, True), (100, 31, True)]
)
def test_thirty_per_cent_of_at_least_ten(
    calls: dict[str, Any], edge: dict[str, Any], count: int, deleted: int, refused: bool
) -> None:
    plain(calls)["users"].clear()
    plain(calls)["users"].update({f"u{n}": {} for n in range(count)})
    want = copy.deepcopy(calls)
    for number in range(deleted):
        del plain(want)["users"][f"u{number}"]
    found = limits.of_calls(calls, want, [])
    assert options(found) == ([limits.FORCE] if refused else [])
    if refused:
        assert found[0]["text"] == f"{deleted} of {count} objects of the kind user would be deleted, more than 30%"
    edge["ha1"] = {f"u{n}-desk@romashka.example": {} for n in range(count)}
    rows = {**edge, "ha1": dict(list(edge["ha1"].items())[deleted:])}
    assert options(limits.of_edge(edge, rows, [])) == ([limits.FORCE] if refused else [])


def test_emergency_numbers_and_routes_need_force(calls: dict[str, Any], edge: dict[str, Any]) -> None:
    want, rows = copy.deepcopy(calls), copy.deepcopy(edge)
    plain(want)["emergency"]["numbers"].remove("112")
    del plain(want)["locations"]["ekb"]
    assert [one["text"] for one in limits.of_calls(calls, want, [])] == [
        "tenant romashka would lose the emergency numbers 112",
        "tenant romashka would lose the emergency routes of the locations ekb",
    ]
    del rows["htables"]["emergency"]["romashka/112"]
    assert [one["text"] for one in limits.of_edge(edge, rows, [])] == [
        "tenant romashka would lose the emergency numbers 112"
    ]


def test_an_emergency_route_that_changes_is_no_loss(calls: dict[str, Any]) -> None:
    want = copy.deepcopy(calls)
    plain(want)["locations"]["ekb"]["emergency"]["trunks"] = ["trunk/mtt"]
    assert limits.of_calls(calls, want, []) == []


def test_a_tenant_removed_by_name_takes_all_with_it(calls: dict[str, Any], edge: dict[str, Any]) -> None:
    plain(calls)["users"].update({f"u{n}": {} for n in range(100)})
    want, rows = copy.deepcopy(calls), copy.deepcopy(edge)
    want["tenants"].clear()
    rows["htables"] = {**rows["htables"], "domain": {}, "did": {}, "emergency": {}}
    rows |= {"ha1": {}, "numbers": {}}
    assert limits.of_calls(calls, want, ["romashka"]) == []
    assert limits.of_edge(edge, rows, ["romashka"]) == []


# --- reach ---


def changed(calls: dict[str, Any], kind: str, id_: str, **fields: Any) -> tuple[list[str], list[str]]:
    want = copy.deepcopy(calls)
    plain(want)[kind].setdefault(id_, {}).update(fields)
    return reach.touched(calls, want)


def test_nothing_is_touched_by_nothing(calls: dict[str, Any]) -> None:
    assert reach.touched(calls, copy.deepcopy(calls)) == ([], [])


def test_a_user_is_reached_by_the_numbers_that_lead_to_it(calls: dict[str, Any]) -> None:
    """ekb rings sidorov, then office; the menu of the flow leads to both groups."""
    numbers, users = changed(calls, "users", "sidorov", name="x")
    assert users == ["romashka/sidorov"]
    others = {NUMBER, "+74951000113", "+74951000115", "+74951000116", "+74951000117"}  # none leads to them
    assert set(numbers) == {f"romashka/{one}" for one in plain(calls)["numbers"] if one not in others}


def test_a_location_touches_its_users(calls: dict[str, Any]) -> None:
    assert changed(calls, "locations", "ekb", address="x")[1] == ["romashka/sidorov"]


def test_a_way_out_touches_everybody(calls: dict[str, Any]) -> None:
    assert len(changed(calls, "outbound_routes", "russia", prefixes=["+7", "+8"])[1]) == 4


def test_a_new_tenant_is_touched_as_a_whole(calls: dict[str, Any]) -> None:
    have = {**calls, "tenants": {}}
    numbers, users = reach.touched(have, calls)
    assert (len(numbers), len(users)) == (8, 4)


# --- the module ---


def staged(tmp_path: Path, have: dict[str, Any], want: dict[str, Any], **options: Any) -> dict[str, Any]:
    folder = tmp_path / "stage"
    folder.mkdir(exist_ok=True)
    (folder / "calls.json").write_text(json.dumps(want))
    (tmp_path / "served.json").write_text(json.dumps(have))
    from ansible_collections.pbx.core.plugins.module_utils.files import sha256_of

    return {
        "folder": str(folder),
        "files": {"calls.json": sha256_of(str(folder / "calls.json"))},
        "served": str(tmp_path / "served.json"),
        "history": str(tmp_path / "history"),
        **options,
    }


def test_the_stage_refuses_before_it_notes_a_beginning(
    tmp_path: Path, calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    want = copy.deepcopy(calls)
    del plain(want)["numbers"][NUMBER]
    arguments = staged(tmp_path, calls, want)
    done = run("pbx_stage", capsys, **arguments)
    assert done["failed"] and done["msg"].endswith("If that is meant: --allow-number-removal")
    assert not (tmp_path / "history" / "journal.jsonl").exists()
    checked = run("pbx_stage", capsys, check=True, **arguments)
    assert not checked.get("failed")
    assert options(checked["plan"]["refusals"]) == [limits.NUMBERS]
    assert checked["plan"]["numbers"] == [f"romashka/{NUMBER}"]
    passed = run("pbx_stage", capsys, **arguments, allow_number_removal=True)
    assert not passed.get("failed") and passed["plan"]["refusals"] == []
