"""G.711 by its definition (ITU-T G.711): the tests' own copy, so that none measures with what it tests.

Samples are int16 at 8000 Hz; encoded audio is one byte a sample.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
PCMU, PCMA = 0, 8


def decode(payload: bytes, payload_type: int) -> Samples:
    """Samples of an RTP payload of type 0 (PCMU) or 8 (PCMA)."""
    return _DECODE[payload_type][np.frombuffer(payload, np.uint8)]


def encode(samples: Samples, payload_type: int) -> bytes:
    """Octets of `samples` as PCMU or PCMA: each sample becomes the nearest value that the law can say."""
    return _ENCODE[payload_type][samples.astype(np.int32) + 32768].tobytes()


def _alaw_values() -> Samples:
    octet = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    low = (mantissa << 4) + 8
    value = np.where(exponent == 0, low, (low + 256) << np.maximum(exponent - 1, 0))
    return np.where(octet & 0x80, value, -value).astype(np.int16)


def _mulaw_values() -> Samples:
    octet = ~np.arange(256, dtype=np.int32) & 0xFF
    value = ((((octet & 15) << 3) + 132) << ((octet >> 4) & 7)) - 132
    return np.where(octet & 0x80, -value, value).astype(np.int16)


def _nearest(values: Samples) -> NDArray[np.uint8]:
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.int32)
    middles = (ordered[1:] + ordered[:-1]) / 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


_DECODE = {PCMU: _mulaw_values(), PCMA: _alaw_values()}
_ENCODE = {law: _nearest(values) for law, values in _DECODE.items()}
