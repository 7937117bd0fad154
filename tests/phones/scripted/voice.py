"""A voice for scripted legs: real RTP from the edge's media port to where a leg's answer says."""

from __future__ import annotations

import asyncio
import math
import os
import re
import struct

import numpy as np
from phones.scripted.edge import CallerLeg

from pbx.media import g711

FRAME = 160


async def speak(leg: CallerLeg, hertz: float, seconds: float) -> None:
    """A tone, as long as the leg is up."""
    wave = (8000 * np.sin(2 * np.pi * hertz / 8000 * np.arange(8000))).astype(np.int16)
    whole = np.tile(wave, math.ceil(seconds))[: round(seconds * 50) * FRAME]
    await say(leg, g711.to_alaw(whole).tobytes())


async def say(leg: CallerLeg, coded: bytes) -> None:
    """A-law at its pace, as long as the leg is up."""
    assert leg.final is not None
    body = leg.final.body.decode()
    host = re.search(r"c=IN IP4 (\S+)", body)
    port = re.search(r"m=audio (\d+)", body)
    assert host and port, body
    to = (host[1], int(port[1]))
    loop = asyncio.get_running_loop()
    begun, ssrc = loop.time(), int.from_bytes(os.urandom(4))
    for number in range(len(coded) // FRAME):
        if not leg.is_up:
            return
        at = number * FRAME
        head = struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, number * FRAME, ssrc)
        leg.edge._media.sendto(head + coded[at : at + FRAME], to)
        await asyncio.sleep(max(0.0, begun + (number + 1) * 0.02 - loop.time()))


async def hears(leg: CallerLeg, hertz: float, within: float = 8.0) -> None:
    """Until that tone comes from the PBX; of one leg at a time, as all share the edge's port."""
    sock = leg.edge._media
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    heard = b""
    async with asyncio.timeout(within):
        while abs(_frequency(heard[-1600:]) - hertz) > 10:
            heard += (await loop.sock_recv(sock, 2048))[12:]


def _frequency(alaw: bytes) -> float:
    wave = g711.ALAW_TO_PCM[np.frombuffer(alaw, np.uint8)].astype(np.float64)
    if len(wave) < 1600 or np.sqrt(np.mean(wave**2)) < 500:
        return 0.0
    return float(np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 8192)))) * 8000 / 8192
