"""rtpengine has a MOS of a call at the engine, of what the reports (RTCP) of the engine and of the telephone say."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from typing import Any

import pytest
from unit.media.conftest import MediaEngine, RtpEngine
from unit.media.media_phone import Phone

from pbx.calls.live.media import CallMedia
from pbx.media import rtcp
from pbx.media.engines import Engines
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession

pytestmark = pytest.mark.row("R21")
WITHIN = 15.0  # seconds: the engine reports every five, and two of its reports are needed


class Reporter:
    """A telephone's RTCP, on the port beside its sound."""

    def __init__(self, phone: Phone, port: int) -> None:
        self._phone = phone
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", port + 1))
        self._sock.setblocking(False)
        self._heard: tuple[int, int, float] | None = None  # SSRC, stamp of its report, when that came

    def take(self) -> None:
        """What has come; to be called often, as the round trip is measured by it."""
        try:
            told = rtcp.last_sender_report(self._sock.recv(2000))
        except BlockingIOError:
            return
        if told is not None:
            self._heard = (*told, time.monotonic())

    def send(self) -> None:
        phone, block = self._phone, None
        if self._heard is not None:
            ssrc, stamp, at = self._heard
            block = rtcp.Reception(ssrc, 0, 0, phone.ticks, 0, stamp, int((time.monotonic() - at) * 65536))
        report = rtcp.report(phone.ssrc, phone.timestamp, phone.ticks, phone.ticks * 160, block, rtcp.ntp())
        self._sock.sendto(report, (phone.peer[0], phone.peer[1] + 1))

    def close(self) -> None:
        self._sock.close()


async def _mos(session: RelaySession, reporter: Reporter, ssrc: int) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN):
        for number in range(10_000):
            reporter.take()
            if number % 50 == 0:
                reporter.send()
                found = (await session.query())["SSRC"].get(str(ssrc))
                if found is not None:
                    return dict(found)
            await asyncio.sleep(0.01)
    raise AssertionError("unreachable")


def test_rtpengine_knows_how_a_call_at_the_engine_sounds(media_engine: MediaEngine, media_rtpengine: RtpEngine) -> None:
    async def run() -> None:
        relay, engines = NgClient(), Engines(f"test-{secrets.token_hex(4)}", lambda: [media_engine.socket])
        await relay.connect("127.0.0.1", media_rtpengine.ng_port)
        await engines.connect()
        phone = await Phone(500).open()
        reporter = Reporter(phone, phone.port)
        session = RelaySession(relay, f"test-{secrets.token_hex(6)}")
        media = CallMedia(session, engines, phone.sdp())
        try:
            phone.send_to(await media.to_engine("A"))
            found = await _mos(session, reporter, phone.ssrc)
            assert found["average MOS"]["MOS"] >= 40  # tenths: nothing was lost
            assert found["average MOS"]["packet loss"] == 0
        finally:
            await media.close()
            await engines.close()
            reporter.close()
            phone.close()
            relay.close()

    asyncio.run(run())
