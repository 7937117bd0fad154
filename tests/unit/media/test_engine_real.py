"""The media engine as a process, with real sockets: what a phone hears, what it presses, what survives a crash."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from unit.media.conftest import MediaEngine, RtpEngine
from unit.media.media_phone import PCMA, PCMU, Heard, Phone, loudest

from pbx.media.engine_client import EngineClient, EngineError
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession

Story = Callable[["Desk"], Awaitable[None]]


class Desk:
    """A client of the engine, its events, and phones that are legs."""

    def __init__(self, engine: MediaEngine, client: EngineClient) -> None:
        self.engine = engine
        self.client = client
        self.events: list[dict[str, Any]] = []
        self.phones: list[Phone] = []
        self._news = asyncio.Event()
        client.on_event = self._on_event

    def _on_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._news.set()

    async def phone(self, leg: str, tone: float = 0.0, payload_type: int = PCMA) -> Phone:
        """A phone whose RTP port is a leg of the engine."""
        phone = await Phone(tone, payload_type).open()
        self.phones.append(phone)
        phone.peer = self.client.address
        await self.client.add_leg(leg, remote=("127.0.0.1", phone.port), payload=payload_type, event_payload=101)
        return phone

    async def event(self, within: float = 5.0, **like: Any) -> dict[str, Any]:
        """The first event that has these values, waiting for it."""
        async with asyncio.timeout(within):
            while True:
                for event in self.events:
                    if like.items() <= event.items():
                        return event
                self._news.clear()
                await self._news.wait()

    def digits(self, leg: str) -> str:
        return "".join(each["digit"] for each in self.events if each["event"] == "digit" and each["leg"] == leg)

    async def settled_digits(self, leg: str, phone: Phone, count: int) -> str:
        """The digits once there are `count`, and whatever else comes in the 200 ms after (10 frames of the engine)."""
        async with asyncio.timeout(5):
            while len(self.digits(leg)) < count:
                self._news.clear()
                await self._news.wait()
        await phone.hears(10)
        return self.digits(leg)


def tell(engine: MediaEngine, story: Story) -> None:
    async def run() -> None:
        desk = Desk(engine, EngineClient(f"test-{secrets.token_hex(4)}"))
        assert await desk.client.connect(engine.socket)
        try:
            await story(desk)
        finally:
            for leg in list(desk.client._legs):
                await desk.client.remove_leg(leg)
            await desk.client.close()
            for phone in desk.phones:
                phone.close()

    asyncio.run(run())


def sounding(heard: list[Heard]) -> list[Heard]:
    """The frames that are not silence."""
    return [each for each in heard if loudest(each.payload, each.payload_type)]


# --- playing ----------------------------------------------------------------------------------------------------------


def test_a_file_is_heard_whole_and_once(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        play = await desk.client.play("a", [{"file": media_engine.prompt(600, 0.4)}])
        await desk.event(event="played", leg="a", play=play, reason="end")
        await phone.hears(5)
        heard = sounding(phone.heard)
        assert len(heard) == 20
        assert abs(loudest(b"".join(each.payload for each in heard), PCMA) - 600) < 3
        assert {each.payload_type for each in phone.heard} == {PCMA}

    tell(media_engine, story)


def test_the_stream_is_continuous_rtp(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await phone.hears(5)
        await desk.client.play("a", [{"file": media_engine.prompt(600, 0.2)}])
        await phone.hears(20)
        first, heard = phone.heard[0], phone.heard
        assert [each.marker for each in heard] == [True] + [False] * (len(heard) - 1)
        assert {each.ssrc for each in heard} == {first.ssrc}
        assert {len(each.payload) for each in heard} == {160}
        for number, each in enumerate(heard):
            assert each.sequence == (first.sequence + number) & 0xFFFF
            # ticks may be left out on a stalled machine: then the clock moves on with them
            assert (each.timestamp - first.timestamp) % 160 == 0
        assert max(b.at - a.at for a, b in itertools.pairwise(heard)) < 0.5

    tell(media_engine, story)


def test_a_playlist_goes_from_item_to_item(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        items = [{"tone": "beep"}, {"silence": 0.1}, {"file": media_engine.prompt(600, 0.21)}]
        play = await desk.client.play("a", items)
        await desk.event(event="played", play=play, reason="end")
        await phone.hears(3)
        heard = [round(loudest(each.payload, PCMA) / 100) for each in phone.heard]
        begin = next(number for number, each in enumerate(heard) if each)
        # 0.4 s of beep, 5 silent frames, 10.5 frames of 600 Hz
        assert heard[begin : begin + 20] == [10] * 20
        assert heard[begin + 20 : begin + 25] == [0] * 5
        assert heard[begin + 25 : begin + 35] == [6] * 10
        assert not any(heard[begin + 36 :])

    tell(media_engine, story)


def test_a_loop_goes_on_until_it_is_stopped(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        play = await desk.client.play("a", [{"file": media_engine.prompt(600, 0.1)}, {"silence": 0.04}], loop=True)
        await phone.hears(3)
        heard = [bool(loudest(each.payload, PCMA)) for each in await phone.hears(30)]
        assert 18 <= sum(heard) <= 24
        await desk.client.stop("a")
        mark = len(phone.heard)
        await desk.event(event="played", play=play, reason="stopped")
        # One frame may have been on its way, one was being made.
        assert not sounding((await phone.hears(10))[1:])
        assert len(sounding(phone.heard[mark:])) <= 2

    tell(media_engine, story)


@pytest.mark.parametrize(
    ("tone", "hertz", "on", "period"),
    [("busy", 425, 17.5, 35), ("congestion", 425, 8.75, 17.5), ("ringback", 425, 50, 250)],
)
def test_tones(media_engine: MediaEngine, tone: str, hertz: float, on: float, period: float) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await desk.client.play("a", [{"tone": tone}])
        count = min(round(2 * period), 70)
        while not sounding(await phone.hears(1)):
            pass
        heard = await phone.hears(count)
        found = sounding(heard)
        assert abs(loudest(b"".join(each.payload for each in found[:8]), PCMA) - hertz) < 6
        expected = min(on, count) * max(1.0, count / period)
        assert abs(len(found) - expected) <= 4
        assert not [event for event in desk.events if event["event"] == "played"]

    tell(media_engine, story)


def test_a_new_play_takes_over_at_once(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        first = await desk.client.play("a", [{"tone": "ringback"}])
        await phone.hears_tone(425)
        await desk.client.play("a", [{"file": media_engine.prompt(600, 5)}])
        await desk.event(event="played", play=first, reason="stopped")
        await phone.hears_tone(600)

    tell(media_engine, story)


def test_what_cannot_be_played_is_refused_and_disturbs_nothing(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        await desk.client.play("a", [{"file": media_engine.prompt(600, 5)}])
        for items in ([{"file": "nosuch.alaw"}], [{"file": "../x"}], [{"tone": "kazoo"}], [{"silence": 0}]):
            with pytest.raises(EngineError):
                await desk.client.play("a", list(items), loop=True)
        with pytest.raises(EngineError, match="no leg"):
            await desk.client.play("nobody", [])
        with pytest.raises(EngineError, match="payload 9"):
            await desk.client.add_leg("g722", remote=("127.0.0.1", 9), payload=9)
        await phone.hears_tone(600)

    tell(media_engine, story)


def test_a_ulaw_leg_hears_the_same(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("u", payload_type=PCMU)
        other = await desk.phone("a")
        await phone.hears(3)
        assert not sounding(phone.heard) and phone.heard[0].payload == b"\xff" * 160
        for leg in ("u", "a"):
            await desk.client.play(leg, [{"file": media_engine.prompt(600, 5)}])
        await asyncio.gather(phone.hears_tone(600), other.hears_tone(600))
        assert {each.payload_type for each in phone.heard} == {PCMU}

    tell(media_engine, story)


def test_echo_comes_back(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phones = [await desk.phone("e", 700), await desk.phone("u", 900, PCMU)]
        for leg, phone in zip(("e", "u"), phones, strict=True):
            await desk.client.echo(leg)
            phone.send_to(phone.sdp().replace(str(phone.port).encode(), str(desk.client.address[1]).encode()))
        await asyncio.gather(phones[0].hears_tone(700), phones[1].hears_tone(900))
        await desk.client.echo("e", on=False)
        await phones[0].hears(3)
        assert not sounding(await phones[0].hears(5))

    tell(media_engine, story)


def test_fifty_legs_each_hear_their_own(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phones = [await desk.phone(f"leg{number}", payload_type=(PCMA, PCMU)[number % 2]) for number in range(50)]
        for number in range(50):
            await desk.client.play(f"leg{number}", [{"file": media_engine.prompt(400 + 40 * number, 20)}])
        for number in range(0, 50, 7):  # some leave: the last ones move into their places
            await desk.client.remove_leg(f"leg{number}")
            await desk.event(event="played", leg=f"leg{number}", reason="gone")
        stay = [number for number in range(50) if number % 7]
        heard = await asyncio.gather(*(phones[number].frequency(8) for number in stay))
        assert [round((hertz - 400) / 40) for hertz in heard] == stay
        mark = [len(phone.heard) for phone in phones]
        await phones[1].hears(10)
        assert [len(phones[number].heard) - mark[number] for number in range(0, 50, 7)] == [0] * 8

    tell(media_engine, story)


# --- digits -----------------------------------------------------------------------------------------------------------


def test_all_digits_once_each(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a", 500)
        phone.send_to(phone.sdp().replace(str(phone.port).encode(), str(desk.client.address[1]).encode()))
        pressed = "0123456789*#11"
        for digit in pressed:
            await phone.press(digit, 40)
        assert await desk.settled_digits("a", phone, len(pressed)) == pressed
        told = [each for each in desk.events if each["event"] == "digit"]
        assert {(each["duration"], each["volume"]) for each in told} == {(40, 10)}

    tell(media_engine, story)


Deliver = Callable[[list[bytes]], list[bytes]]


def _shuffled(packets: list[bytes]) -> list[bytes]:
    """Neighbours change places, as they do on a network."""
    mixed = packets[:]
    for at in range(0, len(mixed) - 1, 2):
        mixed[at], mixed[at + 1] = mixed[at + 1], mixed[at]
    return mixed


NETWORKS: dict[str, Deliver] = {
    "whole": lambda packets: packets,
    "ends lost": lambda packets: packets[:-3],
    "only an end": lambda packets: packets[-1:],
    "only the first": lambda packets: packets[:1],
    "tenfold": lambda packets: [each for each in packets for _ in range(10)],
    "reordered": _shuffled,
    "ends first": lambda packets: packets[::-1],
    "every third lost": lambda packets: [each for number, each in enumerate(packets) if number % 3],
}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_press_is_one_digit_on_any_network(media_engine: MediaEngine, network: str) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        pressed = "5511#"
        for digit in pressed:
            for packet in NETWORKS[network](phone.digit_packets(digit)):
                phone.transport.sendto(packet, phone.peer)
        assert await desk.settled_digits("a", phone, len(pressed)) == pressed

    tell(media_engine, story)


def test_late_packets_of_the_press_before_are_not_a_new_one(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        one, two = phone.digit_packets("1"), phone.digit_packets("2")
        for packet in [*one[:-2], *two[:3], *one[-2:], *one, *two[3:], *one[-1:]]:
            phone.transport.sendto(packet, phone.peer)
        assert await desk.settled_digits("a", phone, 2) == "12"

    tell(media_engine, story)


def test_a_long_press_is_one_digit(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        for packet in _long_press(phone, 10_000):
            phone.transport.sendto(packet, phone.peer)
        assert await desk.settled_digits("a", phone, 1) == "7"
        assert desk.events[-1]["duration"] == 10_000

    tell(media_engine, story)


def _long_press(phone: Phone, length: int) -> list[bytes]:
    """A press of `length` ms as RFC 4733 §2.5.1.3 sends it: a new event where the duration is full."""
    first = phone.digit_packets("7", 0xFFFF // 8)[:-3]
    begun = int.from_bytes(first[0][4:8])
    last = bytearray(first[-1])
    last[14:16] = b"\xff\xff"
    first[-1] = bytes(last)
    rest = phone.digit_packets("7", length - 0xFFFF // 8)
    moved = ((begun + 0xFFFF) & 0xFFFFFFFF).to_bytes(4)
    return first + [each[:4] + moved + each[8:] for each in rest]


def test_a_new_stream_may_go_back_in_time(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        for digit in "12":
            for packet in phone.digit_packets(digit):
                phone.transport.sendto(packet, phone.peer)
            phone.ssrc ^= 1
            phone.timestamp = (phone.timestamp - 50_000) & 0xFFFFFFFF
        for digit in "34":  # the same stream, but the sender's clock jumps back
            phone.timestamp = (phone.timestamp - 90_000) & 0xFFFFFFFF
            for packet in phone.digit_packets(digit):
                phone.transport.sendto(packet, phone.peer)
        assert await desk.settled_digits("a", phone, 4) == "1234"

    tell(media_engine, story)


def test_header_extension_csrc_and_padding(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        for digit, change in (("1", _with_extension), ("2", _with_padding), ("3", lambda packet: packet)):
            for packet in phone.digit_packets(digit):
                phone.transport.sendto(change(packet), phone.peer)
        assert await desk.settled_digits("a", phone, 3) == "123"

    tell(media_engine, story)


def _with_extension(packet: bytes) -> bytes:
    """One CSRC and a one-byte extension of two words (RFC 8285)."""
    return bytes((packet[0] | 0x11,)) + packet[1:12] + b"CSRC" + b"\xbe\xde\x00\x02" + b"\x11abc" * 2 + packet[12:]


def _with_padding(packet: bytes) -> bytes:
    return bytes((packet[0] | 0x20,)) + packet[1:] + b"\0\0\0\4"


def test_strangers_are_not_heard(media_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a", 500)
        await desk.client.echo("a")
        stranger = await Phone(900).open()
        desk.phones.append(stranger)
        foreign = (await desk.client.status())["foreign"]
        stranger.ssrc, stranger.sequence, stranger.timestamp = phone.ssrc, phone.sequence, phone.timestamp
        stranger.peer = desk.client.address
        for packet in stranger.digit_packets("9"):
            stranger.transport.sendto(packet, stranger.peer)
        for _ in range(10):
            stranger.send_frame()
        for rubbish in (b"", b"\0", b"\x80" * 11, random.randbytes(172), random.randbytes(2000)):
            stranger.transport.sendto(rubbish, stranger.peer)
            phone.transport.sendto(rubbish, phone.peer)
        assert not sounding(await phone.hears(12))
        assert not [each for each in desk.events if each["event"] == "digit"]
        assert (await desk.client.status())["foreign"] - foreign >= 20
        assert not stranger.heard

    tell(media_engine, story)


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_killed_engine_is_back_in_the_call(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        music = await desk.client.play("a", [{"file": own_engine.prompt(600, 30)}], loop=True)
        short = await desk.phone("b")
        await desk.client.play("b", [{"file": own_engine.prompt(900, 0.5)}])
        quiet = await desk.phone("c")
        await phone.hears_tone(600)
        before = phone.heard[-1].ssrc
        address = desk.client.address

        own_engine.kill()
        await desk.event(event="gone")
        late = await desk.client.play("c", [{"tone": "busy"}])  # wanted while the engine is away
        await desk.client.remove_leg("b")
        await desk.event(event="played", leg="b", reason="gone")
        own_engine.start()
        started = asyncio.get_running_loop().time()
        await desk.event(event="back")
        await asyncio.gather(phone.hears_tone(600), quiet.hears_tone(425))
        back = next(each for each in phone.heard if each.ssrc != before)
        assert back.at - started < 1.0
        assert desk.client.address == address
        mark = len(short.heard)
        await desk.client.stop("a")
        await desk.event(event="played", play=music, reason="stopped")
        await desk.client.stop("c")
        await desk.event(event="played", play=late, reason="stopped")
        assert len(short.heard) == mark

    tell(own_engine, story)


def test_a_prompt_goes_on_where_it_would_be(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        phone = await desk.phone("a")
        items = [{"file": own_engine.prompt(600, 0.4)}, {"file": own_engine.prompt(900, 30)}]
        play = await desk.client.play("a", items)
        await phone.hears_tone(600)
        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        await phone.hears_tone(900)
        first = [each for each in sounding(phone.heard) if loudest(each.payload, PCMA) < 700]
        assert len(first) < 20, "the first item was heard again from its beginning"
        await desk.client.remove_leg("a")
        await desk.event(event="played", play=play, reason="gone")

    tell(own_engine, story)


def test_a_prompt_that_ended_meanwhile_is_told_once(own_engine: MediaEngine) -> None:
    async def story(desk: Desk) -> None:
        await desk.phone("a")
        play = await desk.client.play("a", [{"silence": 0.2}])
        own_engine.kill()
        await desk.event(event="gone")
        own_engine.start()
        await desk.event(event="back")
        await desk.event(event="played", play=play, reason="end")
        assert len([each for each in desk.events if each.get("play") == play]) == 1

    tell(own_engine, story)


def test_another_process_of_the_same_name_takes_over(media_engine: MediaEngine) -> None:
    async def run() -> None:
        first = EngineClient("calls/1")
        await first.connect(media_engine.socket)
        desk = Desk(media_engine, first)
        phone = await desk.phone("a")
        await first.play("a", [{"tone": "ringback"}])
        await phone.hears_tone(425)
        await first.close()
        await phone.hears_tone(425, 8)  # a lost connection alone ends nothing

        second = EngineClient("calls/1")
        assert await second.connect(media_engine.socket)
        await second.status()
        assert (await second.status())["legs"] == 0  # the new process wants no legs
        await second.close()
        phone.close()

    asyncio.run(run())


# --- through rtpengine ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload_type", [PCMA, PCMU])
def test_phone_relay_engine(media_engine: MediaEngine, media_rtpengine: RtpEngine, payload_type: int) -> None:
    async def story(desk: Desk) -> None:
        ng = NgClient()
        await ng.connect("127.0.0.1", media_rtpengine.ng_port)
        session = RelaySession(ng, f"test-{secrets.token_hex(6)}")
        phone = await Phone(500, payload_type).open()
        desk.phones.append(phone)
        host, port = desk.client.address
        to_engine = await session.offer("A", "E1", phone.sdp(), toward="engine")
        remote = to_engine.decode().split("m=audio ")[1].split()[0]
        await desk.client.add_leg("a", remote=("127.0.0.1", int(remote)), payload=payload_type, event_payload=101)
        answer = phone.sdp().replace(str(phone.port).encode(), str(port).encode())
        to_phone = await session.answer("A", "E1", answer)
        phone.send_to(to_phone)
        await desk.client.play("a", [{"file": media_engine.prompt(600, 30)}])
        await phone.hears_tone(600)
        for digit in "12#":
            await phone.press(digit)
        assert await desk.settled_digits("a", phone, 3) == "12#"
        await desk.client.echo("a")
        await phone.hears_tone(500)
        await session.delete()
        ng.close()
        assert host == "127.0.0.1"

    tell(media_engine, story)
