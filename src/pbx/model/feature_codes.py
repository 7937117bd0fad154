"""Feature codes: what people dial to tell the PBX something. Each tenant has the built-in ones; the site and then the
tenant replace them, `none` takes one away.

A code of WITH_NUMBER may be followed by digits (an extension, a slot). All codes begin with a star, so that none is an
extension or an emergency number; `check` sees to it that no two are alike and none is cut off by another.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pbx.model.problems import Path
    from pbx.model.scope import Scope

KIND = "feature_codes"
NONE = "none"
BUILT_IN: Mapping[str, str] = {  # as FreePBX, BroadWorks and Asterisk have them, where they agree
    "echo_test": "*43",
    "hide_number": "*67",
    "forward_always_on": "*72",
    "forward_always_off": "*73",
    "forward_busy_on": "*90",
    "forward_busy_off": "*91",
    "forward_no_answer_on": "*92",
    "forward_no_answer_off": "*93",
    "do_not_disturb_on": "*78",
    "do_not_disturb_off": "*79",
    "pickup": "*8",
    "pickup_directed": "**",
    "park": "*68",
    "unpark": "*69",
    "intercom": "*80",
    "page": "*81",
    "redial": "*66",
    "call_return": "*65",
    "speed_dial": "*0",
    "call_waiting_on": "*70",
    "call_waiting_off": "*71",
    "voicemail": "*97",
    "voicemail_of": "*98",
}
# Typed while two talk, by telephones of ours (`calls.in_call`). None is built in: who calls a bank types to its menus.
IN_CALL_TRANSFER, IN_CALL_PARK, IN_CALL_NEXT = "in_call_transfer", "in_call_park", "in_call_next"
IN_CALL_RECORD, IN_CALL_PAUSE, IN_CALL_CONFERENCE = "in_call_record", "in_call_pause", "in_call_conference"
IN_CALL = frozenset({IN_CALL_TRANSFER, IN_CALL_PARK, IN_CALL_NEXT, IN_CALL_RECORD, IN_CALL_PAUSE, IN_CALL_CONFERENCE})
WITH_NUMBER = frozenset(
    {
        "hide_number",
        "forward_always_on",
        "forward_busy_on",
        "forward_no_answer_on",
        "pickup_directed",
        "park",
        "unpark",
        "voicemail_of",
        "intercom",
        "page",
        "speed_dial",
        IN_CALL_TRANSFER,
        IN_CALL_CONFERENCE,
    }
)


def in_force(site: Mapping[str, str], tenant: Mapping[str, str]) -> dict[str, str]:
    """Name → code, `none` among them, of a tenant: its own word first, then the site's, then what is built in."""
    return {**BUILT_IN, **site, **tenant}


def read(codes: Mapping[str, str], digits: str) -> tuple[str, str] | None:
    """The name of the code that was dialled and the digits after it; None when it is none of `codes`."""
    for name, code in codes.items():
        if code == digits:
            return name, ""
    for name, code in codes.items():
        if name in WITH_NUMBER and digits.startswith(code) and digits[len(code) :].isdigit():
            return name, digits[len(code) :]
    return None


class _Code(NamedTuple):
    name: str
    code: str
    place: Path | None  # where this folder writes it


def check(scope: Scope, site: Scope | None) -> None:
    """The codes of a tenant, or of the site alone (`site` is None), among each other and beside its switches. A clash
    is told where this folder writes one of the two; what the site writes is told there."""
    own = scope.objects(KIND)
    codes = in_force(site.objects(KIND) if site is not None else {}, own).items()
    known = [_Code(name, code, (KIND, name) if name in own else None) for name, code in codes if code != NONE]
    switches = scope.objects("overrides").items()
    known += [_Code(f"override/{name}", plain["code"], ("overrides", name, "code")) for name, plain in switches]
    known.sort(key=lambda each: each.place is not None)
    for earlier, later in combinations(known, 2):
        if later.place is not None and (why := _clash(earlier, later)):
            names = [each.name for each in (earlier, later) if not each.name.startswith("override/")]
            without = f", or write {KIND}: {{{names[0]}: {NONE}}}" if names else ""
            scope.report(later.place, f"{why}; choose another{without}")


def _clash(one: _Code, other: _Code) -> str:
    if (one.name in IN_CALL) is not (other.name in IN_CALL):
        return ""  # one is dialled, the other typed during a call
    if one.code == other.code:
        return f"{one.code} is the code of {one.name}"
    for short, long in ((one, other), (other, one)):
        rest = long.code.removeprefix(short.code)
        if short.name in WITH_NUMBER and rest != long.code and rest.isdigit():
            return f"{long.code} begins with {short.code}, the code of {short.name}, which a number follows"
    return ""
