"""What a phone presses, on networks that lose, repeat and reorder; alone and through a real rtpengine."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable

import pytest
from unit.media.conftest import MediaEngine, RtpEngine
from unit.media.media_desk import Desk, sounding, tell
from unit.media.media_phone import PCMA, PCMU, Phone

from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession


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
