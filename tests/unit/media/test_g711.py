"""The G.711 tables against the C implementation in the standard library and against themselves."""

from __future__ import annotations

import warnings

import numpy as np

from pbx.media import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # leaves with Python 3.13: then the remaining tests stand alone


def test_decoding_is_what_the_standard_library_says() -> None:
    every = bytes(range(256))
    assert g711.ALAW_TO_PCM.tobytes() == audioop.alaw2lin(every, 2)
    assert g711.ULAW_TO_PCM.tobytes() == audioop.ulaw2lin(every, 2)


def test_a_code_comes_back_as_itself() -> None:
    assert (g711.to_alaw(g711.ALAW_TO_PCM) == np.arange(256)).all()
    differing = np.nonzero(g711.to_ulaw(g711.ULAW_TO_PCM) != np.arange(256))[0]
    assert differing.tolist() == [0x7F]  # the other zero


def test_encoding_is_never_further_than_half_a_step() -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    ours = np.abs(g711.ALAW_TO_PCM[g711.to_alaw(samples)].astype(int) - samples)
    theirs = np.abs(
        np.frombuffer(audioop.alaw2lin(audioop.lin2alaw(samples.tobytes(), 2), 2), "<i2") - samples.astype(int)
    )
    assert ours.sum() <= theirs.sum()
    assert ours.max() <= 512


def test_silence_stays_silence_between_the_laws() -> None:
    assert g711.ALAW_TO_ULAW[g711.ALAW_SILENCE] == g711.ULAW_SILENCE
    assert g711.ULAW_TO_ALAW[g711.ULAW_SILENCE] == g711.ALAW_SILENCE
    loud = np.abs(g711.ALAW_TO_PCM.astype(int) - g711.ULAW_TO_PCM[g711.ALAW_TO_ULAW])
    assert (loud <= np.abs(g711.ALAW_TO_PCM.astype(int)) // 16 + 8).all()
