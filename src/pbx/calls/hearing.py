"""What a call plays, and what is typed to it: the verbs of its ears and its mouth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pbx.calls.ear import Ear
from pbx.calls.happened import Happened
from pbx.calls.leg import Audio, CalleeLeg, CallerLeg, Connections
from pbx.calls.mailbox import RATE, Draft, NoRoom
from pbx.media.voice import is_voice
from pbx.model.objects import Tenant
from pbx.speech.recognition.heard import Vocabulary
from pbx.speech.spoken import slots

MUSIC = "music"  # the tone of a caller who waits and for whom the model names no prompt
CONFIRM_PROMPT = "system-confirm"
CONFIRM_WITHIN = 6.0  # seconds for each of the two times that it is asked
SILENCE = 8.0  # seconds without a voice that end a message
ECHO_LIMIT = 600.0  # seconds; nobody tests a telephone for longer

Values = Mapping[str, str] | Sequence[Mapping[str, str]] | None


class Hearing:
    """The part of a `Call` that is heard and listens."""

    connections: Connections
    caller: CallerLeg
    tenant: Tenant
    language: str
    happened: Happened
    typed: tuple[int, ...] = ()  # ms of the last `collect` to its first digit, its last and its end
    ear: Ear  # of the last `collect`: what was said, where a word was as good as digits

    def moment(self) -> int:
        """Milliseconds of UTC."""
        raise NotImplementedError

    async def play(self, prompt: str, *, values: Values = None) -> None:
        """Play a prompt of the model in the call's language, to its end; `values` stand for `{names}` in its text. A
        list of values says it once for each."""
        began = self.moment()
        each = [values] if values is None or isinstance(values, Mapping) else values
        await self.connections.play(self.caller, [audio for one in each for audio in self.audio(prompt, one)])
        self.happened.played(prompt, self.moment() - began)

    async def beep(self) -> None:
        await self.sound("beep")

    async def sound(self, tone: str) -> None:
        """A short tone once: `beep`, `done`, `refused`."""
        await self.connections.play(self.caller, [Audio(tone=tone)])

    async def echo(self) -> None:
        """Send the caller back what it says, for a while."""
        await self.connections.echo(self.caller)
        await asyncio.sleep(ECHO_LIMIT)

    async def collect(
        self,
        prompt: str,
        *,
        first_within: float,
        next_within: float,
        complete: Callable[[str], bool],
        values: Values = None,
        listens: Vocabulary | None = None,
    ) -> str:
        """Play a prompt that the first digit interrupts; return the digits typed, "" for none.

        `first_within` counts seconds from the end of the prompt to the first digit, `next_within` between digits;
        `complete(digits)` ends the input at once. With `listens` a voice interrupts the prompt as well, and `ear` has
        what was said; a digit that comes before it is understood wins.
        """
        self.typed = ()
        began = self.moment()
        self.connections.expect(self.caller, listens=listens is not None)
        playing = asyncio.ensure_future(self.play(prompt, values=values))
        first = asyncio.ensure_future(self.caller.digits.get())
        self.ear = ear = Ear(self.connections, self.caller, listens, self.moment)
        try:
            waits: set[asyncio.Future[Any]] = {playing, first, ear.spoke}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                await self._end_of(playing)
                await ear.wait(first, first_within)
            if not first.done():
                return ""
            digits = first.result()
            self.typed = (self.moment() - began,) * 2
        finally:
            first.cancel()
            await self._end_of(playing)
            await ear.close()
        while not complete(digits):
            try:
                async with asyncio.timeout(next_within):
                    digits += await self.caller.digits.get()
                    self.typed = (self.typed[0], self.moment() - began)
            except TimeoutError:
                break
        self.typed = (*self.typed, self.moment() - began)
        return digits

    async def _end_of(self, playing: asyncio.Future[None]) -> None:
        """What is played is over, or interrupted now."""
        if not playing.done():
            playing.cancel()
            await self.connections.stop(self.caller)

    def forget_typed(self) -> None:
        """What was typed and not read is nobody's."""
        while not self.caller.digits.empty():
            self.caller.digits.get_nowait()

    async def speak(self, audio: Sequence[Audio], *, keys: str, skip: float = 0.0) -> str:
        """Play something, from `skip` seconds on, that any of these keys interrupts; returns the key, "" at its end."""
        began = self.moment()
        self.connections.expect(self.caller, asked=False)
        playing = asyncio.ensure_future(self.connections.play(self.caller, audio, skip=skip))
        typed = asyncio.ensure_future(self._key(keys))
        try:
            await asyncio.wait({playing, typed}, return_when=asyncio.FIRST_COMPLETED)
            if not typed.done():
                return ""
            self.happened.spoke("greeting", self.moment() - began, typed.result())
            return typed.result()
        finally:
            typed.cancel()
            if not playing.done():
                playing.cancel()
                await self.connections.stop(self.caller)

    async def pause(self, seconds: float) -> None:
        """Silence until any key, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.caller.digits.get()
        except TimeoutError:
            return

    async def _key(self, keys: str) -> str:
        while (key := await self.caller.digits.get()) not in keys:
            continue
        return key

    async def take_message(self, draft: Draft, *, within: float, until: str) -> str:
        """Record the caller until a key of `until` is typed; returns it, or "" when the time is over or nothing was
        said for SILENCE seconds, which are left out. Raises NoRoom when no more can be kept."""
        began = self.moment()
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        quiet = 0.0

        def hears(sound: bytes) -> None:
            nonlocal quiet
            if ended.done():
                return
            quiet = 0.0 if is_voice(sound) else quiet + len(sound) / RATE
            try:
                draft.write(sound)
            except NoRoom as error:
                ended.set_exception(error)
                return
            if quiet >= SILENCE:
                ended.set_result("")

        recording = asyncio.ensure_future(self.connections.record(self.caller, hears))
        typed = asyncio.ensure_future(self._key(until))
        try:
            await asyncio.wait({typed, ended}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            typed.cancel()
            recording.cancel()
            await asyncio.wait({recording})
            draft.cut(quiet)
            key = typed.result() if typed.done() and not typed.cancelled() else ""
            self.happened.spoke("message", self.moment() - began, key)
        if ended.done():
            ended.result()
        return key

    async def hear(self, prompt: str | None, *, within: float | None = None) -> None:
        """Play music, a prompt of the model or the PBX's own, over and over for `within` seconds (None: no end)."""
        audio = self.audio(prompt) if prompt else [Audio(tone=MUSIC)]
        playing = asyncio.ensure_future(self.connections.play(self.caller, audio, loop=True))
        try:
            await asyncio.wait({playing}, timeout=within)
        finally:
            playing.cancel()
            await self.connections.stop(self.caller)

    async def confirm(self, callee: CalleeLeg) -> bool:
        """Ask whoever answered to press 1, so that a mobile's voicemail never takes the call."""
        await self.connections.attend(callee)
        for _ in range(2):
            playing = asyncio.ensure_future(self.connections.play(callee, self.audio(CONFIRM_PROMPT)))
            try:
                async with asyncio.timeout(CONFIRM_WITHIN):
                    if await callee.digits.get() == "1":
                        return True
            except TimeoutError:
                continue
            finally:
                playing.cancel()
                await self.connections.stop(callee)
        return False

    def audio(self, prompt: str, values: Mapping[str, str] | None = None) -> list[Audio]:
        """The sounds of a prompt in the call's language, else in the tenant's first; of a text with slots, its pieces.

        A simulation may run on a model that was never compiled: then there is one sound, with what it says.
        """
        entry = self.tenant.prompts.get(prompt)
        if entry is None:
            return [Audio(prompt=prompt)]
        there = {**entry.files, **entry.says}
        language = next(one for one in (self.language, self.tenant.languages[0], *there) if one in there)
        text = entry.says.get(language, "")
        spoken = entry.spoken.get(language, language)
        made = self.tenant.spoken.get(spoken, {})
        if text and made and language not in entry.audio:
            pieces = slots.filled(spoken, text, values or {})
            return [Audio(file=made[piece], prompt=prompt, text=piece) for piece in pieces if piece in made]
        file = entry.audio.get(language) or entry.files.get(language)
        return [Audio(file=file, prompt=prompt, text=slots.whole(spoken, text, values or {}))]


class Ears(Hearing):
    """Those of one of several who talk in a call."""

    def __init__(self, of: Hearing, leg: CallerLeg) -> None:
        self.connections, self.tenant, self.language, self.happened = (
            of.connections,
            of.tenant,
            of.language,
            of.happened,
        )
        self.caller = leg
        self._of = of

    def moment(self) -> int:
        return self._of.moment()
