"""Who is seen doing what while a call goes on, simulated: the same board that live watchers are told from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import pytest

from pbx.calls.board import Board, may_know_numbers, may_watch, node_of, seen_in
from pbx.calls.call import Call
from pbx.calls.simulated.world import Person, Script, simulate
from pbx.features.story import story
from pbx.model.objects import Destination, Device, Tenant

pytestmark = pytest.mark.row("R10")
NOON = datetime.fromisoformat("2026-11-09T12:00+03:00")

Steps = list[tuple[float, str]]


def watched(tenant: Tenant, node: str, caller: str, dialled: str, trunk: str | None = None, **people: Person) -> Steps:
    """(second, states of the node) for each change of it in one call."""
    board, steps = Board(), list[tuple[float, str]]()
    calls: list[Call] = []

    def changed(call: Call) -> None:
        if node in board.update(call):
            shown = " ".join(f"{one.direction}:{one.state}" for one in board.dialogs(node))
            steps.append((round(asyncio.get_running_loop().time(), 2), shown))

    async def tell(call: Call) -> None:
        calls.append(call)
        call.connections.observe(lambda: changed(call))
        changed(call)
        await story(call)

    script = Script(NOON, caller, dialled, trunk, "", {name.replace("_", "-"): who for name, who in people.items()})
    told: Callable[[Call], Awaitable[None]] = tell
    simulate(tenant, script, told)
    changed(calls[0])
    assert seen_in(calls[0]) == {} and board._of_call == board._of_node == {}
    return steps


def test_the_called_and_the_caller(romashka: Tenant) -> None:
    steps = watched(romashka, "user/petrova", "201", "202", petrova=Person(answers=3, talks=20))
    assert steps == [
        (0.0, "recipient:trying"),
        (0.05, "recipient:early"),
        (3.0, "recipient:confirmed"),
        (23.0, "recipient:terminated"),
    ]
    steps = watched(romashka, "user/ivanov", "201", "202", petrova=Person(answers=3, talks=20))
    assert [shown for _, shown in steps] == [
        "initiator:trying",
        "initiator:early",
        "initiator:confirmed",
        "initiator:terminated",
    ]


@pytest.mark.parametrize("person", [Person(status=486), Person(status=480), Person()], ids=["busy", "away", "silent"])
def test_whoever_does_not_answer_is_idle_again(romashka: Tenant, person: Person) -> None:
    shown = [shown for _, shown in watched(romashka, "user/petrova", "201", "202", petrova=person)]
    assert shown[0] == "recipient:trying" and shown[-1] == "recipient:terminated"
    assert "recipient:confirmed" not in shown


def test_a_person_with_two_devices_has_one_dialog(romashka: Tenant) -> None:
    petrova = romashka.users["petrova"]
    devices = {**petrova.devices, "soft": Device("soft", "softphone", ring_after=2.0)}
    tenant = replace(romashka, users={**romashka.users, "petrova": replace(petrova, devices=devices)})
    people = {"petrova_desk": Person(status=486, after=1.0), "petrova_soft": Person(answers=3, talks=20)}
    shown = [shown for _, shown in watched(tenant, "user/petrova", "201", "202", **people)]
    assert shown == [
        "recipient:trying",
        "recipient:early",
        "recipient:terminated",  # the desk phone said busy, the other was not rung yet
        "recipient:trying",
        "recipient:early",
        "recipient:confirmed",
        "recipient:terminated",
    ]


def test_a_group_rings_and_talks_and_is_idle_while_the_caller_is_elsewhere(romashka: Tenant) -> None:
    office = replace(romashka.ring_groups["office"], on_no_answer=Destination("user", "sidorov"))
    tenant = replace(romashka, ring_groups={"office": office})
    people = {"sidorov": Person(answers=1, talks=60)}
    ringing = {"ivanov": Person(), "petrova": Person()}
    steps = watched(tenant, "ring_group/office", "301", "640", **people, **ringing)
    assert [shown for _, shown in steps] == ["recipient:trying", "recipient:early", "recipient:terminated"]
    assert steps[-1][0] == 20.0
    steps = watched(tenant, "ring_group/office", "301", "640", ivanov=Person(), petrova=Person(answers=2, talks=9))
    assert [shown for _, shown in steps][-2:] == ["recipient:confirmed", "recipient:terminated"]
    assert steps[-1][0] == 11.0


def test_whoever_answers_on_a_mobile_is_seen_to_talk(romashka: Tenant) -> None:
    people = {"ivanov_desk": Person(), "+79160000001": Person(answers=2, talks=20, presses="1")}
    board, shown = Board(), list[str]()

    async def tell(call: Call) -> None:
        def changed() -> None:
            if "user/ivanov" in board.update(call):
                shown.append(board.dialogs("user/ivanov")[0].state)

        call.connections.observe(changed)
        await story(call)

    named = {name.replace("_", "-"): who for name, who in people.items()}
    simulate(romashka, Script(NOON, "202", "201", None, "", named), tell)
    # between the desk phone's CANCEL and the bridge no telephone of theirs is in it: milliseconds, which are gathered
    assert shown == ["trying", "early", "terminated", "confirmed", "terminated"]


def test_a_caller_from_outside_is_not_named_but_to_whom_may_know(romashka: Tenant) -> None:
    seen: list[str] = []

    async def look(call: Call) -> None:
        call.connections.observe(lambda: seen.extend(one.remote for one in seen_in(call).values()))
        await story(call)

    script = Script(NOON, "+79161234567", "+74951000112", "mtt", "", {"petrova": Person(answers=1)})
    simulate(romashka, script, look)
    assert set(seen) == {"sip:+79161234567@romashka.example"}
    seen.clear()
    simulate(romashka, replace(script, caller=None), look)
    assert set(seen) == {""}
    seen.clear()
    simulate(romashka, Script(NOON, "201", '9\x01<"\udcff', None, "", {}), look)
    assert set(seen) == {"sip:9%01%3C%22?@romashka.example"}


@pytest.mark.parametrize(
    ("watched_by", "may"),
    [
        (None, True),
        ({"user/sidorov"}, True),
        ({"ring_group/ekb"}, True),
        ({"user/ivanov", "ring_group/office"}, False),
        (set(), False),
    ],
)
def test_who_may_watch_as_the_person_says(romashka: Tenant, watched_by: set[str] | None, may: bool) -> None:
    said = frozenset(watched_by) if watched_by is not None else None
    petrova = replace(romashka.users["petrova"], watched_by=said, numbers_to=said or frozenset())
    tenant = replace(romashka, users={**romashka.users, "petrova": petrova})
    sidorov = tenant.users["sidorov"]
    assert may_watch(tenant, sidorov, "user/petrova") is may
    assert may_know_numbers(tenant, sidorov, "user/petrova") is (may and said is not None)
    assert may_watch(tenant, petrova, "user/petrova") and may_know_numbers(tenant, petrova, "user/petrova")
    assert may_watch(tenant, sidorov, "ring_group/office") and not may_know_numbers(
        tenant, sidorov, "ring_group/office"
    )


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("202", "user/petrova"),
        ("petrova", "user/petrova"),
        ("petrova-desk", "user/petrova"),
        ("640", "ring_group/office"),
        ("*693", "park/3"),
        ("*683", "park/3"),
        ("*69", ""),
        ("*6910", ""),
        ("*43", ""),
        ("petrova-", ""),
        ("999", ""),
        ("", ""),
    ],
)
def test_what_may_be_watched_by_which_name(romashka: Tenant, name: str, node: str) -> None:
    assert node_of(romashka, name) == node
