"""What legs speak, as A-law at 8 kHz: G.711 by tables, Opus (RFC 7587) and ITU-T G.722 by libopus and libspandsp, which
rtpengine itself is linked with, so that every relay has them. A decoder belongs to one stream and is given its packets
in order."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np

from pbx.media import g711

RATE = 8000
CLOCKS = {"PCMA": 8000, "PCMU": 8000, "G722": 8000, "OPUS": 48000}
"""RTP clocks by codec; G.722's is 8000 for historical reasons (RFC 3551 §4.5.2)."""
LONGEST = RATE * 120 // 1000  # samples of an Opus packet (RFC 6716 §2.1.4)
_G722_AT_8K = 1

Decode = Callable[[bytes], bytes]


class NoDecoder(Exception):
    """The codec is none that is known, or its library is not there."""


def decoder(codec: str) -> Decode:
    """For one stream. Raises NoDecoder."""
    name = codec.upper()
    if name == "PCMA":
        return bytes
    if name == "PCMU":
        return lambda payload: payload.translate(_ULAW)
    if name == "OPUS":
        return _Opus()
    if name == "G722":
        return _G722()
    raise NoDecoder(codec)


_ULAW = g711.ULAW_TO_ALAW.tobytes()


class _Opus:
    def __init__(self) -> None:
        self._library = _library("libopus.so.0")
        size = self._library.opus_decoder_get_size(1)
        self._state = ctypes.create_string_buffer(size)
        if self._library.opus_decoder_init(self._state, RATE, 1) != 0:
            raise NoDecoder("OPUS")
        self._out = np.zeros(LONGEST, np.int16)

    def __call__(self, payload: bytes) -> bytes:
        got = self._library.opus_decode(
            self._state, payload, len(payload), self._out.ctypes.data_as(ctypes.c_void_p), LONGEST, 0
        )
        return g711.to_alaw(self._out[: max(0, got)]).tobytes()


class _G722:
    def __init__(self) -> None:
        self._library = _library("libspandsp.so.2")
        self._library.g722_decode_init.restype = ctypes.c_void_p
        self._state = ctypes.c_void_p(self._library.g722_decode_init(None, 64000, _G722_AT_8K))

    def __call__(self, payload: bytes) -> bytes:
        out = np.zeros(2 * len(payload) + 2, np.int16)
        got = self._library.g722_decode(self._state, out.ctypes.data_as(ctypes.c_void_p), payload, len(payload))
        return g711.to_alaw(out[: max(0, got)]).tobytes()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.g722_decode_free(self._state)


@cache
def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise NoDecoder(str(error)) from error
