"""All scenarios at once against one real pbx-calls with rtpengine, media engine, journal and store; their records."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from phones import message
from phones.message import Message
from phones.scripted.edge import CalleeLeg, CallerLeg, Incoming, Rung, ScriptedEdge
from phones.scripted.scenarios import SCENARIOS, Scenario
from phones.scripted.simulation import GONE, HOUSE, NUMBERS, house, plain_of, simulated

from pbx.calls.simulated.world import Person, Told
from pbx.speech.audio import encode
from pbx.store import database

BEFORE = 2.5  # and between one that is up before another, and that one: whoever is rung has answered by then
APART = 0.08  # seconds between two calls that begin
SOUND = "tone.alaw"


@dataclass(frozen=True)
class Live:
    """What came of one scenario: its record (a row of the store) and whom the edge was asked to ring."""

    record: dict[str, Any]
    rung: Rung


def run(folder: Path) -> Mapping[str, Live]:
    """Every scenario by its name. Takes as long as the longest ring, some 40 s."""
    audio = {SOUND: encode(HOUSE / "house" / "prompts" / "tone.wav")}
    host = address()
    place = Place(calls=host, edge=host, host=host)
    told = {name: simulated(scenario, datetime.now(UTC)) for name, scenario in SCENARIOS.items()}
    with running(folder, place, document=_document(), audio=audio) as stack:
        rung = asyncio.run(_all(host, stack, told))
        records = _records(folder)
    return {name: Live(records[NUMBERS[name]], rung[NUMBERS[name]]) for name in SCENARIOS}


def address() -> str:
    """A loopback address that another run on this machine does not take: ports may be the same everywhere."""
    number = os.getpid()
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{number % 254 + 1}"


def _document() -> dict[str, Any]:
    tenants = {}
    for scenario in SCENARIOS.values():
        plain = with_sound(plain_of(scenario))
        tenants[NUMBERS[scenario.name]] = {"revision": "r" + NUMBERS[scenario.name], "plain": plain}
    return {"format": 1, "site_revision": "r", "tenants": tenants, "site": {"plain": house().site_plain}}


def with_sound(plain: dict[str, Any]) -> dict[str, Any]:
    """A tenant whose prompts are all compiled to the one sound."""
    prompts = {
        name: {language: {**said, "audio": SOUND} for language, said in prompt.items()}
        for name, prompt in plain["prompts"].items()
    }
    return {**plain, "prompts": prompts}


def token_of(tenant: str) -> str:
    """As contracts have it: what stands in our Contact for a tenant."""
    return hashlib.sha256(f"pbx-tenant-token/{tenant}".encode()).hexdigest()[:12]


async def _all(host: str, stack: Stack, told: Mapping[str, Told]) -> dict[str, Rung]:
    rung = {tenant: Rung() for tenant in NUMBERS.values()}
    scenarios = {token_of(NUMBERS[name]): scenario for name, scenario in SCENARIOS.items()}

    def behave(token: str, user: str, trunk: str, invite: Message) -> Person:
        scenario = scenarios[token]
        mine = rung[NUMBERS[scenario.name]]
        mine.labels.append(f"trunk {trunk}" if trunk else f"device {user}")
        mine.invites.append(invite)
        if trunk:
            mine.sent.append(user)
        names = [trunk, _in_e164(user, trunk)] if trunk else [user, user.rpartition("-")[0]]
        return next((scenario.people[name] for name in names if name in scenario.people), GONE)

    edge = ScriptedEdge(host, EDGE_PORT, (host, CALLS_PORT), behave)

    def second_call(leg: CalleeLeg, dialled: str) -> CallerLeg:
        assert leg.invite is not None
        device = message.address(leg.invite["To"]).removeprefix("sip:").partition("@")[0]
        scenario = scenarios[token_in(leg.invite)]
        return edge.call(_from_inside(scenario, dialled, device.removesuffix("-desk")))

    edge.second_call = second_call
    await edge.open()
    await _owned(stack)
    await asyncio.to_thread(_set_own, stack)
    try:
        legs = []
        for name in sorted(SCENARIOS, key=lambda name: -told[name].events[-1][0]):  # the longest first
            one = SCENARIOS[name]
            called = _by_api(stack, one) if one.by_api else _one(edge, one, told[name], rung[NUMBERS[name]])
            legs.append(asyncio.ensure_future(called))
            await asyncio.sleep(APART)
        await asyncio.gather(*legs)
        for leg in edge.legs():
            if isinstance(leg, CalleeLeg) and leg.cancel is not None and leg.invite is not None:
                rung[NUMBERS[scenarios[token_in(leg.invite)].name]].cancels.append(leg.cancel)
    finally:
        edge.close()
    return rung


def token_in(invite: Message) -> str:
    """The tenant's token in a Contact of ours."""
    return message.address(invite["Contact"]).removeprefix("sip:").partition("@")[0]


async def _owned(stack: Stack) -> None:
    """Until pbx-calls holds the leases of all tenants and has found the trunk that is down."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        status = await asyncio.to_thread(stack.ask, "status")
        if len(status["epochs"]) == len(SCENARIOS) and status["trunks_down"] == ["mute"]:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("pbx-calls does not own its tenants, or found no trunk down")


def _set_own(stack: Stack) -> None:
    """What people have set themselves, where no code of `before` does it."""
    for scenario in SCENARIOS.values():
        if scenario.before is not None and scenario.before.dialled.startswith("*"):
            continue
        for user, said in scenario.own.items():
            for key, value in said.items():
                about = {"tenant": NUMBERS[scenario.name], "user": user, "author": f"user/{user}"}
                assert stack.ask("setting", on="api", key=key, value=value, **about)["ok"]


async def _by_api(stack: Stack, scenario: Scenario) -> None:
    """A call that the API asks for, until its end is told."""
    tenant = NUMBERS[scenario.name]
    wanted = {"tenant": tenant, "user": scenario.caller, "to": scenario.dialled}

    def to_its_end() -> None:
        events = stack.told("events", within=60)
        assert next(events)["ok"]
        call = stack.ask("place", on="api", **wanted)["call"]
        assert any(event["call"] == call and event["event"] == "call.ended" for event in events)

    await asyncio.to_thread(to_its_end)


async def _one(edge: ScriptedEdge, scenario: Scenario, told: Told, rung: Rung) -> None:
    """One scenario to its end: the caller types when the simulated one does. Another call may be up before."""
    before: CallerLeg | None = None
    if scenario.before is not None:
        before = edge.call(_from_inside(scenario, scenario.before.dialled, scenario.before.user))
        await asyncio.sleep(BEFORE)
    digits: list[tuple[float, str]] = []
    for second, what, about in told.events:
        if what == "presses":  # at once in a simulation; here the digits before take their time, and what is asked next
            begun = max(second, digits[-1][0] + 0.5) if digits else second
            digits += [(begun + index * 0.05, digit) for index, digit in enumerate(str(about))]
    leg = edge.call(_incoming(scenario, scenario.dialled, caller=scenario.caller, digits=digits))
    try:
        async with asyncio.timeout(60):
            await leg.over
    except TimeoutError:
        raise TimeoutError(f"{scenario.name!r} did not end in a minute") from None
    rung.final = leg.final
    if before is not None:
        before.leave()
        async with asyncio.timeout(5):
            await before.over


def _incoming(
    scenario: Scenario, dialled: str, *, caller: str | None, digits: list[tuple[float, str]] | tuple[()]
) -> Incoming:
    tenant = NUMBERS[scenario.name]
    if scenario.trunk is None:
        return _from_inside(scenario, dialled, str(caller), digits)
    headers = _stamps(scenario)
    shown = _in_format(caller, scenario.trunk) if caller else "anonymous"
    headers += [("X-PBX-Source", f"trunk {scenario.trunk}")]
    headers += [("Privacy", "id")] if caller is None else []
    for one in scenario.came:
        reason, number = one.split()
        headers.append(("Diversion", f"<sip:{number}@carrier.example>;reason={reason};counter=1"))
    number = _in_format(dialled, scenario.trunk)
    return Incoming(number, f"{tenant}.example", shown, headers, digits, scenario.patience, *_transfer(scenario))


def _from_inside(scenario: Scenario, dialled: str, user: str, digits: Sequence[tuple[float, str]] = ()) -> Incoming:
    device = f"{user}-desk"
    headers = [*_stamps(scenario), ("X-PBX-Source", f"device {device}")]
    if dialled in ("112", "101"):
        headers.append(("X-PBX-Emergency", "1"))
    return Incoming(
        dialled, f"{NUMBERS[scenario.name]}.example", device, headers, digits, scenario.patience, *_transfer(scenario)
    )


def _transfer(scenario: Scenario) -> tuple[str, float]:
    return scenario.transfers, scenario.transferring


def _stamps(scenario: Scenario) -> list[tuple[str, str]]:
    """What an edge writes into every INVITE."""
    return [("X-PBX-Tenant", NUMBERS[scenario.name]), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]


def _in_format(number: str, trunk: str) -> str:
    """A Russian number as the trunk writes it."""
    return {"digits": number[1:], "plus": number, "local": "8" + number[2:]}[trunk]


def _in_e164(user: str, trunk: str) -> str:
    return "+" + user if trunk == "digits" else user


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    """The record of each tenant's call, once the drainer has brought all."""
    db = database.connect(folder / "store.sqlite", create=False)
    besides = {NUMBERS[one.name]: one.before.dialled for one in SCENARIOS.values() if one.before}
    besides |= {NUMBERS[one.name]: person.consults for one in SCENARIOS.values() for person in one.people.values()
                if person.consults}  # fmt: skip
    calls = len(SCENARIOS) + len(besides)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        rows = [row for row in database.last_calls(db, last=1000) if row["ended"] is not None]
        if len(rows) >= calls:
            break
        time.sleep(0.05)
    db.close()
    return {row["tenant"]: row for row in rows if row["dialled"] != besides.get(row["tenant"])}
