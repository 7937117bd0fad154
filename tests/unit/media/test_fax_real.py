"""T.38 in the middle of a call, on a real rtpengine: UDPTL both ways, sound again after it, and sound that goes on."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from unit.media.conftest import RtpEngine
from unit.media.media_phone import Phone

from pbx.calls.live.media import CallMedia
from pbx.media.engines import Engines
from pbx.media.ng import NgClient, NgError
from pbx.media.relay import RelaySession
from pbx.sip.sdp import SdpError

pytestmark = pytest.mark.row("R21")
NO_ENGINE = cast(Engines, None)
DEVICE = Path(__file__).parent / "golden/fax/device.sdp"


class Fax(asyncio.DatagramProtocol):
    """A fax device: the port of its own T.38."""

    def __init__(self, name: bytes) -> None:
        self.says = b"\x00\x01" + name  # of UDPTL only the sequence number
        self.heard: set[bytes] = set()
        self.asked: list[bytes] = []  # the SDP that it was offered

    async def open(self) -> Fax:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    def sdp(self) -> bytes:
        port = self.transport.get_extra_info("sockname")[1]
        text = re.sub(rb"192.0.2.9", b"127.0.0.1", DEVICE.read_bytes()).replace(b"\n", b"\r\n")
        return re.sub(rb"m=image \d+", b"m=image %d" % port, text)

    def send_to(self, sdp: bytes) -> None:
        found = re.search(rb"m=image (\d+)", sdp)
        assert found, sdp
        self.transport.sendto(self.says, ("127.0.0.1", int(found[1])))

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.add(data)


Story = Callable[[CallMedia, Phone, Phone, Fax, Fax], Awaitable[None]]


def tell(rtpengine: RtpEngine, story: Story) -> None:
    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", rtpengine.ng_port)
        one, two = await Phone(500).open(), await Phone(800).open()
        here, there = await Fax(b"here").open(), await Fax(b"there").open()
        media = CallMedia(RelaySession(client, f"test-{secrets.token_hex(6)}"), NO_ENGINE, one.sdp())
        try:
            offered = await media.offer_to("B1")
            await media.answered("B1", two.sdp(), offered)
            one.send_to(await media.join("B1"))
            two.send_to(offered)
            await asyncio.gather(one.hears_tone(800), two.hears_tone(500))
            await story(media, one, two, here, there)
        finally:
            await media.close()
            for each in (one, two):
                each.close()
            for fax in (here, there):
                fax.transport.close()
            client.close()

    asyncio.run(run())


@pytest.mark.parametrize("by", ["A", "B1"])
def test_udptl_both_ways_and_then_sound_again(media_rtpengine: RtpEngine, by: str) -> None:
    async def story(media: CallMedia, one: Phone, two: Phone, here: Fax, there: Fax) -> None:
        sounds = one, two

        async def takes(tag: str, sdp: bytes) -> bytes | None:
            assert tag == ("B1" if by == "A" else "A")
            there.asked.append(sdp)
            return there.sdp() if b"m=image" in sdp else (two if by == "A" else one).sdp()

        media.ask = takes
        assert media.is_for_the_peer(by, here.sdp()) and not media.is_for_the_peer(by, sounds[0].sdp())
        answer = await media.pass_on(by, here.sdp())
        async with asyncio.timeout(3):
            while not (there.says in here.heard and here.says in there.heard):  # sound that is late comes as well
                here.send_to(answer)
                there.send_to(there.asked[0])
                await one.sends(1)
        assert b"a=T38FaxUdpEC:t38UDPRedundancy" in answer and b"a=T38MaxBitRate:14400" in there.asked[0]
        again = sounds[0 if by == "A" else 1].sdp()
        assert media.is_for_the_peer(by, again)
        await media.pass_on(by, again)
        await asyncio.gather(one.hears_tone(800), two.hears_tone(500))
        assert not media.is_for_the_peer(by, again)

    tell(media_rtpengine, story)


def test_sound_goes_on_where_the_other_side_refuses(media_rtpengine: RtpEngine) -> None:
    async def story(media: CallMedia, one: Phone, two: Phone, here: Fax, there: Fax) -> None:
        peers = one.peer, two.peer

        async def refuses(tag: str, sdp: bytes) -> bytes | None:
            return None

        media.ask = refuses
        with pytest.raises(SdpError, match="refuses"):
            await media.pass_on("B1", here.sdp())
        await asyncio.gather(one.hears_tone(800), two.hears_tone(500))
        assert (one.peer, two.peer) == peers and not media.is_for_the_peer("A", one.sdp())

    tell(media_rtpengine, story)


def test_what_is_encrypted_becomes_no_fax(media_rtpengine: RtpEngine) -> None:
    secret = DEVICE.parents[1] / "sdp/srtp.sdp"

    async def story(media: CallMedia, one: Phone, two: Phone, here: Fax, there: Fax) -> None:
        await media.reoffer("A", secret.read_bytes().replace(b"\n", b"\r\n"))
        with pytest.raises(SdpError, match="in clear"):
            await media.pass_on("B1", here.sdp())

    tell(media_rtpengine, story)


def test_a_call_that_ends_while_the_other_side_is_asked_leaves_nothing_at_the_relay(
    media_rtpengine: RtpEngine,
) -> None:
    async def story(media: CallMedia, one: Phone, two: Phone, here: Fax, there: Fax) -> None:
        async def hangs_up(tag: str, sdp: bytes) -> bytes | None:
            await media.close()
            return None

        media.ask = hangs_up
        with pytest.raises(SdpError, match="over"):
            await media.pass_on("B1", here.sdp())
        with pytest.raises(NgError, match="Unknown call-id"):
            await media.relay.query()

    tell(media_rtpengine, story)
