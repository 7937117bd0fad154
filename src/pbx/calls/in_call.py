"""What telephones of ours type while they talk (`feature_codes: in_call_…`): a code asks for a transfer, as a REFER
does, for those that have no key for it, or for a conference.

Digits go to the other side as ever until a star begins a code: from there on they are kept from it. What turns out to
be no code, or is not typed to its end, is given to the other side after all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pbx.calls.leg import CalleeLeg, DeviceTarget, Leg, Wish
from pbx.model.feature_codes import (
    IN_CALL_CONFERENCE,
    IN_CALL_NEXT,
    IN_CALL_PARK,
    IN_CALL_PAUSE,
    IN_CALL_RECORD,
    IN_CALL_TRANSFER,
)

if TYPE_CHECKING:
    from pbx.calls.call import Call

BETWEEN = 3.0  # seconds from one digit to the next, as in dialling
ENDS_WITHIN = 0.2  # seconds; the end of a key is sent three times
END = "#"  # after a number
ASK_NUMBER = (IN_CALL_TRANSFER, IN_CALL_CONFERENCE)


class TypedWish(Wish):
    """What was typed. Nobody is told how it goes but by what is heard."""

    typed = True

    def __init__(self, by: Leg, digits: str, code: str) -> None:
        self.by, self.digits = by, digits
        self.next_call, self.third = code == IN_CALL_NEXT, code == IN_CALL_CONFERENCE
        self.recording = code if code in (IN_CALL_RECORD, IN_CALL_PAUSE) else ""

    def accept(self) -> None: ...

    def reject(self, status: int) -> None: ...

    def finish(self, status: int) -> None: ...


class Reader:
    """Pure: one digit after the other, in; what is meant, out."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = {code: name for name, code in codes.items()}
        self.typed = ""  # since the star; "" while no code is being typed
        self.asks = ""  # the code after which the number is being typed

    def press(self, digit: str) -> str:
        """`passes`: it is nobody's but the other side's; `waits` for more; `is over`: it is no code; else its name."""
        if not self.typed and digit != "*":
            return "passes"
        if self.asks and digit == END:
            return self.asks
        self.typed += digit
        if self.asks:
            return "waits"
        name = self._codes.get(self.typed)
        if name in ASK_NUMBER:
            self.asks = name
        elif name is not None:
            return name
        return "waits" if any(code.startswith(self.typed) for code in self._codes) else "is over"

    @property
    def number(self) -> str:
        """What was typed after such a code."""
        code = next((code for code, name in self._codes.items() if name == self.asks), self.typed)
        return self.typed.removeprefix(code)

    def forget(self) -> None:
        self.typed = self.asks = ""


class _Listener:
    """One leg that may type codes."""

    def __init__(self, call: Call, leg: Leg, codes: Mapping[str, str]) -> None:
        self._call, self._leg = call, leg
        self._reader = Reader(codes)
        self._kept: list[tuple[str, int]] = []  # digits that the other side has not heard
        self._hides = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself would forget them; in order: the media sees to it

    def pressed(self, digit: str, milliseconds: int, heard: bool) -> None:
        """`heard`: by the other side as well, if it was not kept from it."""
        meant = self._reader.press(digit)
        if not (heard and not self._hides):
            self._kept.append((digit, milliseconds))
        if self._timer is not None:
            self._timer.cancel()
        if meant in ("passes", "is over"):
            self._give_up()
        elif meant == "waits":
            self._hide(True)
            self._timer = asyncio.get_running_loop().call_later(BETWEEN, self._ended)
        else:
            self._means(meant)

    def close(self) -> None:
        """A code that was begun is not ended any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._reader.typed:
            self._hide(False)

    def _ended(self) -> None:
        if self._reader.asks and self._reader.number:
            self._means(self._reader.asks)
        else:
            self._give_up()

    def _means(self, name: str) -> None:
        call, number = self._call, self._reader.number if name in ASK_NUMBER else ""
        self._reader.forget()
        self._kept.clear()
        if name == IN_CALL_NEXT:
            self._hide(False)  # what is dialled is for the engine's ear
        else:
            asyncio.get_running_loop().call_later(ENDS_WITHIN, self._hide, False)
        if name == IN_CALL_PARK:
            number = call.tenant.feature_codes.get("park", "")
        if call.connections.on_wish is not None:
            call.connections.on_wish(TypedWish(self._leg, number, name))

    def _give_up(self) -> None:
        """The other side is to hear what it has not."""
        self._reader.forget()
        self._hide(False)
        kept, self._kept = self._kept, []
        for digit, milliseconds in kept:
            self._do(self._call.connections.press(self._leg, digit, milliseconds))

    def _hide(self, hides: bool) -> None:
        if hides is not self._hides:
            self._hides = hides
            self._do(self._call.connections.hide_digits(self._leg, hides))

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextmanager
def listening(call: Call, callee: CalleeLeg) -> Iterator[None]:
    """While two talk, codes that a telephone of ours types are asked for as if by REFER."""
    codes = call.tenant.in_call_codes
    typists = [leg for leg in (call.caller, callee) if codes and _is_ours(call, leg)]
    listeners = [_Listener(call, leg, codes) for leg in typists]
    for leg, listener in zip(typists, listeners, strict=True):
        leg.on_typed = listener.pressed
        call.connections.expect(leg)
    try:
        yield
    finally:
        for leg, listener in zip(typists, listeners, strict=True):
            leg.on_typed = None
            listener.close()


def _is_ours(call: Call, leg: Leg) -> bool:
    """A telephone of ours; whoever is outside types for somebody else's menus."""
    if isinstance(leg, CalleeLeg) and leg is not call.caller:
        return isinstance(leg.target, DeviceTarget)
    return call.user is not None
