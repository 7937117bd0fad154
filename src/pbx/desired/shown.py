"""Which values of a difference may be shown: those of kinds known to hold no secret. All others are named, never shown.

Modules mask secrets themselves (`(secret)`); this is the second lock. A kind that is not listed shows no value, and a
field whose name speaks of a secret never does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

CUT = 120  # characters of one value

_MODEL = (
    "tenant location emergency user device number list flow announcement ivr ring_group schedule calendar trunk "
    "outbound_route class_of_service prompt"
)
_EDGE = "htable/domain htable/did htable/owner htable/emergency htable/trunk address dispatcher setting"
_HOST = "file directory link account group rtpengine_setting release service package"
MODEL = frozenset(_MODEL.split())
HARMLESS = MODEL | frozenset(f"{_EDGE} {_HOST}".split())
# Of these kinds only what describes them is shown, never what is in them.
ONLY: Mapping[str, frozenset[str]] = {
    kind: frozenset({"owner", "group", "mode", "target"}) for kind in ("file", "directory", "link")
}
_SECRET = re.compile(r"passw|secret|token|\bpin\b|_pin$|^pin|key$|hash|ha1|login|auth|content", re.IGNORECASE)


def values(kind: str, fields: Sequence[str], value: Any) -> Any:
    """What may be shown of one side of a difference: field → value, one plain value, or None for nothing."""
    if kind not in HARMLESS or value is None:
        return None
    if isinstance(value, Mapping):
        chosen = {name: cut(value[name]) for name in fields if name in value and _harmless(kind, name, value[name])}
        return chosen or None
    return None if kind in ONLY else cut(value)


def _harmless(kind: str, field: str, value: Any) -> bool:
    if _SECRET.search(field) or (kind in ONLY and field not in ONLY[kind]):
        return False
    return not any(_SECRET.search(name) for name in _names(value))


def _names(value: Any) -> list[str]:
    """Every key inside a value, so that a secret below a harmless name is not shown either."""
    if isinstance(value, Mapping):
        return [str(key) for key in value] + [name for inner in value.values() for name in _names(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _names(inner)]
    return []


def cut(value: Any) -> Any:
    """A value as it is kept in a plan: short ones as they are, long or nested ones as a piece of JSON text."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= CUT else f"{text[: CUT - 1]}…"
