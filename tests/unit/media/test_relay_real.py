"""NgClient and RelaySession on a real rtpengine with real RTP: each ear tells the frequency that it hears."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from unit.media.conftest import RtpEngine
from unit.media.media_phone import PCMA, PCMU, Phone, address_of

from pbx.media.ng import NgClient, NgError, NgTimeout
from pbx.media.relay import RelaySession, Toward
from pbx.sip.sdp import LATE

Story = Callable[[RelaySession, Phone, Phone, Phone], Awaitable[None]]
EVENT = "101 telephone-event/8000"


def tell(rtpengine: RtpEngine, story: Story) -> None:
    """Run a story with a session and three phones: A sends 500 Hz, B 800 Hz, E (an engine) 1100 Hz."""

    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", rtpengine.ng_port)
        phones = [await Phone(tone).open() for tone in (500, 800, 1100)]
        session = RelaySession(client, f"test-{secrets.token_hex(6)}")
        try:
            await story(session, *phones)
        finally:
            await session.delete()
            for phone in phones:
                phone.close()
            client.close()

    asyncio.run(run())


def codecs(sdp: bytes) -> list[str]:
    """The payload numbers of the m= line."""
    found = re.search(rb"^m=audio \d+ RTP/S?AVP ([\d ]+)", sdp, re.M)
    assert found, sdp
    return found.group(1).decode().split()


async def connect(session: RelaySession, a: Phone, b: Phone, tag: str = "B1", **how: Any) -> tuple[bytes, bytes]:
    """A and `b` hear each other; returns the SDPs that b and A were told."""
    to_b = await session.offer("A", tag, a.sdp(), **how)
    to_a = await session.answer("A", tag, b.sdp())
    a.send_to(to_a)
    b.send_to(to_b)
    return to_b, to_a


def test_two_phones_hear_each_other(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        to_b, to_a = await connect(session, a, b)
        assert codecs(to_b) == codecs(to_a) == ["8", "101"]
        assert b"a=crypto" not in to_b and b"a=candidate" not in to_b and b"rtcp-mux" not in to_b
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        assert a.heard[-1].ssrc == b.ssrc

    tell(media_rtpengine, story)


def test_engine_then_phone_then_engine_and_a_keeps_its_port(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        _, first = await connect(session, a, e, "E1", toward="engine")
        await asyncio.gather(a.hears_tone(1100), e.hears_tone(500))

        to_b = await session.offer("A", "B1", a.sdp())
        await session.offer("A", "E1", a.sdp(), toward="engine")  # while B rings, A's digits go to the engine
        await asyncio.gather(a.hears_tone(1100), e.hears_tone(500))

        second = await session.answer("A", "B1", b.sdp())
        b.send_to(to_b)
        e.pause = True
        assert address_of(second) == address_of(first)
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        mark = len(b.heard)

        _, third = await connect(session, a, e, "E1", toward="engine")
        await session.delete_branch("A", "B1")
        e.pause = False
        assert address_of(third) == address_of(first)
        await asyncio.gather(a.hears_tone(1100), e.hears_tone(500))
        assert len({each.ssrc for each in (await a.hears(15))}) == 1, "B is still heard"
        assert len(b.heard) - mark < 40

    tell(media_rtpengine, story)


@pytest.mark.row("R21")
@pytest.mark.parametrize("peer", ["B1", "E1"])
def test_caller_who_leaves_the_offer_to_us(media_rtpengine: RtpEngine, peer: str) -> None:
    """The place of its SDP is taken by a stand-in until its answer comes with the ACK (RFC 3261 §13.2.1)."""
    toward: Toward = "engine" if peer == "E1" else "plain"

    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        to_b = await session.offer("A", peer, LATE, toward=toward)
        to_a = await session.answer("A", peer, b.sdp())
        assert to_b.count(b"a=sendrecv") == to_a.count(b"a=sendrecv") == 1
        a.send_to(to_a)
        b.send_to(to_b)
        again = await session.offer("A", peer, a.sdp(), toward=toward)  # what came with the ACK
        assert address_of(again) == address_of(to_b)
        assert address_of(await session.answer("A", peer, b.sdp())) == address_of(to_a)
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))

    tell(media_rtpengine, story)


@pytest.mark.row("R03")
@pytest.mark.parametrize("winner", ["B1", "C1"])
def test_losers_of_a_group_are_deleted_before_they_answer(media_rtpengine: RtpEngine, winner: str) -> None:
    loser = {"B1": "C1", "C1": "B1"}[winner]

    async def story(session: RelaySession, a: Phone, b: Phone, c: Phone) -> None:
        offers = {tag: await session.offer("A", tag, a.sdp()) for tag in ("B1", "C1")}
        assert address_of(offers["B1"]) != address_of(offers["C1"])
        a.send_to(await session.answer("A", winner, b.sdp()))
        await session.delete_branch("A", loser)
        b.send_to(offers[winner])
        c.send_to(offers[loser])  # a loser that keeps sending into its old port
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        assert {each.ssrc for each in await a.hears(15)} == {b.ssrc}
        legs = (await session.query())["tags"]  # the loser has no tag: it never answered
        assert {leg for leg in legs if "local port" in legs[leg]["medias"][0]["streams"][0]} == {"A", winner}

    tell(media_rtpengine, story)


def test_delete_ends_the_media_at_once(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        earlier = RelaySession(session.client, f"{session.call_id}-before")
        await connect(earlier, a, b)
        await earlier.delete()  # tells which delete this rtpengine tells the sums to
        await connect(session, a, b)
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        reply = await session.delete()
        await asyncio.sleep(0)  # what lies in the sockets of this process already
        mark = len(a.heard), len(b.heard)
        await b.sends(10)
        assert (len(a.heard) - mark[0], len(b.heard) - mark[1]) <= (2, 2)
        assert reply["totals"]["RTP"]["packets"] > 10
        with pytest.raises(NgError, match="Unknown call-id"):
            await session.query()

    tell(media_rtpengine, story)


def test_a_blocked_party_is_not_heard_until_it_is_unblocked(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        await connect(session, a, b)
        await a.hears_tone(800)
        await session.block("B1")
        await asyncio.sleep(0)
        mark = len(a.heard)
        await b.sends(10)
        assert len(a.heard) - mark <= 2
        await session.unblock("B1")
        await a.hears_tone(800)

    tell(media_rtpengine, story)


@pytest.mark.row("R08")
def test_a_callee_is_asked_to_confirm_before_it_is_joined(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        _, first = await connect(session, a, e, "E1", toward="engine")
        to_b = await session.offer("A", "B1", a.sdp())
        b.send_to(to_b)
        # B answered: it hears the engine (here the same one) and not the caller
        to_e = await session.offer("B1", "E2", b.sdp(), toward="engine")
        e.send_to(to_e)
        await session.answer("B1", "E2", e.sdp())
        await session.block("A")
        await asyncio.gather(b.hears_tone(1100), e.hears_tone(800))
        # it pressed 1
        e.pause = True
        await session.offer("A", "B1", a.sdp())
        joined = await session.answer("A", "B1", b.sdp())
        assert address_of(joined) == address_of(first)
        await session.unblock("A")
        await session.delete_branch("A", "E1")
        await session.delete_branch("B1", "E2")
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))

    tell(media_rtpengine, story)


def test_delete_ends_all_branches_whoever_offered(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        for tag in ("B1", "C1", "E1"):
            await session.offer("A", tag, a.sdp())
        await session.answer("A", "B1", b.sdp())
        await session.delete_branch("A", "C1")
        await session.offer("B1", "A", b.sdp())  # a re-INVITE of B
        await session.answer("B1", "A", a.sdp())
        await session.offer("B1", "G1", b.sdp())
        assert "totals" in await session.delete()
        with pytest.raises(NgError, match="Unknown call-id"):
            await session.query()

    tell(media_rtpengine, story)


@pytest.mark.parametrize(
    ("offered", "seen"),
    [
        (f"8 101|8 PCMA/8000|{EVENT}", ["8", "101"]),
        (f"0 101|0 PCMU/8000|{EVENT}", ["0", "101"]),
        (f"0 8 101|0 PCMU/8000|8 PCMA/8000|{EVENT}", ["0", "8", "101"]),
        ("8|8 PCMA/8000", ["8", "96"]),
        (f"9 0 101|9 G722/8000|0 PCMU/8000|{EVENT}", ["0", "101"]),
        (f"111 9 0 8 101|111 opus/48000/2|9 G722/8000|0 PCMU/8000|8 PCMA/8000|{EVENT}", ["8", "101"]),
    ],
)  # fmt: skip
def test_the_engine_is_offered_g711_and_events_only(media_rtpengine: RtpEngine, offered: str, seen: list[str]) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        assert codecs(await session.offer("A", "E1", a.sdp(offered), toward="engine")) == seen

    tell(media_rtpengine, story)


def test_pcmu_reaches_the_engine_as_it_is(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        a.payload_type = e.payload_type = PCMU
        await connect(session, a, e, "E1", toward="engine")
        await asyncio.gather(a.hears_tone(1100), e.hears_tone(500))
        assert a.heard[-1].payload_type == e.heard[-1].payload_type == PCMU

    tell(media_rtpengine, story)


def test_g722_is_transcoded_for_the_engine(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        to_e = await session.offer("A", "E1", a.sdp(f"9 101|9 G722/8000|{EVENT}"), toward="engine")
        assert codecs(to_e) == ["8", "101"]
        to_a = await session.answer("A", "E1", e.sdp())
        assert codecs(to_a) == ["9", "101"]

    tell(media_rtpengine, story)


def test_fallback_codecs_are_added_for_the_other_side(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        b.payload_type = PCMU
        to_b = await session.offer("A", "B1", a.sdp(), codecs=("PCMU",))
        assert set(codecs(to_b)) == {"8", "0", "101"}
        a.send_to(await session.answer("A", "B1", b.sdp()))
        b.send_to(to_b)
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        assert (a.heard[-1].payload_type, b.heard[-1].payload_type) == (PCMA, PCMU)

    tell(media_rtpengine, story)


def test_srtp_is_offered_with_keys_and_without_dtls(media_rtpengine: RtpEngine) -> None:
    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        to_b = await session.offer("A", "B1", a.sdp(), toward="srtp")
        assert b"RTP/SAVP " in to_b and b"a=crypto:" in to_b and b"fingerprint" not in to_b

    tell(media_rtpengine, story)


def test_refused_and_unreachable_are_told_apart(own_rtpengine: RtpEngine) -> None:
    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", own_rtpengine.ng_port)
        began = time.monotonic()
        with pytest.raises(NgTimeout):
            await client.command("ping")  # nobody listens: ICMP
        assert 1.5 < time.monotonic() - began < 3
        assert client.resent == 3

        waiting = asyncio.create_task(client.command("ping"))  # comes up while the command is being sent again
        await asyncio.to_thread(own_rtpengine.start)
        assert (await waiting)["result"] == "pong"

        with pytest.raises(NgError) as refused:
            await client.command("query", call_id="nobody")
        assert refused.value.reason == "Unknown call-id"
        assert (await asyncio.gather(*(client.command("ping") for _ in range(50))))[49]["result"] == "pong"
        client.close()

    asyncio.run(run())


@pytest.mark.row("R21")
def test_keys_heard_in_the_sound_are_events_for_the_engine(media_rtpengine: RtpEngine) -> None:
    """A telephone without telephone-event sends the two tones of a key (ITU-T Q.23): the engine hears RFC 4733."""

    async def story(session: RelaySession, a: Phone, b: Phone, e: Phone) -> None:
        to_e = await session.offer("A", "E1", a.sdp("8|8 PCMA/8000"), toward="engine")
        events = int(codecs(to_e)[1])
        a.send_to(await session.answer("A", "E1", e.sdp(f"8 {events}|8 PCMA/8000|{events} telephone-event/8000")))
        e.send_to(to_e)
        await e.hears_tone(500)
        for low, high in ((770, 1336), (941, 1477)):  # 5 and #
            a.keys = (low, high)
            await a.sends(6)
            a.keys = ()
            await a.sends(6)
        ended = [packet.payload[0] for packet in e.heard if packet.payload_type == events and packet.payload[1] & 0x80]
        assert list(dict.fromkeys(ended)) == [5, 11]

    tell(media_rtpengine, story)
