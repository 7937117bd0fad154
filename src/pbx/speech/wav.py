"""WAV files → samples: RIFF as people's tools write it (PCM, float, A-law, µ-law; any rate and number of channels)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # -1 … 1
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


class WavError(ValueError):
    """The bytes are no WAV that can be read; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Wav:
    """`samples`: one row a frame, one column a channel; `raw` is the sound as stored, `code` its format tag."""

    rate: int
    samples: Samples
    code: int
    raw: bytes

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read(data: bytes) -> Wav:
    """Raises WavError."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("is no WAV file; save it as WAV (PCM)")
    chunks = _chunks(data)
    header, raw = chunks.get(b"fmt "), chunks.get(b"data")
    if header is None or len(header) < 16 or raw is None:
        raise WavError("is a broken WAV file; save it again")
    code, channels, rate, _, _, width = struct.unpack_from("<HHIIHH", header)
    if code == _EXTENSIBLE and len(header) >= 26:
        (code,) = struct.unpack_from("<H", header, 24)  # the first two bytes of the sub-format's GUID
    if not 1 <= channels <= 32 or not 4000 <= rate <= 384_000:
        raise WavError(f"has {channels} channels at {rate} Hz; 8000 Hz mono is right")
    flat = _decode(code, width, raw)
    frames = len(flat) // channels
    return Wav(rate, flat[: frames * channels].reshape(frames, channels), code, raw)


def alaw_file(raw: bytes) -> bytes:
    """A WAV of G.711 A-law at 8 kHz, mono (format tag 6)."""
    header = struct.pack("<HHIIHHH", _ALAW, 1, 8000, 8000, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"fact" + struct.pack("<II", 4, len(raw)) + b"data" + struct.pack("<I", len(raw)) + raw
    chunks += b"\0" * (len(raw) & 1)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first chunk of each name that counts; the last may be cut short, as recorders that were stopped leave it."""
    out: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name = data[at : at + 4]
        (size,) = struct.unpack_from("<I", data, at + 4)
        if name in (b"fmt ", b"data"):  # a file may have a million others
            out.setdefault(name, data[at + 8 : at + 8 + size])
        at += 8 + size + (size & 1)
    return out


def _decode(code: int, width: int, raw: bytes) -> Samples:
    if code == _PCM and width == 8:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if code == _PCM and width == 16:
        return np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
    if code == _PCM and width == 24:
        parts = np.frombuffer(raw[: len(raw) // 3 * 3], np.uint8).reshape(-1, 3).astype(np.int32)
        whole = (parts[:, 0] << 8) | (parts[:, 1] << 16) | (parts[:, 2] << 24)
        return (whole >> 8).astype(np.float32) / np.float32(8388608)
    if code == _PCM and width == 32:
        return (np.frombuffer(raw[: len(raw) // 4 * 4], "<i4") / 2147483648).astype(np.float32)
    if code == _FLOAT and width in (32, 64):
        size = width // 8
        values = np.frombuffer(raw[: len(raw) // size * size], f"<f{size}").astype(np.float64)
        return np.clip(np.nan_to_num(values), -1, 1).astype(np.float32)
    if code == _ALAW and width == 8:
        return ALAW_SAMPLES[np.frombuffer(raw, np.uint8)]
    if code == _ULAW and width == 8:
        return _ULAW_SAMPLES[np.frombuffer(raw, np.uint8)]
    raise WavError(f"holds sound of format {code} with {width} bits; save it as WAV (PCM, 16 bits)")


def _alaw_table() -> Samples:
    """G.711 A-law byte → sample (table 1a of the recommendation)."""
    byte = np.arange(256) ^ 0x55
    segment, step = (byte >> 4) & 7, byte & 15
    size = np.where(segment == 0, step * 16 + 8, (step * 16 + 264) << np.maximum(segment - 1, 0))
    return (np.where(byte & 0x80, size, -size) / 32768).astype(np.float32)


def _ulaw_table() -> Samples:
    """G.711 µ-law byte → sample (table 2a of the recommendation)."""
    byte = ~np.arange(256) & 0xFF
    size = (((byte & 15) << 3) + 132 << ((byte >> 4) & 7)) - 132
    return (np.where(byte & 0x80, -size, size) / 32768).astype(np.float32)


ALAW_SAMPLES = _alaw_table()
_ULAW_SAMPLES = _ulaw_table()
