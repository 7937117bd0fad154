"""Values of header fields: name-addr, Via, CSeq, parameters, comma lists (RFC 3261 §20, §25.1).

All patterns take linear time: no two repetitions side by side meet the same character, and values come stripped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_PARAMETERS = rf"(?:\s*;\s*{_TOKEN}(?:\s*=\s*(?:{_QUOTED}|[^\s;,\"<>]*))?)*"
_NAME_ADDR = re.compile(
    rf"(?:(?P<quoted>{_QUOTED})\s*|(?P<tokens>[A-Za-z0-9\-.!%*_+`'~\s\x80-\U0010ffff]*))"
    rf"<(?P<uri>[^<>\"\s]+)>(?P<parameters>{_PARAMETERS})\s*",
    re.DOTALL | re.ASCII,
)
_ADDR_SPEC = re.compile(rf"(?P<uri>[A-Za-z][A-Za-z0-9+\-.]*:[^\s<>,\"?;]+)(?P<parameters>{_PARAMETERS})\s*", re.ASCII)
_VIA = re.compile(
    rf"SIP\s*/\s*2\.0\s*/\s*(?P<transport>{_TOKEN})\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)"
    rf"(?:\s*:\s*(?P<port>[0-9]{{1,5}}))?(?P<parameters>{_PARAMETERS})\s*(?P<rest>,.*)?",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
# What all but a few send: branch first, at most `rport` (filled in responses) and `received` behind it, no spaces.
_USUAL_VIA = re.compile(
    rf"SIP/2\.0/(UDP|TCP) ([a-z0-9.\-]+)(?::([0-9]{{1,5}}))?;branch=({_TOKEN})"
    r"(;rport(?:=[0-9]+)?)?(?:;received=[0-9A-Fa-f.:]+)?"
)
_PARAMETER = re.compile(rf";\s*({_TOKEN})(?:\s*=\s*({_QUOTED}|[^\s;,\"<>]*))?", re.DOTALL | re.ASCII)
_CSEQ = re.compile(rf"([0-9]{{1,10}})\s+({_TOKEN})", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DELIMITER = re.compile(r'["\\<>,]')
CSEQ_LIMIT = 2**31
MAX_VALUES = 128  # of one line


class NameAddr(NamedTuple):
    """A `name-addr` or `addr-spec`: `display` unquoted, `parameters` the raw text behind it, `tag` one of them."""

    display: str
    uri: str
    parameters: str
    tag: str


class Via(NamedTuple):
    """One Via value; `port` is 0 when not written; `rest` are the further values of the same line, with their comma."""

    transport: str
    host: str
    port: int
    branch: str
    rport: bool
    head: str
    rest: str


@lru_cache(1024)  # the same From and To come with every message of a dialog
def name_addr(value: str) -> NameAddr:
    """Parse one From, To, Contact, Route … value. Raises ValueError (unbalanced quote, stray `;`, spaces in `<>`)."""
    found = _NAME_ADDR.fullmatch(value)
    if found is not None:
        quoted, tokens, uri, text = found.groups()
        display = _unquote(quoted) if quoted else tokens.rstrip() if tokens else ""
        return NameAddr(display, uri, text, _tag(text))
    found = _ADDR_SPEC.fullmatch(value)
    if found is None:
        raise ValueError("not an address")
    return NameAddr("", found["uri"], found["parameters"], _tag(found["parameters"]))


def _tag(text: str) -> str:
    """The tag among raw parameters, empty when absent."""
    if not text:
        return ""
    if text.startswith(";tag=") and text.find(";", 5) < 0 and " " not in text:
        return text[5:]
    return parameters(text).get("tag", "")


def format_name_addr(display: str, uri: str) -> str:
    """`"display" <uri>`, quoted and free of control characters; `<uri>` when there is no display name."""
    if not display:
        return f"<{uri}>"
    clean = _CONTROL.sub("", display).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{clean}" <{uri}>'


def _unquote(text: str) -> str:
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def via(value: str) -> Via:
    """Parse the first value of a Via line. Raises ValueError."""
    found = _USUAL_VIA.fullmatch(value)
    if found is not None:
        transport, host, port, branch, more = found.groups()
        if not (port and int(port) > 65535):
            return Via(transport, host, int(port) if port else 0, branch, more == ";rport", value, "")
    found = _VIA.fullmatch(value)
    if found is None:
        raise ValueError("not a Via")
    transport, host, port, text, rest = found.groups()
    number = int(port) if port else 0
    if number > 65535:
        raise ValueError("port")
    head = value if not rest else value[: found.start("rest")]
    branch, rport = _via_parameters(text)
    return Via(transport.upper(), host.lower(), number, branch, rport, head.rstrip(), rest or "")


def _via_parameters(text: str) -> tuple[str, bool]:
    """Branch, and whether an empty `rport` asks for symmetric answers (RFC 3581)."""
    branch, rport = "", False
    for name, raw in _PARAMETER.findall(text):
        key = name.lower()
        if key == "branch":
            branch = raw
        elif key == "rport":
            rport = not raw
    return branch, rport


@lru_cache(256)
def cseq(value: str) -> tuple[int, str]:
    """(number, method); raises ValueError, also from 2**31 on."""
    number, _, method = value.partition(" ")
    if not (number.isdecimal() and number.isascii() and method.isalpha() and len(number) < 11):
        found = _CSEQ.fullmatch(value)
        if found is None:
            raise ValueError("CSeq")
        number, method = found.groups()
    if int(number) >= CSEQ_LIMIT:
        raise ValueError("CSeq number")
    return int(number), method


def rack(value: str) -> tuple[int, int, str]:
    """RAck (RFC 3262 §7.2) as (number of the response, CSeq number, method); (0, 0, "") when it is none."""
    words = value.split()
    if len(words) != 3 or not all(word.isascii() and word.isdecimal() and len(word) < 11 for word in words[:2]):
        return 0, 0, ""
    return int(words[0]), int(words[1]), words[2]


def number(value: str) -> int:
    """The leading number of a field (RSeq, Min-SE, Session-Expires, Retry-After, Expires); -1 when it has none."""
    text = value.partition(";")[0].partition("(")[0].strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else -1


def parameters(text: str) -> dict[str, str]:
    """`;a=b;c` as {"a": "b", "c": ""}: names in small letters, quoted values unquoted."""
    return {
        name.lower(): _unquote(value) if value.startswith('"') else value for name, value in _PARAMETER.findall(text)
    }


def split_commas(value: str) -> list[str]:
    """Split a list value at commas that are neither in quotes nor in `<>`; past MAX_VALUES the rest stays whole."""
    if "," not in value:
        return [value.strip()]
    parts, start, quoted, angled, skip = [], 0, False, False, -1
    for found in _DELIMITER.finditer(value):
        at, mark = found.start(), found[0]
        if at == skip:
            continue
        if quoted:
            if mark == "\\":
                skip = at + 1
            elif mark == '"':
                quoted = False
        elif mark == '"':
            quoted = True
        elif mark == "<":
            angled = True
        elif mark == ">":
            angled = False
        elif mark == "," and not angled:
            parts.append(value[start:at].strip())
            start = at + 1
            if len(parts) == MAX_VALUES:
                break
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def tokens(values: Sequence[str]) -> list[str]:
    """All tokens of comma lists (Require, Supported, Accept …), in small letters, without their parameters."""
    return [part.partition(";")[0].strip().lower() for value in values for part in split_commas(value)]


@lru_cache(256)
def _tags(value: str) -> frozenset[str]:
    return frozenset(tokens([value]))


def has_tag(field: str | list[str] | None, tag: str) -> bool:
    """Whether a field of option tags (Supported, Require), as a message keeps it, has this one (in small letters)."""
    if field is None:
        return False
    return tag in _tags(field) if isinstance(field, str) else any(tag in _tags(line) for line in field)


def reason(value: str) -> tuple[str, int, str]:
    """One Reason value (RFC 3326) as (protocol, cause, text); cause 0 when absent or broken."""
    protocol, _, rest = value.partition(";")
    found = parameters(";" + rest) if rest else {}
    cause = found.get("cause", "")
    number = int(cause) if cause.isdecimal() and len(cause) < 5 else 0
    return protocol.strip(), number, found.get("text", "")
