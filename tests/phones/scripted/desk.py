"""Telephones of one PBX, each leg in a test's own hands, against a real pbx-calls with rtpengine, engine and store."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from phones.message import Message
from phones.rtp import Voice
from phones.scripted.edge import CalleeLeg, CallerLeg, Incoming, ScriptedEdge
from phones.scripted.live import SOUND, address, with_sound
from phones.scripted.simulation import GONE, HOUSE, house

from pbx.calls.simulated.world import Person
from pbx.model import pins
from pbx.speech.audio import encode
from pbx.store import database

STAYS = Person(answers=0.1, talks=600.0)
RINGS = Person()
TENANT = "house"
DOMAIN = "house.example"
PINS = {"board": "4711", "chair": "909090", "crew": "6274"}  # of rooms and boxes, by the name of the secret


@contextlib.contextmanager
def office(
    folder: Path,
    *,
    more: Mapping[str, Any] | None = None,
    redis: bool = False,
    recogniser: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Stack, str]]:
    """The processes, and their address. `more` objects than the house has, by kind, as an apply writes them;
    `recogniser`: the engine that understands speech."""
    host = address()
    audio = {SOUND: encode(HOUSE / "house" / "prompts" / "tone.wav")}
    plain = with_sound(house().tenant_plain["house"])
    plain |= {kind: {**plain.get(kind, {}), **objects} for kind, objects in (more or {}).items()}
    tenants = {TENANT: {"revision": "r", "plain": plain}}
    document = {"format": 1, "site_revision": "r", "tenants": tenants, "site": {"plain": house().site_plain}}
    secrets = {f"pin/{name}": pins.hashed(digits, name.encode()) for name, digits in PINS.items()}
    place = Place(calls=host, edge=host, host=host)
    also = {"redis": redis, "recogniser": recogniser}
    with running(folder, place, document=document, audio=audio, secrets=secrets, **also) as stack:
        yield stack, host


class Desk:
    """`people` says how whoever is rung behaves, by device or user; it may be changed at any time."""

    def __init__(self, stack: Stack, host: str) -> None:
        self.stack, self.host = stack, host
        self.people: dict[str, Person] = {}
        self.began = time.time()
        self._edge = ScriptedEdge(host, EDGE_PORT, (host, CALLS_PORT), self._behave)
        self._by_device: dict[str, list[str]] = {}  # Call-IDs

    def _behave(self, token: str, user: str, trunk: str, invite: Message) -> Person:
        name = trunk or user
        self._by_device.setdefault(name, []).append(invite["Call-ID"])
        return next((self.people[one] for one in (name, user.rpartition("-")[0]) if one in self.people), GONE)

    def types(self) -> None:
        """Legs that begin from now on may type and hear digits among the packets of their sound."""
        self._edge.has_keys = True

    def call(self, user: str, dialled: str, headers: Sequence[tuple[str, str]] = ()) -> CallerLeg:
        """A user's desk phone dials."""
        stamps = [("X-PBX-Tenant", TENANT), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        device = f"{user}-desk"
        return self._edge.call(
            Incoming(dialled, DOMAIN, device, [*stamps, ("X-PBX-Source", f"device {device}"), *headers])
        )

    def voice(self, device: str, hz: float) -> Voice:
        """Gives a telephone a voice: a tone of this frequency, in the calls that it has from now on."""
        made = self._edge.voices[device] = Voice(None, self.host, hz)
        return made

    @property
    def voices(self) -> Mapping[str, Voice]:
        """By device."""
        return self._edge.voices

    def call_in(self, number: str, caller: str = "79161234567") -> CallerLeg:
        """An outside call over the trunk `digits`."""
        stamps = [("X-PBX-Tenant", TENANT), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        return self._edge.call(Incoming(number, DOMAIN, caller, [*stamps, ("X-PBX-Source", "trunk digits")]))

    async def rung(self, device: str, *, times: int = 1) -> CalleeLeg:
        """The leg of a device once it has been rung so often."""
        await self.until(lambda: len(self._by_device.get(device, ())) >= times, f"{device} is rung")
        leg = self._edge.leg(self._by_device[device][times - 1])
        assert isinstance(leg, CalleeLeg)
        return leg

    def was_rung(self, device: str) -> int:
        return len(self._by_device.get(device, ()))

    async def two_talk(self, user: str, dialled: str, device: str) -> tuple[CallerLeg, CalleeLeg]:
        """`user` has dialled and `device`, which must be one that answers, talks with it."""
        caller = self.call(user, dialled)
        callee = await self.rung(device)
        await self.up(caller, callee)
        return caller, callee

    async def two_calls(self) -> tuple[CallerLeg, CalleeLeg, CallerLeg, CalleeLeg]:
        """Anna talks with boris, and boris, in another call, with egor."""
        self.people |= {"boris-desk": STAYS, "egor": STAYS}
        return *await self.two_talk("anna", "202", "boris-desk"), *await self.two_talk("boris", "206", "egor-desk")

    async def up(self, *legs: CallerLeg | CalleeLeg) -> None:
        await self.until(lambda: all(leg.is_up for leg in legs), "all are up")

    async def over(self, *legs: CallerLeg | CalleeLeg) -> None:
        await self.until(lambda: all(leg.over.done() for leg in legs), "all are over")

    async def until(self, done: Callable[[], bool], what: str, within: float = 8.0) -> None:
        end = time.monotonic() + within
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {within} s: {what}")
            await asyncio.sleep(0.01)

    async def nothing_is_left(self) -> None:
        """No call of the process, no session of the relay, and nobody thinks to be in one."""
        end = time.monotonic() + 8.0
        while (await self.status())["calls"] or any(leg.is_up for leg in self._edge.legs()):
            if time.monotonic() > end:
                raise TimeoutError(f"left: {await self.status()}, {[leg.is_up for leg in self._edge.legs()]}")
            await asyncio.sleep(0.02)

    async def owned(self) -> None:
        """Until pbx-calls serves the tenant."""
        end = time.monotonic() + 10
        while TENANT not in (await self.status())["epochs"]:
            if time.monotonic() > end:
                raise TimeoutError("pbx-calls does not own its tenant")
            await asyncio.sleep(0.05)

    async def kill_calls(self) -> None:
        """SIGKILL of pbx-calls, and the process is back."""
        process = self.stack.processes["calls"]
        process.kill()
        await asyncio.to_thread(process.wait)
        self.stack.start("calls")
        await asyncio.to_thread(self.stack.wait_until_served)
        await self.owned()

    async def end(self) -> None:
        """After a failure: the next story finds no call of this one."""
        for leg in self._edge.legs():
            if leg.is_up:
                leg.bye()
            elif isinstance(leg, CallerLeg):
                leg.leave()
        with contextlib.suppress(TimeoutError):
            await self.nothing_is_left()

    async def status(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.stack.ask, "status")

    async def at(self, node: str, *, times: int) -> None:
        """Until the one call that is up has come to a node so often."""
        end = time.monotonic() + 8.0
        while True:
            (call,) = (await asyncio.to_thread(self.stack.ask, "calls"))["calls"]
            if call["path"].count(node) >= times:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"not at {node}: {call['path']}")
            await asyncio.sleep(0.01)

    async def records(self, count: int) -> list[dict[str, Any]]:
        """The records of the calls since this desk was opened, once there are so many, in order."""
        end = time.monotonic() + 8.0
        while True:
            rows = await asyncio.to_thread(self._rows)
            if len(rows) >= count or time.monotonic() > end:
                assert len(rows) == count, rows
                return rows
            await asyncio.sleep(0.05)

    def _rows(self) -> list[dict[str, Any]]:
        db = database.connect(self.stack.folder / "store.sqlite", create=False)
        rows = [row for row in database.last_calls(db, last=1000) if row["ended"] is not None]
        db.close()
        return sorted((row for row in rows if row["started"] / 1000 >= self.began), key=lambda row: row["started"])


@contextlib.asynccontextmanager
async def desk(stack: Stack, host: str) -> AsyncIterator[Desk]:
    """Open telephones; at the end nothing may be left of any call."""
    made = Desk(stack, host)
    await made._edge.open()
    try:
        await made.owned()
        yield made
        await made.nothing_is_left()
    except BaseException:
        await made.end()
        raise
    finally:
        made._edge.close()
        for voice in made._edge.voices.values():
            voice.close()


def replacing(leg: CallerLeg | CalleeLeg, user: str) -> str:
    """A Refer-To that names the user and the leg whose place is to be taken (RFC 5589 §7.3)."""
    return f"sip:{user}@{leg.domain}?Replaces={quote(leg.replaces, safe='')}"


Story = Callable[[Desk], Awaitable[None]]
Tell = Callable[[Story], None]
