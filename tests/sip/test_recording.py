"""Recorded calls, measured in the files: each telephone's tone is on its own side, for as long as it was heard."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.local_stack import Stack
from phones import g711
from phones.scripted.desk import STAYS, TENANT, Desk, Tell, office, replacing
from phones.scripted.edge import CalleeLeg, CallerLeg
from phones.tone import Heard, measure

from pbx.media import recorded
from pbx.media.recorded import Recording

pytestmark = pytest.mark.row("R17")

ANNA, BORIS, EGOR, OUTSIDE = 600.0, 900.0, 1300.0, 1700.0
MUSIC, ANNOUNCEMENT = 262.0, 440.0  # of the engine, and of the house's prompts
POLICIES = {
    "recordings": {
        "inside": {"match": {"direction": ["internal"]}, "mode": "always", "store": "local", "listen": []},
        "wanted": {
            "match": {"direction": ["internal"]}, "mode": "on_demand", "announce": "prompt/welcome",
            "store": "local", "listen": [],
        },
        "told": {
            "match": {"direction": ["inbound", "outbound"]}, "mode": "always", "announce": "prompt/welcome",
            "store": "local", "retain": "180d", "listen": ["role/supervisor"],
        },
    },
    "feature_codes": {"in_call_pause": "*4"},
}  # fmt: skip


@pytest.fixture(scope="module")
def local_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    with office(tmp_path_factory.mktemp("office") / "stack", more=POLICIES, redis=True) as made:
        yield made


@dataclass
class Made:
    """A finished recording, and what is on each side of it."""

    about: Recording
    left: Heard
    right: Heard

    def __str__(self) -> str:
        return f"{self.about}\n left: {self.left}\nright: {self.right}"


async def made(d: Desk, which: int = 0, *, calls: int = 1, policy: str = "") -> Made:
    """The finished recording of one of this desk's calls."""
    rows = await d.records(calls)
    call = rows[which]["id"]
    finished = d.stack.folder / "spool" / "finished"

    def found() -> list[Path]:
        return [one for one in recorded.whole(finished) if one.name.startswith(f"{call}.{policy}")]

    await d.until(lambda: len(found()) > 0, "a recording is finished", within=15)
    (folder,) = found()
    raw = np.frombuffer((folder / recorded.SOUND).read_bytes(), np.uint8)
    assert raw[:4].tobytes() == b"RIFF" and raw[20:24].tobytes() == b"\x06\x00\x02\x00", "A-law, two channels"
    size = int.from_bytes(raw[54:58].tobytes(), "little")
    assert raw[50:54].tobytes() == b"data" and size == len(raw) - 58 - size % 2
    sides = raw[58 : 58 + size].reshape(-1, 2)
    left, right = (measure(g711.decode(sides[:, side].tobytes(), g711.PCMA)) for side in (0, 1))
    about = recorded.read(folder)
    assert abs(about.length - len(sides) / 8000) < 0.01
    return Made(about, left, right)


async def they_talk(d: Desk) -> tuple[CallerLeg, CalleeLeg]:
    d.people |= {"boris-desk": STAYS, "egor": STAYS}
    d.voice("anna-desk", ANNA)
    d.voice("boris-desk", BORIS)
    d.voice("egor-desk", EGOR)
    return await d.two_talk("anna", "202", "boris-desk")


async def heard(d: Desk, device: str, hz: float, seconds: float) -> None:
    """Until a telephone has heard this tone, from now on, for so long."""
    track = d.voices[device].track
    await asyncio.to_thread(track.wait_tone, hz, seconds, 8.0, time.monotonic())


def of(one: Made, left: dict[float, float], right: dict[float, float]) -> None:
    """Each side has at least so many seconds of these tones, and nothing of the other telephones."""
    for side, said in ((one.left, left), (one.right, right)):
        for hz in (ANNA, BORIS, EGOR, OUTSIDE):
            assert side.tone(hz) >= said.get(hz, 0.0) and (hz in said or side.tone(hz) < 0.1), one


def test_each_side_has_its_own_voice_before_and_after_a_hold(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.8)
        boris.reinvite("sendonly")
        await d.until(lambda: boris.reinvited == [200], "the hold is answered")
        await heard(d, "anna-desk", MUSIC, 0.3)
        boris.reinvite("sendrecv")
        await d.until(lambda: boris.reinvited == [200, 200], "taken back")
        await heard(d, "anna-desk", BORIS, 0.6)
        anna.bye()
        await d.over(boris)
        (row,) = await d.records(1)
        one = await made(d)
        assert (one.about.call_id, one.about.policy, one.about.direction) == (row["id"], "inside", "internal")
        assert (one.about.caller, one.about.called) == ("201", "202") and one.about.people == ("anna", "boris")
        of(one, {ANNA: 1.2}, {BORIS: 1.2})
        assert one.left.sequence() == [600] and one.left.silence > 0.25, "held, she talks to nobody"
        sequence = one.right.sequence()
        assert sequence[0] == sequence[-1] == 900 and 260 in sequence, "boris, the music that she hears, boris"
        assert one.about.gaps == ()

    tell(story)


def test_it_goes_on_through_a_transfer_and_a_parking(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.5)
        boris.refer("206")
        egor = await d.rung("egor-desk")
        await d.over(boris)
        await heard(d, "anna-desk", EGOR, 0.5)
        egor.refer("*68")
        await d.over(egor)
        boris = d.call("boris", "*69")
        await heard(d, "anna-desk", BORIS, 0.5)
        anna.bye()
        await d.over(boris)
        one = await made(d, 0, calls=2)
        assert one.about.people == ("anna", "boris", "egor")
        of(one, {ANNA: 1.5}, {BORIS: 0.9, EGOR: 0.4})
        other = await made(d, 1, calls=2)  # of whoever came to fetch her
        of(other, {BORIS: 0.4}, {ANNA: 0.4})

    tell(story)


def test_the_caller_sends_whom_it_talks_with_on_and_goes(tell: Tell) -> None:
    """Who is left keeps the side; who comes takes that of who went."""

    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "boris-desk", ANNA, 0.5)
        anna.refer("206")
        egor = await d.rung("egor-desk")
        await heard(d, "boris-desk", EGOR, 0.5)
        boris.bye()
        await d.over(egor)
        of(await made(d), {ANNA: 0.4, EGOR: 0.4}, {BORIS: 0.9})

    tell(story)


def test_two_calls_that_become_one_are_recorded_each(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.5)
        asks, egor = await d.two_talk("boris", "206", "egor-desk")
        await heard(d, "egor-desk", BORIS, 0.5)
        boris.refer_to(replacing(asks, "206"))
        await d.over(boris, asks)
        await heard(d, "anna-desk", EGOR, 0.5)
        anna.bye()
        await d.over(egor)
        of(await made(d, 0, calls=2), {ANNA: 0.9}, {BORIS: 0.4, EGOR: 0.4})
        of(await made(d, 1, calls=2), {BORIS: 0.4, ANNA: 0.4}, {EGOR: 0.9})

    tell(story)


def test_an_outside_call_is_announced_to_both_before_it_is_recorded(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.people |= {"anna": STAYS}
        d.voice("anna-desk", ANNA)
        d.voice("79161234567", OUTSIDE)
        outside = d.call_in("74951000002")
        anna = await d.rung("anna-desk")
        await d.up(outside, anna)
        await heard(d, "anna-desk", ANNOUNCEMENT, 0.5)
        await heard(d, "79161234567", ANNA, 0.5)
        outside.bye()
        await d.over(anna)
        one = await made(d)
        of(one, {OUTSIDE: 0.4}, {ANNA: 0.4})
        assert one.right.tone(ANNOUNCEMENT) == 0 and one.about.announced
        assert (one.about.direction, one.about.caller, one.about.called) == ("inbound", "+79161234567", "+74951000002")
        assert one.about.retain == 180 * 86400 and one.about.listen == ("supervisor",)

    tell(story)


@pytest.mark.parametrize("process", ["calls", "media", "relay"])
def test_a_process_is_killed_in_the_middle(tell: Tell, process: str) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.5)
        await killed(d, process)
        await heard(d, "anna-desk", BORIS, 0.5)
        anna.bye()
        await d.over(boris)
        one = await made(d)
        of(one, {ANNA: 0.9}, {BORIS: 0.9})
        assert one.about.gaps == () and one.right.silence < 0.2, "nothing is missing"

    tell(story)


def test_rtpengine_killed_is_told_to_record_again_and_the_gap_is_marked(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.8)
        await killed(d, "rtpengine")
        await heard(d, "anna-desk", BORIS, 0.8)
        anna.bye()
        await d.over(boris)
        one = await made(d)
        of(one, {ANNA: 1.2}, {BORIS: 1.2})
        (gap,) = one.about.gaps
        assert gap.why == "lost" and 0 < gap.start < gap.end < one.about.length

    tell(story)


def test_the_agent_is_killed_while_it_makes_the_recording(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.5)
        relay = d.stack.processes["relay"]
        relay.send_signal(signal.SIGSTOP)  # what pbx-calls says of the end waits in its socket
        anna.bye()
        await d.over(boris)
        (row,) = await d.records(1)
        half = d.stack.folder / "spool" / "finished" / f"{row['id']}.inside"
        half.mkdir(mode=0o700)
        (half / recorded.SOUND).write_bytes(b"half")
        relay.send_signal(signal.SIGKILL)
        relay.wait()
        d.stack.start("relay")
        of(await made(d), {ANNA: 0.4}, {BORIS: 0.4})

    tell(story)


def test_a_code_pauses_it_and_nothing_of_that_time_is_kept(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        d.types()
        anna, boris = await they_talk(d)
        await heard(d, "anna-desk", BORIS, 0.5)
        for digit in "*4":
            boris.digit(digit)
        await heard(d, "anna-desk", BORIS, 1.0)
        boris.voice.hz, d.voices["anna-desk"].hz = EGOR, OUTSIDE  # what nobody shall hear again
        await heard(d, "anna-desk", EGOR, 0.5)
        boris.voice.hz, d.voices["anna-desk"].hz = BORIS, ANNA
        await heard(d, "anna-desk", BORIS, 0.5)
        for digit in "*4":
            boris.digit(digit)
        await heard(d, "anna-desk", BORIS, 1.0)
        anna.bye()
        await d.over(boris)
        one = await made(d)
        of(one, {ANNA: 0.8}, {BORIS: 0.8})
        (gap,) = one.about.gaps
        assert gap.why == "paused" and gap.end - gap.start > 1.5

    tell(story)


def test_the_api_begins_one_on_demand_and_ends_it(tell: Tell) -> None:
    async def story(d: Desk) -> None:
        anna, boris = await they_talk(d)

        async def ask(action: str) -> Any:
            return await asyncio.to_thread(d.stack.ask, "record", on="api", tenant=TENANT, call=call, action=action)

        (up,) = (await asyncio.to_thread(d.stack.ask, "calls", on="api", tenant=TENANT))["calls"]
        call = up["call"]
        assert up["recording"] == "on" and not (await ask("resume"))["ok"]
        assert (await ask("start"))["ok"]
        await heard(d, "anna-desk", BORIS, 0.6)
        assert not (await ask("start"))["ok"], "it is recorded already"
        assert (await ask("stop"))["ok"]
        boris.voice.hz = EGOR
        await heard(d, "anna-desk", EGOR, 0.5)
        anna.bye()
        await d.over(boris)
        one = await made(d, policy="wanted")
        assert one.about.announced and one.right.tone(BORIS) > 0.5 and one.right.tone(EGOR) == 0
        assert (await made(d, policy="inside")).right.tone(EGOR) > 0.3, "the other one goes on"

    tell(story)


async def killed(d: Desk, process: str) -> None:
    """SIGKILL of a process, which is back."""
    if process == "calls":
        await d.kill_calls()
        return
    d.stack.processes[process].kill()
    await asyncio.to_thread(d.stack.processes[process].wait)
    d.stack.start(process)
