"""The calls of one tenant, as each of them sees the others: to be joined with one, to pick one up, to park."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from pbx.calls.guesses import Guesses
from pbx.calls.leg import DeviceTarget
from pbx.calls.room_recording import RoomTaping

if TYPE_CHECKING:
    from pbx.calls.call import Call
    from pbx.calls.meeting import Meeting


class House:
    """`calls` by id, in the order in which they came; `parked` by slot; `meetings` by conference; `guesses` of their
    PINs; `taping` records rooms; `invite` calls somebody into a conference by the rights of who calls there: False
    where no call can be placed."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.parked: dict[str, Call] = {}
        self.meetings: dict[str, Meeting] = {}
        self.guesses = Guesses()
        self.taping = RoomTaping()
        self.invite: Callable[[Call, str, str], bool] = lambda by, conference, digits: False

    def ringing(self, users: Collection[str]) -> Call | None:
        """The call that has been ringing longest at a device of one of these people."""
        return next((call for call in self.calls.values() if _rings_at(call, users)), None)

    def calls_of(self, user: str, *, besides: Call) -> int:
        """How many calls a person has now: those they made, also while these ring, and those they talk in."""
        return sum(call is not besides and call.is_with(user) for call in self.calls.values())


ALONE = House()  # of a call that sees no other


def _rings_at(call: Call, users: Collection[str]) -> bool:
    targets = (leg.target for leg in call.ringing if not leg.outcome.done())
    return call.claim is not None and any(isinstance(one, DeviceTarget) and one.user in users for one in targets)
