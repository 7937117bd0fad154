"""What a decision takes and gives: the facts of a call, and a destination with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pbx.model.objects import Destination
from pbx.routing.reason import Reason


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call at the moment of a decision.

    `caller` is an E.164 number, or an extension for a call from inside, or None when it was hidden. `number` is the
    number of ours that was called (None for internal calls). `at` must be aware of its zone. `overrides` are those that
    are switched on, `queues` the state of each (`empty`, `full`, `busy`, `free`), `lookups` what a CRM answered, by
    `NAME.FACT`.
    """

    at: datetime
    caller: str | None = None
    number: str | None = None
    language: str = ""
    overrides: frozenset[str] = frozenset()
    queues: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the call goes next and why; `reasons` also tells the branches that were not taken, in order."""

    to: Destination
    reasons: tuple[Reason, ...] = ()
    next_step: int | None = None  # flow: the step after the one taken
    for_: float | None = None  # seconds to wait for an answer there
    otherwise_next: bool = False
    facts_as: str | None = None  # flow: `to` is a lookup, whose answer is known by this name from the next step on

    @property
    def asks(self) -> bool:
        """A lookup is asked, and the flow goes on with the next step."""
        return self.facts_as is not None
