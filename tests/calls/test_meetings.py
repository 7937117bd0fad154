"""Several simulated calls in one conference room: who hears whom, what they are told, what moderators do (R13)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pbx.calls.board import WATCHABLE, node_of, seen_in
from pbx.calls.call import Call
from pbx.calls.house import House
from pbx.calls.leg import Leg
from pbx.calls.live import by_api
from pbx.calls.live.exchange import Exchange, Refused
from pbx.calls.meeting import Meeting, Member
from pbx.calls.record import CallRecord
from pbx.calls.simulated import clock
from pbx.calls.simulated.state import ScriptedState, StateScript
from pbx.calls.simulated.world import Script, SimulatedConnections, Told
from pbx.features.story import again, story
from pbx.model.objects import Tenant
from pbx.routing.decision import Facts

pytestmark = pytest.mark.row("R13")

Office = Callable[..., Tenant]
ROOM = """conferences: {board: {extension: "800", pin: {secret: board}, moderator_pin: {secret: chair},
 wait_for_moderator: true, max_members: 4}}
"""
MEMBER, CHAIR = "4711#", "9999#"
AT = datetime.fromisoformat("2026-11-09T12:00+03:00")


class Ears(SimulatedConnections):
    """Says in which room a caller is, and how."""

    place = "out"
    kept = 0

    async def enter_room(self, leg: Leg, room: str, *, muted: bool = False, deaf: bool = False) -> None:
        assert leg is self.caller and room == "acme/conference/board" and not deaf
        self.place = "muted" if muted else "in"

    async def leave_room(self, leg: Leg) -> None:
        self.place = "out"

    def keep(self) -> None:
        self.kept += 1


class NoJournal:
    def started(self, record: CallRecord) -> None: ...
    def answered(self, record: CallRecord) -> None: ...
    def ended(self, record: CallRecord) -> None: ...


@dataclass
class Guest:
    call: Call
    ears: Ears
    told: Told
    task: asyncio.Task[CallRecord]
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def press(self, keys: str) -> None:
        for key in keys:
            self.call.caller.digits.put_nowait(key)

    def bye(self) -> None:
        self.call.caller.end("bye")

    @property
    def heard(self) -> list[str]:
        return [what for _, what in self.told.heard]


class Room:
    """Calls of one tenant on virtual time."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.house = House()
        self.events: list[str] = []

    def dials(self, name: str, keys: str = "", record: CallRecord | None = None) -> Guest:
        script = Script(
            AT, name, "800", keys=keys, patience=1e9, state=StateScript(pins={"board": "4711", "chair": "9999"})
        )
        now = AT.timestamp() + asyncio.get_running_loop().time()
        made = record or CallRecord(
            name, "acme", "internal", name, "800", None, "simulated", self.tenant.revision, int(now * 1000)
        )
        told = Told(made, Facts(AT))
        ears = Ears(script, told)
        loop = asyncio.get_running_loop()
        call = Call(made, self.tenant, ears, NoJournal(), lambda: AT.timestamp() + loop.time())
        call.state = ScriptedState(script.state, call.moment)
        call.house = self.house
        call.on_event = lambda event, of, **more: self.events.append(f"{of.record.id} {event}")
        if record is not None:
            ears.caller.state = "up"
        guest = Guest(call, ears, told, asyncio.ensure_future(call.run(again if record else story)))
        return guest

    @property
    def meeting(self) -> Meeting:
        return self.house.meetings["board"]

    def member(self, guest: Guest) -> Member:
        return next(one for one in self.meeting.members if one.call is guest.call)


def tell(office: Office, plot: Callable[[Room], Awaitable[None]], yaml: str = "", **changes: Any) -> None:
    tenant = office(ROOM + yaml, to="conference/board")
    rooms = {"board": replace(tenant.services.conferences["board"], **changes)}
    tenant = replace(tenant, services=replace(tenant.services, conferences=rooms))

    async def main() -> None:
        room = Room(tenant)
        async with asyncio.timeout(3600):
            await plot(room)
        assert not room.house.meetings, "an empty room is not there"

    clock.run(main())


async def after(seconds: float = 10.0) -> None:
    await asyncio.sleep(seconds)


async def all_go(*guests: Guest) -> None:
    for guest in guests:
        guest.bye()
    await asyncio.gather(*(guest.task for guest in guests))


def places(*guests: Guest) -> list[str]:
    return [guest.ears.place for guest in guests]


def test_members_wait_with_music_and_are_let_in_by_the_moderator(office: Office) -> None:
    async def plot(room: Room) -> None:
        anna = room.dials("anna", MEMBER)
        await after()
        boris = room.dials("boris", MEMBER)
        await after()
        assert places(anna, boris) == ["out", "out"] and anna.heard[-2:] == ["system-conference-wait", "music"]
        assert [one["waits"] for one in room.meeting.roster()] == [True, True]
        chair = room.dials("chair", CHAIR)
        await after()
        assert places(anna, boris, chair) == ["in", "in", "in"]
        assert chair.heard[-1] == "joined" and "music" not in chair.heard
        chair.bye()
        await after()
        assert places(anna, boris) == ["in", "in"] and anna.heard[-1] == "left"
        late = room.dials("late", MEMBER)
        await after()
        assert places(late) == ["in"], "what has begun goes on without its moderator"
        await all_go(late, boris)
        await after()
        assert anna.heard[-1] == "music", "alone"
        await all_go(anna)

    tell(office, plot)


def test_tones_say_who_comes_and_goes(office: Office) -> None:
    async def plot(room: Room) -> None:
        chair = room.dials("chair", CHAIR)
        await after()
        assert chair.heard[-2:] == ["system-conference-alone", "music"]
        anna = room.dials("anna", MEMBER)
        await after()
        assert chair.heard[-1] == "joined" and anna.heard[-1] == "joined"
        assert node_of(room.tenant, "800") == "conference/board" and "conference" in WATCHABLE
        assert seen_in(anna.call)["conference/board"].state == "confirmed", "a lamp is lit"
        await all_go(anna)
        await after()
        assert chair.heard[-2:] == ["left", "music"] and "conference/board" not in seen_in(anna.call)
        await all_go(chair)
        assert room.events.count("anna conference.joined") == room.events.count("anna conference.left") == 1

    tell(office, plot)


def test_whoever_guesses_is_asked_no_more_and_others_are(office: Office) -> None:
    async def plot(room: Room) -> None:
        for _ in range(2):
            guest = room.dials("anna", "1#,2#,3#")
            await after(60.0)
            assert guest.heard[-1] == "system-goodbye" and guest.call.record.hung_up_by == "pbx"
        assert room.events.count("anna conference.guessed") == 1
        guest = room.dials("anna", MEMBER)
        await after(20.0)
        assert guest.heard == ["system-conference-blocked", "system-goodbye"]
        other = room.dials("boris", MEMBER)
        await after()
        assert other.heard[-1] == "music"
        await all_go(other)
        await after(1000.0)
        again = room.dials("anna", MEMBER)
        await after()
        assert again.heard[-1] == "music", "it is forgotten"
        await all_go(again)

    tell(office, plot)


def test_how_many_are_in_is_said_and_a_moderator_ends_it_for_all(office: Office) -> None:
    async def plot(room: Room) -> None:
        anna, chair = room.dials("anna", MEMBER), room.dials("chair", CHAIR)
        await after()
        anna.press("*6")
        await after()
        assert anna.heard[-1] == "system-conference-count"
        anna.press("*9")
        await after()
        assert anna.heard[-1] == "refused" and places(anna, chair) == ["in", "in"]
        chair.press("*9")
        await after()
        for guest in (anna, chair):
            assert guest.task.done() and guest.heard[-1] == "system-conference-over"
            assert "conference/board: its moderator has ended it" in guest.call.record.reasons

    tell(office, plot)


RECORDED = (
    "recordings: {{kept: {{match: {{direction: [inbound]}}, mode: {mode}, announce: prompt/hello, store: local}}}}"
)


@pytest.mark.parametrize("mode", ["always", "on_demand"])
def test_a_recorded_room_tells_all_before_they_hear_anybody(office: Office, mode: str) -> None:
    async def plot(room: Room) -> None:
        chair, anna = room.dials("chair", CHAIR), room.dials("anna", MEMBER)
        await after(20.0)
        is_always = mode == "always"
        assert [guest.heard.count("hello") for guest in (chair, anna)] == [int(is_always)] * 2
        assert room.meeting.recording.is_on is is_always
        anna.press("*7")
        await after()
        assert anna.heard[-1] == "refused" and room.meeting.recording.is_on is is_always
        chair.press("*7")
        await after()
        assert room.meeting.recording.is_on and "hello" in anna.heard[-2:] + anna.heard[:2]
        late = room.dials("late", MEMBER)
        await after(20.0)
        assert late.heard.index("hello") < late.heard.index("joined")
        chair.press("*7")
        await after()
        assert room.meeting.recording.is_on is is_always, "what is always recorded goes on"
        await all_go(late, anna, chair)
        assert {event.split()[1] for event in room.events if "recording" in event} == {
            "recording.started", "recording.stopped",
        }  # fmt: skip

    tell(office, plot, yaml=RECORDED.format(mode=mode), record="kept")


def test_a_moderator_mutes_and_sends_out(office: Office) -> None:
    async def plot(room: Room) -> None:
        anna, chair = room.dials("anna", MEMBER), room.dials("chair", CHAIR)
        await after()
        boris = room.dials("boris", MEMBER)
        await after()
        chair.press("*3")
        await after()
        assert places(anna, boris, chair) == ["muted", "muted", "in"]
        anna.press("*1")
        await after()
        assert places(anna) == ["muted"] and anna.heard[-1] == "refused"
        chair.press("*3")
        await after()
        anna.press("*1")
        await after()
        assert places(anna, boris) == ["muted", "in"] and anna.heard[-1] == "system-conference-muted"
        chair.press("*3")
        chair.press("*4")
        await after()
        assert boris.task.done() and boris.heard[-1] == "system-conference-kicked"
        assert boris.call.record.hung_up_by == "pbx"
        anna.press("*4")
        await after()
        assert anna.heard[-1] == "refused" and not chair.task.done()
        await all_go(anna, chair)

    tell(office, plot)


def test_nobody_hears_the_music_of_who_holds_the_room(office: Office) -> None:
    async def plot(room: Room) -> None:
        chair, anna = room.dials("chair", CHAIR), room.dials("anna", MEMBER)
        await after()
        anna.call.hold("A", True)
        await after(1)
        assert places(anna, chair) == ["muted", "in"] and not room.meeting.roster()[1]["muted"]
        anna.call.hold("A", False)
        await after(1)
        assert places(anna, chair) == ["in", "in"]
        await all_go(anna, chair)

    tell(office, plot)


def test_who_is_sent_out_in_its_menu_goes_all_the_same(office: Office) -> None:
    async def plot(room: Room) -> None:
        chair, anna = room.dials("chair", CHAIR), room.dials("anna", MEMBER)
        await after()
        anna.press("*")
        await asyncio.sleep(0.1)
        await room.meeting.send_out(room.member(anna))
        assert places(anna) == ["out"]
        await anna.task
        assert anna.heard[-1] == "system-conference-kicked"
        await all_go(chair)

    tell(office, plot)


def test_a_locked_door_stays_locked_when_who_locked_it_goes(office: Office) -> None:
    async def plot(room: Room) -> None:
        chair, anna = room.dials("chair", CHAIR), room.dials("anna", MEMBER)
        await after()
        chair.press("*2")
        await after()
        assert chair.heard[-1] == "system-conference-lock-on" and room.member(chair).entry["locked"]
        await all_go(chair)
        assert room.meeting.locked and room.member(anna).entry["locked"], "and after a SIGKILL, too"
        boris = room.dials("boris", MEMBER)
        await boris.task
        assert boris.heard[-1] == "system-conference-locked"
        again_chair = room.dials("second", CHAIR)
        await after()
        again_chair.press("*2")
        await after()
        assert not room.meeting.locked and not room.member(anna).entry["locked"]
        await all_go(again_chair, anna)

    tell(office, plot)


def test_full_is_full(office: Office) -> None:
    async def plot(room: Room) -> None:
        guests = [room.dials(name, CHAIR) for name in ("one", "two", "three", "four")]
        await after()
        late = room.dials("late", CHAIR)
        await late.task
        assert late.heard[-1] == "system-conference-full"
        await all_go(*guests)

    tell(office, plot)


@pytest.mark.row("R33")
def test_records_of_a_process_before_are_all_that_is_needed_to_go_on(office: Office) -> None:
    async def plot(room: Room) -> None:
        anna, chair, boris = room.dials("anna", MEMBER), room.dials("chair", CHAIR), room.dials("boris", MEMBER)
        await after()
        anna.press("*1")
        chair.press("*2")
        await after()
        records = [CallRecord(**deepcopy(guest.call.record.document())) for guest in (anna, chair, boris)]
        assert min(guest.ears.kept for guest in (anna, chair)) > 2, "written down at once"
        await all_go(anna, chair, boris)

        room.house = House()
        guests = [room.dials(record.id, record=record) for record in records]
        await after()
        assert places(*guests) == ["muted", "in", "in"] and room.meeting.locked
        assert [one["moderates"] for one in room.meeting.roster()] == [False, True, False]
        assert all("system-conference-pin" not in guest.heard for guest in guests)
        guests[1].press("*2")
        await after()
        assert not room.meeting.locked
        await all_go(*guests)
        (was_in,) = guests[0].call.record.facts["conferences"]
        assert was_in["after"] > 20_000

    tell(office, plot)


def test_many_are_not_told_of_each_other(office: Office) -> None:
    async def plot(room: Room) -> None:
        guests = [room.dials(f"g{number}", MEMBER) for number in range(25)]
        await after(30)
        assert {guest.ears.place for guest in guests} == {"in"}
        assert guests[0].heard.count("joined") <= 21
        await all_go(*guests)

    tell(office, plot, max_members=30, wait_for_moderator=False)


@pytest.mark.parametrize(("by", "to", "status"), [
    (None, "89161234567", 403), ("anna", "89161234567", 503), (None, "202", 503),
])  # fmt: skip
def test_a_moderator_from_outside_calls_nobody_outside_at_our_cost(
    office: Office, by: str | None, to: str, status: int
) -> None:
    """A PIN that is guessed must not be a way out into the world."""

    def away(tenant: Tenant) -> None:
        raise Refused(503, "what comes after the rights")

    tenant, exchange = office(ROOM, to="conference/board"), SimpleNamespace(require_service=away)
    with pytest.raises(Refused) as refused:
        by_api.invite(cast(Exchange, exchange), tenant, tenant.users[by] if by else None, "board", to)
    assert refused.value.status == status
