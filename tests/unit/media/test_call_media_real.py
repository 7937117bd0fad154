"""CallMedia on a real rtpengine: what must last while two who are joined offer anew, or type beside the sound."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from unit.media.conftest import RtpEngine
from unit.media.media_phone import PCMA, PCMU, Phone, address_of

from pbx.calls.live.media import CallMedia
from pbx.media.engines import Engines
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession
from pbx.sip.sdp import SdpError

pytestmark = pytest.mark.row("R21")
NO_ENGINE = cast(Engines, None)  # nobody hears it here
Story = Callable[[CallMedia, Phone, Phone], Awaitable[None]]


def tell(rtpengine: RtpEngine, story: Story, *, a: int = PCMA, b: int = PCMA) -> None:
    """A story of two who are joined: A sends 500 Hz, B 800 Hz, each in the codec of its payload number."""

    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", rtpengine.ng_port)
        one, two = await Phone(500, a).open(), await Phone(800, b).open()
        media = CallMedia(RelaySession(client, f"test-{secrets.token_hex(6)}"), NO_ENGINE, one.sdp())
        try:
            offered = await media.offer_to("B1")
            await media.answered("B1", two.sdp(), offered)
            one.send_to(await media.join("B1"))
            two.send_to(offered)
            await asyncio.gather(one.hears_tone(800), two.hears_tone(500))
            await story(media, one, two)
        finally:
            await media.close()
            one.close()
            two.close()
            client.close()

    asyncio.run(run())


def events(phone: Phone) -> list[tuple[int, int]]:
    """(digit, duration in clock units) of the RFC 4733 events that the phone heard to their end."""
    ends = [packet for packet in phone.heard if packet.payload_type == 101 and packet.payload[1] & 0x80]
    return list(dict.fromkeys((one.payload[0], int.from_bytes(one.payload[2:4])) for one in ends))


def test_without_a_common_codec_it_is_transcoded_also_after_an_offer_in_the_middle(
    media_rtpengine: RtpEngine,
) -> None:
    async def story(media: CallMedia, a: Phone, b: Phone) -> None:
        for tag, phone in (("A", a), ("B1", b)):
            again = await media.reoffer(tag, phone.sdp())
            assert address_of(again) == phone.peer
            mark = len(a.heard), len(b.heard)
            await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
            heard = {packet.payload_type for packet in a.heard[mark[0] :]}, {p.payload_type for p in b.heard[mark[1] :]}
            assert heard == ({PCMU}, {PCMA})

    tell(media_rtpengine, story, a=PCMU, b=PCMA)


def test_what_was_encrypted_is_not_offered_in_clear_later(media_rtpengine: RtpEngine) -> None:
    secret = (Path(__file__).parent / "golden/sdp/srtp.sdp").read_bytes().replace(b"\n", b"\r\n")

    async def story(media: CallMedia, a: Phone, b: Phone) -> None:
        await media.reoffer("A", secret)
        with pytest.raises(SdpError, match="in clear"):
            await media.reoffer("A", a.sdp())
        await media.reoffer("B1", b.sdp())

    tell(media_rtpengine, story)


@pytest.mark.parametrize("tag", ["A", "B1"])
def test_digits_beside_the_sound_reach_the_other_side(media_rtpengine: RtpEngine, tag: str) -> None:
    async def story(media: CallMedia, a: Phone, b: Phone) -> None:
        peers = a.peer, b.peer
        hears = b if tag == "A" else a
        for digit in "5#":
            await media.press(tag, digit, 100)
        async with asyncio.timeout(3):
            await hears.sends(25)
        assert [event for event, _ in events(hears)] == [5, 11]
        assert (a.peer, b.peer) == peers
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        query: dict[str, Any] = await media.relay.query()
        assert {one for one in query["tags"] if query["tags"][one]["medias"]} == {"A", "B1"}

    tell(media_rtpengine, story)


def test_digits_that_a_process_hid_before_it_was_killed_are_heard_again(media_rtpengine: RtpEngine) -> None:
    async def story(media: CallMedia, a: Phone, b: Phone) -> None:
        await media.hide_digits("A", True)
        await a.press("1")
        await b.hears(10)
        assert events(b) == []
        again = CallMedia.resumed(media.relay.client, NO_ENGINE, media.snapshot())
        await again.show_digits()
        await a.press("2")
        await b.hears(10)
        assert [event for event, _ in events(b)] == [2]

    tell(media_rtpengine, story)
