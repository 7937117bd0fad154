"""Packets of 10 to 60 ms on a real rtpengine: passed on as they are to a phone with the same codec, cut anew where the
sound is transcoded."""

from __future__ import annotations

import asyncio
import secrets

import numpy as np
import pytest
from unit.media.conftest import RtpEngine
from unit.media.media_phone import PCMA, PCMU, Phone, loudest

from pbx.media import g711
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession

pytestmark = pytest.mark.row("R21")
TONE = 500


async def speaks(phone: Phone, ptime: int, frames: int) -> None:
    """So many packets of `ptime` ms, in their own time."""
    coded = g711.to_alaw if phone.payload_type == PCMA else g711.to_ulaw
    samples = 8 * ptime
    for number in range(frames):
        wave = 8000 * np.sin(2 * np.pi * TONE / 8000 * (np.arange(samples) + number * samples))
        phone.send(coded(wave.astype(np.int16)).tobytes(), phone.payload_type, number * samples)
        await asyncio.sleep(ptime / 1000)


@pytest.mark.parametrize("callee", [PCMA, PCMU], ids=["same codec", "transcoded"])
@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_packets_of_any_length_are_heard(media_rtpengine: RtpEngine, ptime: int, callee: int) -> None:
    async def run() -> None:
        client = NgClient()
        await client.connect("127.0.0.1", media_rtpengine.ng_port)
        session = RelaySession(client, f"test-{secrets.token_hex(6)}")
        a, b = await Phone(0, PCMA).open(), await Phone(0, callee).open()
        try:
            offer = a.sdp("8 101|8 PCMA/8000|101 telephone-event/8000").replace(
                b"a=sendrecv", f"a=ptime:{ptime}\r\na=maxptime:60\r\na=sendrecv".encode()
            )
            await session.offer("A", "B1", offer, codecs=("PCMU",))
            told = await session.answer("A", "B1", b.sdp())
            a.peer = ("127.0.0.1", int(told.split(b"m=audio ")[1].split()[0]))
            speaking = asyncio.ensure_future(speaks(a, ptime, 600 // ptime))
            heard = await b.hears(240 // ptime)
            await speaking
            sound = b"".join(each.payload for each in heard)
            assert {each.payload_type for each in heard} == {callee}
            assert abs(loudest(sound, callee) - TONE) < 6
            if callee == PCMA:
                assert {len(each.payload) for each in heard} == {8 * ptime}
        finally:
            await session.delete()
            a.close()
            b.close()
            client.close()

    asyncio.run(run())
