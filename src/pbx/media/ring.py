"""The jitter buffer: for each leg that is listened to, 16 frames of codec bytes by RTP timestamp (320 ms).

Bytes are put where their timestamp says. How long they wait follows the network and the sender's clock: who comes too
late is given more time at once, and while all come earlier than they need (or nearly too late) each packet is made one
sample shorter (or longer), which nobody hears: 6 ms a second, thirty times the drift of the worst clocks. What does not
come is concealed (`pbx.media.conceal`). Packets of any length are taken: 10 to 60 ms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx.media import conceal, g711, rtp
from pbx.media.conceal import GONE, HISTORY, KEPT
from pbx.media.legs import Legs

FRAMES = 16
SIZE = FRAMES * rtp.SAMPLES
BEGIN = 160
"""Samples (20 ms) between the arrival of the first packet and its playout."""
LEAST, MOST = 160, 260
"""Samples that the latest packet of some seconds should come before it is played. Arrivals are known to a tick, so a
sender whose clock is slower loses 160 of them in one moment: less would be too late then."""
FAR = SIZE - (KEPT + 1) * rtp.SAMPLES
"""Samples ahead for which there is room; the frames behind are what loss is concealed with."""
WINDOW, WINDOWS = 100, 4
"""Ticks of which the latest packet is known, and how many of these times count: 8 s."""
IN_ORDER, UNDER_WAY = 100, 10
"""Ticks after which packets count as coming in order again, and that one may be under way longer than another."""
TURNED_FOR = 2 * FRAMES
"""Ticks after which no packet from before a change of the base can be under way any more: it would be too late."""
STRANGE = 3
"""Packets in a row that fit nowhere, after which the buffer starts again from the newest."""
_NONE_YET = np.iinfo(np.int32).max // 2

Slots = NDArray[np.intp]
Frames = NDArray[np.uint8]

PCM: g711.Samples = np.concatenate([g711.ALAW_TO_PCM, g711.ULAW_TO_PCM])
"""Both laws: µ-law codes behind those of A-law."""


class Ring:
    """Columns for each leg; `listened` says whose packets are kept at all."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self.listened = legs.column(np.bool_)
        self._anchored = legs.column(np.bool_)
        self._base = legs.column(np.uint32)
        """RTP timestamp of position 0."""
        self._frame = legs.column(np.int64)
        """Frame that is played next: 160 positions each."""
        self._strange = legs.column(np.uint8)
        self._lost = legs.column(np.int64)
        """Frames in a row that had to be concealed."""
        self._period = legs.column(np.intp)
        self._slip = legs.column(np.int8)
        """Samples by which each packet is made longer."""
        self._newest = legs.column(np.uint32)
        """Timestamp of the newest packet, and the tick at which an older one came after it."""
        self._mixed = legs.column(np.int64)
        self._turn = legs.column(np.uint32)
        """Timestamp from which the base holds, what was added to it there, and when: what comes later and is older goes
        by the base of before."""
        self._turned = legs.column(np.int8)
        self._turned_at = legs.column(np.int64)
        self._noise = legs.column(np.uint8)
        self._noise_from = legs.column(np.int64)
        """Level + 1 of the comfort noise (0: none) and the position from which it is meant."""
        self._spare = np.full((legs.capacity, WINDOWS), _NONE_YET, np.int64)
        self._bytes = np.zeros((legs.capacity, SIZE), np.uint8)
        self._filled = np.zeros((legs.capacity, FRAMES), np.int16)
        self._starts = np.zeros((legs.capacity, FRAMES), np.int16)
        """Of each frame: how many of its bytes are there, and the first of them."""
        for table in (self._spare, self._bytes, self._filled, self._starts):
            legs.adopt(table)
        self._rows = self._bytes.reshape(-1, rtp.SAMPLES)
        self._views: dict[int, Frames] = {}
        self._tick = 0
        self._last_turn = -TURNED_FOR
        """When a packet of any leg was made longer or shorter."""
        self._any_slip = self._any_strange = False
        self.concealed = 0
        """Frames since the start."""

    def listen(self, slot: int, on: bool) -> None:
        self.listened[slot] = on
        self._anchored[slot] = False
        self._clear(slot)
        self._lost[slot] = GONE

    def restart(self, slots: Slots) -> None:
        """A new stream begins there."""
        self._anchored[slots] = False

    def noise(self, slots: Slots, timestamps: NDArray[np.uint32], levels: NDArray[np.uint8]) -> None:
        """A packet of comfort noise (RFC 3389): the sender is silent from here on, and this is how silence sounds."""
        self._noise[slots] = np.minimum(levels & 0x7F, 126) + 1
        self._noise_from[slots] = (timestamps - self._base[slots]).astype(np.int32)

    # --- in -----------------------------------------------------------------------------------------------------------

    def put(self, slots: Slots, timestamps: NDArray[np.uint32], payload: Frames) -> None:
        """`payload` is one row of equally many bytes per packet, in order of arrival."""
        anchored = self._anchored[slots]
        if not anchored.all():
            unknown = np.flatnonzero(~anchored)
            self._anchor(slots[unknown[::-1]], timestamps[unknown[::-1]])  # the first of a leg, written last, stays
        step = (timestamps - self._newest[slots]).astype(np.int32)
        in_order = np.minimum.reduce(step) > 0
        if not in_order:
            fresh = step != 0  # one that came before was made longer, perhaps: not to be written over
            slots, timestamps, payload, step = slots[fresh], timestamps[fresh], payload[fresh], step[fresh]
            if not len(slots):
                return
        offset, ahead = self._ahead(slots, timestamps)
        if np.minimum.reduce(ahead) < 0:
            self._give_time(slots, ahead)
            offset, ahead = self._ahead(slots, timestamps)
        most = FAR - payload.shape[1]
        if np.minimum.reduce(ahead) < 0 or np.maximum.reduce(ahead) > most:
            fits = (ahead >= 0) & (ahead <= most)
            self._misfits(slots[~fits], timestamps[~fits])
            slots, timestamps, payload, step = slots[fits], timestamps[fits], payload[fits], step[fits]
            offset, ahead = offset[fits], ahead[fits]
            if not len(slots):
                return
        if self._any_strange:
            self._strange[slots] = 0
        now = slots * WINDOWS + self._tick // WINDOW % WINDOWS
        np.minimum.at(self._spare.reshape(-1), now, ahead)  # flat and of one type: 40 times as fast
        if in_order:
            self._newest[slots] = timestamps
        else:
            older = step < 0
            self._mixed[slots[older]] = self._tick
            self._newest[slots[~older]] = timestamps[~older]
        if self._any_slip:
            slip = self._slip[slots] if in_order else np.where(step < 0, 0, self._slip[slots])
            if slip.any():
                slots, offset, payload = self._slipped(slots, offset, timestamps, payload, slip)
        self._write(slots, offset, payload)

    def _ahead(self, slots: Slots, timestamps: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Position of each packet, and how many samples before its turn it has come."""
        offset = (timestamps - self._base[slots]).astype(np.int32).astype(np.int64)
        if self._tick <= self._last_turn + TURNED_FOR:
            older = (timestamps - self._turn[slots]).astype(np.int32) < 0
            if older.any():
                offset[older] += self._turned[slots[older]]
        return offset, offset - self._frame[slots] * rtp.SAMPLES

    def _give_time(self, slots: Slots, ahead: NDArray[np.int64]) -> None:
        """Whose newest packet has come too late waits longer from now on."""
        newest = np.full(self._legs.count, np.iinfo(np.int64).min)
        np.maximum.at(newest, slots, ahead)
        late = np.flatnonzero((newest < 0) & (newest > -FAR // 2))
        self._base[late] -= (-newest[late]).astype(np.uint32)
        spare = self._spare[late]
        self._spare[late] = np.where(spare < _NONE_YET, spare - newest[late, None], spare)

    def _slipped(
        self,
        slots: Slots,
        offset: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        payload: Frames,
        slip: NDArray[np.signedinteger[Any]],
    ) -> tuple[Slots, NDArray[np.int64], Frames]:
        """Write the newest packet of the legs that slip, a sample longer or shorter; returns the others.

        Where packets overtake each other, those under way must not meet two slips: only one is made in some time.
        """
        newest = np.zeros(self._legs.count, np.intp)
        newest[slots] = np.arange(len(slots))
        may = (self._tick - self._mixed[slots] > IN_ORDER) | (self._tick - self._turned_at[slots] > UNDER_WAY)
        chosen = (newest[slots] == np.arange(len(slots))) & may
        for longer in (-1, 1):
            picked = np.flatnonzero(chosen & (slip == longer))
            if len(picked):
                those = slots[picked]
                ulaw = self._is_ulaw(those)
                wave = PCM[payload[picked] + ulaw[:, None] * np.int16(256)].astype(np.float32)
                changed = _coded(wave @ conceal.stretching(payload.shape[1], longer), ulaw)
                self._write(those, offset[picked], changed)
                self._base[those] -= np.uint32(longer & 0xFFFFFFFF)
                self._spare[those] += longer
                self._turn[those] = timestamps[picked] + np.uint32(1)
                self._turned[those], self._turned_at[those] = -longer, self._tick
                self._last_turn = self._tick
        rest = ~(chosen & (slip != 0))
        return slots[rest], offset[rest], payload[rest]

    def _write(self, slots: Slots, offset: NDArray[np.int64], payload: Frames) -> None:
        length = payload.shape[1]
        inside = offset % rtp.SAMPLES
        if length == rtp.SAMPLES and not inside.any():
            row = slots * FRAMES + offset // rtp.SAMPLES % FRAMES
            self._rows[row] = payload
            self._filled.reshape(-1)[row] = rtp.SAMPLES
            return
        self._write_anywhere(slots, offset, payload)

    def _write_anywhere(self, slots: Slots, offset: NDArray[np.int64], payload: Frames) -> None:
        """Packets that are no whole frames: a piece for each frame that they touch."""
        length = payload.shape[1]
        filled, starts = self._filled.reshape(-1), self._starts.reshape(-1)
        first = slots * FRAMES
        inside, frame = offset % rtp.SAMPLES, offset // rtp.SAMPLES
        left = np.full(len(slots), length)
        while True:
            size = np.minimum(left, rtp.SAMPLES - inside)
            row = first + frame % FRAMES
            starts[row] = np.where(filled[row] == 0, inside, np.minimum(starts[row], inside))
            np.add.at(filled, row, size.astype(np.int16))  # of a leg two may come at once
            left = left - size
            going_on = left > 0
            if not going_on.any():
                break
            first, frame, left = first[going_on], frame[going_on] + 1, left[going_on]
            inside = np.zeros(len(left), np.int64)
        place = offset % SIZE
        whole = place + length <= SIZE
        windows = self._windows(length)
        if whole.all():
            windows[slots * SIZE + place] = payload
            return
        windows[(slots * SIZE + place)[whole]] = payload[whole]
        around = np.flatnonzero(~whole)
        places = (offset[around, None] + np.arange(length)) % SIZE
        self._bytes[slots[around, None], places] = payload[around]

    def _windows(self, length: int) -> Frames:
        """So many bytes from each byte of the buffer on."""
        windows = self._views.get(length)
        if windows is None:
            flat = self._bytes.reshape(-1)
            windows = self._views[length] = np.lib.stride_tricks.sliding_window_view(flat, length, writeable=True)
        return windows

    # --- out ----------------------------------------------------------------------------------------------------------

    def take(self, slots: Slots) -> Frames:
        """The next frame of each, in its own law; what did not come is concealed."""
        frame = self._frame[slots]
        row = slots * FRAMES + frame % FRAMES
        filled = self._filled.reshape(-1)
        odd = (filled[row] < rtp.SAMPLES) | (self._lost[slots] > 0)
        if odd.any():
            self._mend(slots[odd], row[odd])
        filled[row] = 0
        self._frame[slots] = frame + 1
        frames: Frames = self._rows.take(row, axis=0)
        return frames

    def tick(self) -> None:
        """At the end of each time in which the latest packet was looked for: shall packets be longer, or shorter?"""
        self._tick += 1
        count = self._legs.count
        window, into = divmod(self._tick, WINDOW)
        if into == 0:
            self._spare[:count, window % WINDOWS] = _NONE_YET
        if into % 10 == 0:
            spare = self._spare[:count]
            now = spare[:, window % WINDOWS]
            least = spare.min(axis=1)
            slip = np.where(now < LEAST, 1, np.where((least > MOST) & (least < _NONE_YET), -1, 0))
            self._slip[:count] = np.where(now < _NONE_YET, slip, 0)
            self._any_slip = bool(self._slip[:count].any())

    def skip(self, frames: int) -> None:
        """The engine left out so many ticks."""
        self._frame[: self._legs.count] += frames

    def _mend(self, slots: Slots, row: NDArray[np.intp]) -> None:
        filled, starts = self._filled.reshape(-1)[row], self._starts.reshape(-1)[row]
        lost = self._lost[slots]
        nothing = filled <= 0
        silent = nothing & (lost >= GONE)
        noisy = nothing & (self._noise[slots] > 0) & (self._frame[slots] * rtp.SAMPLES >= self._noise_from[slots])
        ulaw = self._is_ulaw(slots)
        if silent.any():
            self._rows[row[silent]] = np.where(ulaw[silent], g711.ULAW_SILENCE, g711.ALAW_SILENCE).astype(np.uint8)[
                :, None
            ]
        if noisy.any():
            wave = conceal.noise(self._noise[slots[noisy]] - np.uint8(1), self._tick)
            self._rows[row[noisy]] = _coded(wave, ulaw[noisy])
        self._lost[slots[noisy]] = GONE
        resumed = slots[~nothing]
        self._noise[resumed[self._frame[resumed] * rtp.SAMPLES >= self._noise_from[resumed]]] = 0
        rest = np.flatnonzero(~silent & ~noisy)
        if len(rest):
            head = starts[rest] == 0
            begin = np.where(nothing[rest], 0, np.where(head & (filled[rest] < rtp.SAMPLES), filled[rest], 0))
            end = np.where(
                nothing[rest] | (begin > 0), rtp.SAMPLES, np.where(filled[rest] >= rtp.SAMPLES, 0, starts[rest])
            )
            self._conceal(slots[rest], row[rest], begin, end, ulaw[rest])

    def _conceal(
        self, slots: Slots, row: NDArray[np.intp], begin: conceal.Counts, end: conceal.Counts, ulaw: NDArray[np.bool_]
    ) -> None:
        frame = self._frame[slots]
        before = np.stack([slots * FRAMES + (frame - back) % FRAMES for back in range(KEPT, -1, -1)], axis=1)
        coded = self._rows[before].reshape(len(slots), HISTORY + rtp.SAMPLES)
        around = PCM[coded + ulaw[:, None] * np.int16(256)].astype(np.float32)
        fresh = np.flatnonzero(self._lost[slots] == 0)
        if len(fresh):
            history = around[fresh[:, None], begin[fresh, None] + np.arange(HISTORY)]
            self._period[slots[fresh]] = conceal.periods(history)
        period = np.maximum(self._period[slots], conceal.SHORTEST)
        lost = self._lost[slots]
        self._rows[row] = _coded(conceal.mended(around, begin, end, lost, period), ulaw)
        open_ended = end == rtp.SAMPLES
        self._lost[slots] = np.where(open_ended, lost + 1, 0)
        self.concealed += int(np.count_nonzero(end > begin))

    def _anchor(self, slots: Slots, timestamps: NDArray[np.uint32]) -> None:
        played = (self._frame[slots] * rtp.SAMPLES).astype(np.uint32)
        self._base[slots] = timestamps - np.uint32(BEGIN) - played
        self._strange[slots] = 0
        self._slip[slots] = 0
        self._noise[slots] = 0
        self._spare[slots] = _NONE_YET
        self._filled[slots] = 0
        self._newest[slots] = self._turn[slots] = timestamps - np.uint32(1)
        self._turned[slots] = 0
        self._anchored[slots] = True

    def _misfits(self, slots: Slots, timestamps: NDArray[np.uint32]) -> None:
        """Too late or too far ahead: one is dropped, a row of them moves the buffer (the sender's clock has jumped)."""
        for slot, timestamp in zip(slots.tolist(), timestamps.tolist(), strict=True):
            self._strange[slot] += 1
            self._any_strange = True
            if self._strange[slot] >= STRANGE:
                self._anchor(np.array([slot], np.intp), np.array([timestamp], np.uint32))

    def _clear(self, slot: int) -> None:
        ulaw = self._legs.payload[slot] == rtp.PCMU
        self._bytes[slot] = g711.ULAW_SILENCE if ulaw else g711.ALAW_SILENCE
        self._filled[slot] = 0

    def _is_ulaw(self, slots: Slots) -> NDArray[np.bool_]:
        is_ulaw: NDArray[np.bool_] = self._legs.payload[slots] == rtp.PCMU
        return is_ulaw


def _coded(wave: conceal.Wave, ulaw: NDArray[np.bool_]) -> Frames:
    """Rows of samples in the law of each leg."""
    samples = np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
    coded = g711.to_alaw(samples)
    if ulaw.any():
        coded[ulaw] = g711.to_ulaw(samples[ulaw])
    return coded
