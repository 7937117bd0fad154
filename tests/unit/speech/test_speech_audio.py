"""Recordings of every usual form become A-law that sounds the same; what cannot be heard is refused."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pbx.speech import audio, wav

ROOT = Path(__file__).parents[3]
RECORDINGS = sorted(ROOT.glob("examples/*/prompts/*.wav"))
CHIMES = {"welcome": 523, "closed": 659}


def tone(rate: int, seconds: float = 0.5, hertz: float = 1000.0, level: float = 0.5) -> NDArray[np.float64]:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def riff(code: int, width: int, rate: int, channels: int, sound: bytes, extra: bytes = b"") -> bytes:
    size = channels * width // 8
    head = struct.pack("<HHIIHH", code, channels, rate, rate * size, size, width) + extra
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def stored(form: str, samples: NDArray[np.float64]) -> tuple[int, int, bytes]:
    """Format tag, bits and bytes of samples in a form."""
    if form == "u8":
        return 1, 8, (samples * 127 + 128).astype(np.uint8).tobytes()
    if form == "s16":
        return 1, 16, (samples * 32767).astype("<i2").tobytes()
    if form == "s24":
        whole = (samples * 8388607).astype("<i4").tobytes()
        return 1, 24, b"".join(whole[at : at + 3] for at in range(0, len(whole), 4))
    if form == "s32":
        return 1, 32, (samples * 2147483647).astype("<i4").tobytes()
    if form == "f32":
        return 3, 32, samples.astype("<f4").tobytes()
    return 3, 64, samples.astype("<f8").tobytes()


def strength(encoded: bytes, hertz: float) -> float:
    """How much of the sound is this tone: 1 is all."""
    samples = wav.ALAW_SAMPLES[np.frombuffer(encoded, np.uint8)].astype(np.float64)
    there = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / 8000)
    return float(2 * abs(samples @ there) ** 2 / (len(samples) * (samples @ samples)))


@pytest.mark.row("R20")
@pytest.mark.parametrize("form", ["u8", "s16", "s24", "s32", "f32", "f64"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_form_becomes_alaw(tmp_path: Path, form: str, rate: int, channels: int) -> None:
    code, width, sound = stored(form, np.repeat(tone(rate), channels))
    path = tmp_path / "tone.wav"
    path.write_bytes(riff(code, width, rate, channels, sound))
    assert audio.problem(path) is None
    encoded = audio.encode(path)
    assert len(encoded) == pytest.approx(4000, abs=2)
    assert strength(encoded, 1000) > 0.99
    loud = np.sqrt(2 * np.mean(np.square(wav.ALAW_SAMPLES[np.frombuffer(encoded, np.uint8)])))
    assert loud == pytest.approx(0.5, rel=0.05)  # loudness is left as it was


def test_extensible_header(tmp_path: Path) -> None:
    code, width, sound = stored("s16", tone(8000))
    extra = struct.pack("<HHIH", 22, 16, 4, code) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    path = tmp_path / "tone.wav"
    path.write_bytes(riff(0xFFFE, width, 8000, 1, sound, extra))
    assert strength(audio.encode(path), 1000) > 0.99


def test_alaw_at_the_right_rate_is_left_as_it_is(tmp_path: Path) -> None:
    encoded = bytes(range(256)) * 8
    path = tmp_path / "tone.wav"
    path.write_bytes(riff(6, 8, 8000, 1, encoded))
    assert audio.encode(path) == encoded


def test_alaw_of_alaw_is_itself(tmp_path: Path) -> None:
    """Decoding the 256 bytes and encoding them again gives them back: the table is G.711's."""
    samples = np.tile(wav.ALAW_SAMPLES.astype(np.float64), 8)
    path = tmp_path / "all.wav"
    path.write_bytes(riff(1, 16, 8000, 1, (samples * 32768).astype("<i2").tobytes()))
    assert audio.encode(path) == bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("byte", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x80 ^ 0x55 ^ 0x10, 264)]
)
def test_values_of_g711(byte: int, sample: int) -> None:
    assert wav.ALAW_SAMPLES[byte] * 32768 == sample


@pytest.mark.row("R20")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no WAV file"),
        (b"ID3\x04" + bytes(100), "is no WAV file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "is a broken WAV file"),
        (riff(1, 16, 8000, 1, b""), "lasts 0.00 s"),
        (riff(1, 16, 8000, 1, bytes(100)), "lasts 0.01 s"),
        (riff(1, 16, 8000, 1, bytes(16000)), "holds only silence"),
        (riff(1, 16, 8000, 0, bytes(16000)), "has 0 channels"),
        (riff(1, 16, 8, 1, bytes(16000)), "at 8 Hz"),
        (riff(2, 4, 8000, 1, bytes(16000)), "format 2 with 4 bits"),
        (riff(3, 32, 8000, 1, b"\xff" * 16000), "holds only silence"),
        (riff(6, 8, 8000, 1, bytes(8000 * 601)), "lasts 601 s"),
    ],
)
def test_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    assert words in (audio.problem(path) or "")
    with pytest.raises(wav.WavError):
        audio.encode(path)


def test_not_there(tmp_path: Path) -> None:
    assert audio.problem(tmp_path / "x.wav") == "cannot be read: No such file or directory"


def test_a_recording_cut_short_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = riff(1, 16, 8000, 1, stored("s16", tone(8000))[2])
    path = tmp_path / "x.wav"
    path.write_bytes(whole[:5001])
    assert strength(audio.encode(path), 1000) > 0.99


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_our_recordings_begin_with_their_chime(path: Path) -> None:
    """So a test, or a person at the telephone, can tell which of them is heard."""
    encoded = audio.encode(path)
    heard = {word: strength(encoded[:1600], hertz) for word, hertz in CHIMES.items()}
    assert max(heard, key=lambda word: heard[word]) == path.stem.split("_")[0]
    assert max(heard.values()) > 0.9


def test_our_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in RECORDINGS) < 200_000
    for path in ROOT.glob("examples/*/prompts/*.wav"):
        with wave.open(str(path)) as opened:
            assert (opened.getnchannels(), opened.getsampwidth(), opened.getframerate()) == (1, 2, 8000)
