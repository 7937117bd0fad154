"""How a text is written: quotes where a reader could take it for something else, none around plain words."""

from __future__ import annotations

import re

from pbx.model.format_tree import Scalar

# what readers of YAML 1.1 or 1.2 take for a number or a clock time, other than what is one here as well
_NUMBER = re.compile(
    r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9][0-9_]*"
    r"|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z"
)
_OURS = re.compile(r"(-?(?:0|[1-9][0-9]{0,17})|true|false|null|~)?\Z")  # typed by yaml_events too
_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "=", "<<"])
_SPECIAL = frozenset(":#{}[],&*!|>'\"%@`\\?=")


def written(scalar: Scalar, key: bool = False) -> str:
    """A scalar of one line as it shall stand; the meaning is the same."""
    value, style = scalar.value, scalar.style
    if not style:
        misread = _NUMBER.match(value) or (not key and value.lower() in _WORDS)
        return _quoted(scalar) if misread and not (_OURS.match(value) and not key) else scalar.raw
    return value if is_plain(value) else _quoted(scalar)


def is_plain(value: str) -> bool:
    """Words that no reader of YAML takes for anything else, wherever they stand."""
    if not value or not value[0].isalpha() or value != value.strip() or not value.isprintable():
        return False
    return not (_SPECIAL & set(value) or value.lower() in _WORDS or _NUMBER.match(value))


def _quoted(scalar: Scalar) -> str:
    if '"' in scalar.value or "\\" in scalar.value or not scalar.value.isprintable():
        return scalar.raw
    return f'"{scalar.value}"'
