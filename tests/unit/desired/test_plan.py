"""From results to a Plan: what is counted, what it touches, which exit code, and what is never shown."""

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.desired.golden_plans import MADE, lines, plan

from pbx.desired.plan import Item, Plan, Refusal, Scope, Server, Verb
from pbx.desired.printers import FORMATS, printed
from pbx.desired.results import plan_of
from pbx.desired.shown import values

pytestmark = [pytest.mark.row("C05"), pytest.mark.row("C02")]


def test_items_stand_by_server_in_the_order_of_the_run() -> None:
    made = plan("changes")
    assert [server.name for server in made.servers] == ["edge1", "relay1", "calls1"]
    assert made.counts == {"create": 1, "update": 6, "delete": 2, "act": 2}
    assert made.waiting == [("relay1", "tos")]
    assert made.wanted.tenants == {"romashka": "aaaaaaaaaaaa"}
    assert made.servers[2].tenants == {"romashka": "bbbbbbbbbbbb"}


def test_numbers_and_users_of_edge_and_call_server_are_counted_once() -> None:
    """The edge's row of +74951000100 is the call server's number; the login of sidorov is nobody's there."""
    made = plan("changes")
    assert made.numbers == {"romashka/+74951000100", "romashka/+74951000112", "74951000115"}
    assert made.users == {"romashka/ivanov", "romashka/sidorov"}


def test_a_call_is_counted_once_although_it_passes_three_servers() -> None:
    assert plan("changes").radius.calls == 7


@pytest.mark.parametrize(
    ("servers", "calls"),
    [
        ([], 0),
        ([Server("c", calls=3)], 0),  # nothing differs there
        ([Server("c", _items := (Item("c", "load", "model", "c"),), calls=3), Server("d", calls=4)], 3),
        ([Server("e", _items, carries_all=True), Server("c", calls=3), Server("d", calls=4)], 7),
        ([Server("e", _items, carries_all=True)], None),  # only the edge was looked at
        ([Server("r", _items, sessions=5), Server("c", calls=3)], 5),
    ],
)
def test_live_calls_of_the_servers_concerned(servers: list[Server], calls: int | None) -> None:
    assert Plan("plan", MADE, Scope(), servers=tuple(servers)).radius.calls == calls


@pytest.mark.parametrize(
    ("verb", "differs", "refused", "failed", "code"),
    [
        ("plan", False, False, False, 0), ("plan", True, False, False, 2), ("plan", True, True, False, 1),
        ("plan", True, False, True, 1), ("drift", False, False, False, 0), ("drift", True, False, False, 2),
        ("drift", True, True, False, 2), ("drift", False, False, True, 1), ("apply", True, False, False, 0),
        ("apply", False, False, False, 0), ("apply", True, False, True, 1),
    ],
)  # fmt: skip
def test_exit_codes(verb: Verb, differs: bool, refused: bool, failed: bool, code: int) -> None:
    """Contracts §7.6."""
    made = Plan(
        verb,
        MADE,
        Scope(),
        servers=(Server("edge1", (Item("edge1", "update", "file", "/etc/x"),) if differs else ()),),
        refusals=(Refusal("edge1", "text", "--force"),) if refused else (),
        failures=plan("failures").failures if failed else (),
    )
    assert made.exit_code() == code


def test_what_waits_for_a_restart_is_drift() -> None:
    assert Plan("drift", MADE, Scope(), servers=(Server("relay1", pending_restart=("tos",)),)).exit_code() == 2


def test_failures_name_every_server_and_cannot_steer_a_terminal() -> None:
    found = {one.server: (one.status, one.message) for one in plan("failures").failures}
    assert found["relay1"][0] == "unreachable"
    assert found["calls1"] == (
        "failed",
        "served here, but not in the model: lilia. If that is meant: --remove-tenant lilia?[0m",
    )


def test_the_same_results_give_the_same_digests() -> None:
    one, other = plan("changes"), plan("changes")
    assert [server.live for server in one.servers] == [server.live for server in other.servers]
    changed = lines("changes")
    changed[4]["read"] = "000000000000"
    other = plan_of("plan", changed, Scope(), MADE)
    assert [a.name for a, b in zip(one.servers, other.servers, strict=True) if a.live != b.live] == ["edge1"]


@pytest.mark.row("C02")
def test_what_people_set_themselves_is_named_apart_and_counts_for_nothing() -> None:
    word = {"tenant": "romashka", "user": "ivanov", "key": "forward.always", "author": "user/ivanov"}
    older = {**word, "value": "none", "changed": "2026-01-30T10:00:00Z"}
    newer = {**word, "value": "user/petrova", "changed": "2026-01-31T10:00:00Z"}
    told = [
        {"host": host, "task": "t", "status": "ok", "actions": [], "plan": {"own_settings": rows}}
        for host, rows in (("calls1", [newer]), ("calls2", [older]))  # one has not read the store yet
    ]
    found = plan_of("drift", told, Scope(), MADE)
    assert [one.value for one in found.own_settings] == ["user/petrova"]
    assert (found.items, found.differs, found.exit_code()) == ([], False, 0)
    text = printed(found, "text")
    assert text == (
        "no differences\n1 setting of people's own, no drift, and left alone by an apply:\n"
        "  romashka/ivanov forward.always: user/petrova, set by user/ivanov on 2026-01-31T10:00:00Z\n"
    )
    for form in FORMATS:
        assert "user/petrova" in printed(found, form)


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("kind", "fields", "value"),
    [
        ("htable/ha1", ["running"], SECRET),
        ("htable/token", ["running"], SECRET),
        ("secret", [], SECRET),
        ("voicemail", ["pin"], {"pin": SECRET}),
        ("user", ["password"], {"password": SECRET}),
        ("user", ["devices"], {"devices": {"desk": {"secret": SECRET}}}),
        ("trunk", ["login"], {"login": {"user": "x", "password": SECRET}}),
        ("file", ["content"], {"content": SECRET}),
        ("file", ["content"], SECRET),
        ("certificate", ["key"], {"key": SECRET}),
        ("anything new", ["value"], {"value": SECRET}),
    ],
)
def test_a_value_is_shown_only_where_nothing_can_be_secret(kind: str, fields: list[str], value: Any) -> None:
    assert SECRET not in json.dumps(values(kind, fields, value))


@pytest.mark.parametrize(
    ("kind", "fields", "value", "shown"),
    [
        ("htable/did", ["running"], "romashka", "romashka"),
        ("number", ["to"], {"to": "user/ivanov", "state": "active"}, {"to": "user/ivanov"}),
        ("file", ["content", "mode"], {"content": "x", "mode": "0640"}, {"mode": "0640"}),
        ("ring_group", ["members"], {"members": ["user/a", "user/b"]}, {"members": '["user/a", "user/b"]'}),
        ("rtpengine_setting", [], 60, 60),
    ],
)
def test_other_values_are(kind: str, fields: list[str], value: Any, shown: Any) -> None:
    assert values(kind, fields, value) == shown


def test_a_long_value_is_cut() -> None:
    assert len(values("flow", ["steps"], {"steps": ["x" * 500]})["steps"]) == 120


def test_since_is_told_apart_from_the_item() -> None:
    item = plan("changes").items[0]
    assert replace(item, since="2026-01-31T12:00:00Z") != item
    assert item.name == "create htable/did e164_digits/74951000115"
