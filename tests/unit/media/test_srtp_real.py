"""SRTP with keys by SDES on a real rtpengine: one leg encrypts, the other does not, each hears the other's tone."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets

import pytest
from unit.media.conftest import RtpEngine
from unit.media.media_phone import HEADER, PCMA, Phone, address_of
from unit.media.srtp import Crypto

from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession, Toward

pytestmark = pytest.mark.row("R21")


class SecurePhone(Phone):
    """What it sends is encrypted; what comes and is not authentic is counted and not heard."""

    def __init__(self, tone: float) -> None:
        super().__init__(tone)
        self.key = base64.b64encode(os.urandom(30)).decode()
        self._out = Crypto(self.key)
        self._in: Crypto | None = None
        self.refused = 0

    def secure_sdp(self, profile: str) -> bytes:
        line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{self.key}\r\n"
        return self.sdp().replace(b"RTP/AVP", profile.encode()) + line.encode()

    def trust(self, sdp: bytes) -> None:
        """Take the key of an SDP that came."""
        found = re.search(rb"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(\S+)", sdp)
        assert found, sdp
        self._in = Crypto(found[1].decode())

    def datagram_received(self, data: bytes, addr: object) -> None:
        clear = self._in.unprotect(data) if self._in is not None else None
        if clear is None:
            self.refused += not 192 <= data[1] <= 223  # RTCP is not looked at (RFC 5761)
            return
        super().datagram_received(clear, addr)

    def send(self, payload: bytes, payload_type: int, timestamp: int, *, marker: bool = False) -> bytes:
        self.sequence = (self.sequence + 1) & 0xFFFF
        head = HEADER.pack(128, payload_type | marker << 7, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        packet = self._out.protect(head + payload)
        self.transport.sendto(packet, self.peer)
        return packet


@pytest.mark.parametrize("early", [0, 1, 5], ids=["answer first", "one packet before it", "five before it"])
@pytest.mark.parametrize(("toward", "profile"), [("srtp", "RTP/SAVP"), ("either", "RTP/AVP")])
def test_called_with_srtp(media_rtpengine: RtpEngine, toward: Toward, profile: str, early: int) -> None:
    """A phone may speak before its answer has come to the relay: what follows is heard all the same."""

    async def story(session: RelaySession, a: Phone, b: SecurePhone) -> None:
        offered = await session.offer("A", "B1", a.sdp(), toward=toward)
        b.trust(offered)
        if early:
            b.send_to(offered)
            await b.sends(early)
        a.send_to(await session.answer("A", "B1", b.secure_sdp(profile)))
        b.send_to(offered)
        await asyncio.gather(a.hears_tone(800), b.hears_tone(500))
        assert b.refused == 0

    tell(media_rtpengine, story)


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/AVP"])
def test_calls_with_srtp_is_swapped_and_keeps_its_key(media_rtpengine: RtpEngine, profile: str) -> None:
    async def story(session: RelaySession, b: Phone, a: SecurePhone) -> None:
        keys = []
        for tag in ("E1", "B1", "E1"):
            offered = await session.offer("A", tag, a.secure_sdp(profile), toward="engine" if tag == "E1" else "plain")
            told = await session.answer("A", tag, b.sdp())
            keys.append(re.findall(rb"inline:(\S+)", told))
            if tag == "E1" and len(keys) == 1:
                a.trust(told)
            a.send_to(told)
            b.send_to(offered)
            b.peer = address_of(offered)
            await asyncio.gather(a.hears_tone(500), b.hears_tone(800))
        assert keys[0] == keys[1] == keys[2] and len(keys[0]) == 1
        assert a.refused == 0 and b.heard[-1].payload_type == PCMA

    tell(media_rtpengine, story)


def tell(rtpengine: RtpEngine, story: object) -> None:
    """The plain phone sends 500 Hz, the secure one 800 Hz."""

    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", rtpengine.ng_port)
        plain, secure = await Phone(500).open(), SecurePhone(800)
        await secure.open()
        session = RelaySession(client, f"test-{secrets.token_hex(6)}")
        try:
            await story(session, plain, secure)  # type: ignore[operator]
        finally:
            await session.delete()
            plain.close()
            secure.close()
            client.close()

    asyncio.run(run())
