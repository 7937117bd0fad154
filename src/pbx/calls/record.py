"""The call data record: exactly one per call, made from what the call knew at its end."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

BY_API = "api"
"""First word of the source of a call whose caller did not call us but is rung first; the second is the user."""


@dataclass(slots=True)
class CallRecord:
    """Times are integer milliseconds of UTC (None: never happened). `path` holds nodes of the model, `reasons` the
    decisions in words, `revision` the revision that decided. `answered` is when whoever was called answered, or
    the PBX did: not the own telephone of one who calls by the API. `disposition` is one of answered, busy, no_answer,
    cancelled, failed, rejected, interrupted. `facts` is what people did (`pbx.calls.happened`)."""

    id: str
    tenant: str
    direction: str  # internal | inbound | outbound
    caller: str | None
    dialled: str
    number: str | None
    source: str
    revision: str
    started: int
    answered: int | None = None
    ended: int | None = None
    disposition: str = ""
    code: int = 0
    answered_by: str | None = None
    hung_up_by: str | None = None
    path: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As plain data for the journal (`asdict` would copy every list, at a tenth of a call's cost)."""
        return dict(zip(_NAMES, _values(self), strict=True))


_NAMES = tuple(entry.name for entry in fields(CallRecord))
_values = attrgetter(*_NAMES)


def disposition(code: int, cause: str, *, talked: bool) -> tuple[str, int]:
    """How a call ended, and its status: `code` is the one that it was refused with, `cause` why its caller went. A
    caller that was fetched, and nobody answered, hangs up by BYE: it gave up."""
    if talked:
        return "answered", 200
    if cause == "cancel" or (cause == "bye" and not code):
        return "cancelled", 487
    code = code or 500
    if code in (486, 600):
        return "busy", code
    if code in (480, 408):
        return "no_answer", code
    return ("rejected" if code in (403, 603) else "failed"), code
