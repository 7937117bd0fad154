"""SIP messages: bytes to `Request` and `Response` (RFC 3261 §7, §25).

Parsed at once: the start line, top Via, From, To, Call-ID, CSeq, Max-Forwards, Content-Length; all other header fields
stay text until asked for. A message that breaks the grammar raises `BadMessage`, which knows the status to answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast

from pbx.sip import headers, uri
from pbx.sip.headers import NameAddr, Via

MAX_MESSAGE = 65535  # bytes: what one datagram can hold
MAX_LINE = 8192  # characters of one header field, unfolded
MAX_FIELDS = 100
MAX_HOPS = 64  # Via, Route or Record-Route values

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
_SINGLE = frozenset({"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type"})
_METHODS = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE"})  # surely tokens
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE | re.ASCII)
_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE)

# Raw spelling -> name in small letters. Fills itself, up to a bound, since the spelling is the sender's choice.
_names: dict[str, str] = {}
_NAMES_LIMIT = 512

Fields = dict[str, str | list[str]]


class BadMessage(Exception):
    """A message that cannot be served. `status` is 0 where no answer is due (responses, ACK, no usable Via)."""

    def __init__(self, status: int, reason: str, fields: Mapping[str, str | list[str]] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.fields: Mapping[str, str | list[str]] = fields or {}


class Message:
    """What requests and responses share. `fields` maps small-letter names to one value or, when repeated, a list."""

    __slots__ = (
        "body",
        "call_id",
        "cseq",
        "cseq_method",
        "fields",
        "from_",
        "from_tag",
        "max_forwards",
        "to",
        "to_tag",
        "via",
    )
    fields: Fields
    body: bytes
    via: Via
    from_: NameAddr
    to: NameAddr
    from_tag: str
    to_tag: str
    call_id: str
    cseq: int
    cseq_method: str
    max_forwards: int

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header field (long name, any case), `default` when absent."""
        value = self.fields.get(name) or self.fields.get(name.lower())
        if value is None:
            return default
        return value if isinstance(value, str) else value[0]

    def get_all(self, name: str) -> list[str]:
        """All lines of a header field, in order; a line that is a comma list stays one (see `values`)."""
        value = self.fields.get(name.lower())
        if value is None:
            return []
        return [value] if isinstance(value, str) else list(value)

    def values(self, name: str) -> list[str]:
        """All values of a header field that is a comma list; `name` in small letters."""
        if name not in self.fields:
            return []
        return [part for line in self.get_all(name) for part in headers.split_commas(line)]

    @property
    def from_uri(self) -> str:
        return self.from_.uri

    @property
    def from_display(self) -> str:
        return _readable(self.from_.display)

    @property
    def to_uri(self) -> str:
        return self.to.uri

    @property
    def to_display(self) -> str:
        return _readable(self.to.display)

    @property
    def contact_uri(self) -> str:
        """The URI of the only Contact; empty when it is absent, repeated, broken or not one to send a request to."""
        value = self.fields.get("contact")
        return _contact_uri(value) if isinstance(value, str) else ""

    @property
    def record_route(self) -> list[str]:
        """The Record-Route values from the top; those that name no SIP URI are left out."""
        return [value for value in self.values("record-route") if is_route(value)]

    @property
    def asserted(self) -> list[NameAddr]:
        """P-Asserted-Identity (RFC 3325 §9.1): the well-formed values; sip and tel URIs."""
        return list(_addresses(self.values("p-asserted-identity")))

    @property
    def privacy(self) -> frozenset[str]:
        """The priv-values of Privacy (RFC 3323 §4.2), small letters: `id`, `user`, `header`, `none` …"""
        return frozenset(part.strip().lower() for line in self.get_all("privacy") for part in re.split("[;,]", line))

    @property
    def reasons(self) -> list[tuple[str, int, str]]:
        """Reason values (RFC 3326) as (protocol, cause, text)."""
        return [headers.reason(value) for value in self.values("reason")]

    @property
    def sdp(self) -> bytes | None:
        """The session description, also from inside a multipart body; None when there is none."""
        if not self.body:
            return None
        kind = self.get("content-type")
        if kind[:15].lower() == "application/sdp":
            return self.body
        return _sdp_part(kind, self.body) if kind[:10].lower() == "multipart/" else None


class Request(Message):
    """`raw` is the message as it came."""

    __slots__ = ("method", "raw", "uri")
    method: str
    uri: str
    raw: bytes


class Response(Message):
    __slots__ = ("reason", "status")
    status: int
    reason: str


def parse(data: bytes) -> Request | Response:
    """Parse one whole message. Raises BadMessage and nothing else."""
    if len(data) > MAX_MESSAGE:
        raise BadMessage(513, "Message Too Large", _salvage(data))
    data = data.lstrip(b"\r\n")  # RFC 3261 §7.5
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise BadMessage(400, "No End Of Header", _salvage(data))
    text = data[:end].decode("utf-8", "surrogateescape")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    start = lines[0]
    fields, broken = _fields(lines)
    try:
        breaks = len(lines) - 1
        if text.count("\n") != breaks or text.count("\r") != breaks:
            fields = {}  # not even good enough to be echoed
            raise BadMessage(400, "Stray Line Break")
        if broken:
            raise BadMessage(400, broken)
        if len(text) > MAX_LINE and any(len(line) > MAX_LINE for line in lines):
            raise BadMessage(400, "Header Field Too Long")
        if text.count(",") > MAX_HOPS:
            _check_hops(fields)
        message: Request | Response = _status_line(start) if start[:4].upper() == "SIP/" else _request_line(start)
        _fill(message, fields)
        message.body = _cut_body(fields.get("content-length"), data[end + 4 :])
        if isinstance(message, Request):
            message.raw = data
    except BadMessage as bad:
        bad.fields = fields
        if start[:4].upper() in ("SIP/", "ACK "):
            bad.status = 0
        raise
    return message


def _fields(lines: list[str]) -> tuple[Fields, str]:
    """The header fields, and what is wrong with them (empty: nothing)."""
    fields: Fields = {}
    broken = ""
    known = _names.get
    for line in lines[1 : MAX_FIELDS + 1]:
        name, colon, value = line.partition(": ")
        key = known(name)
        if key is None or not colon or key in fields:
            broken = _add_unusual(fields, line) or broken
        else:
            fields[key] = value.strip(" \t")
    if len(lines) > MAX_FIELDS + 1:
        broken = "Too Many Header Fields"
    return fields, broken


def _add_unusual(fields: Fields, line: str) -> str:
    """Add a field that is repeated, new to us or oddly spelled; returns what is wrong with it."""
    name, colon, value = line.partition(":")
    key = _names.get(name) or _learn(name)
    if not key or not colon:
        return "Broken Header Field"
    value = value.strip(" \t")
    known = fields.get(key)
    if known is None:
        fields[key] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        fields[key] = [known, value]
    return f"Repeated {key.title()}" if known is not None and key in _SINGLE else ""


def _learn(raw: str) -> str:
    """The small-letter long name of a raw name; empty when it is no token."""
    name = raw.rstrip(" \t")
    if not _TOKEN.fullmatch(name):
        return ""
    key = name.lower()
    key = _COMPACT.get(key, key)
    if len(_names) < _NAMES_LIMIT and len(raw) < 64:
        _names[raw] = key
    return key


def _request_line(line: str) -> Request:
    parts = line.split(" ")
    if len(parts) != 3:
        raise BadMessage(400, "Broken Request Line")
    request = Request()
    request.method, target, version = parts
    request.uri = target
    if request.method not in _METHODS and not _TOKEN.fullmatch(request.method):
        raise BadMessage(400, "Broken Request Line")
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        if _VERSION.fullmatch(version):
            raise BadMessage(505, "Version Not Supported")
        raise BadMessage(400, "Broken Request Line")
    if not uri.is_sip(target):
        scheme = uri.scheme_of(target)
        if scheme not in ("sip", "sips", "tel", ""):
            raise BadMessage(416, "Unsupported URI Scheme")
        if scheme != "tel" or not uri.is_valid(target):
            raise BadMessage(400, "Broken Request-URI")
    return request


def _status_line(line: str) -> Response:
    found = _STATUS.fullmatch(line)
    if found is None:
        raise BadMessage(0, "Broken Status Line")
    response = Response()
    response.status = int(found[1])
    response.reason = found[2] or ""
    return response


def _fill(message: Request | Response, fields: Fields) -> None:
    """Check and set what every message must have (RFC 3261 §8.1.1). Repeated single fields are found before."""
    message.fields = fields
    single = cast("dict[str, str]", fields)  # those of _SINGLE are never lists
    try:
        vias, call_id = fields["via"], single["call-id"]
        message.via = headers.via(vias if isinstance(vias, str) else vias[0])
        message.from_ = sender = headers.name_addr(single["from"])
        message.to = target = headers.name_addr(single["to"])
        message.cseq, method = headers.cseq(single["cseq"])
    except KeyError as missing:
        raise BadMessage(400, f"Missing {str(missing.args[0]).title()}") from None
    except ValueError as broken:
        raise BadMessage(400, f"Broken Header Field ({broken})") from None
    message.cseq_method = method
    message.from_tag = sender.tag
    message.to_tag = target.tag
    message.call_id = call_id
    if not (call_id and call_id.isascii() and call_id.isprintable() and " " not in call_id):
        raise BadMessage(400, "Broken Call-ID")
    if isinstance(message, Request):
        if method != message.method:
            raise BadMessage(400, "CSeq Of Another Method")
        hops = message.get("max-forwards", "70")
        if not (hops.isascii() and hops.isdecimal() and len(hops) < 10):
            raise BadMessage(400, "Broken Max-Forwards")
        message.max_forwards = int(hops)


def _check_hops(fields: Fields) -> None:
    for name in ("via", "route", "record-route"):
        lines = fields.get(name, "")
        values = lines.count(",") if isinstance(lines, str) else sum(line.count(",") + 1 for line in lines)
        if values > MAX_HOPS:
            raise BadMessage(400, f"Too Many {name.title()}")


def _cut_body(length: str | list[str] | None, body: bytes) -> bytes:
    """A datagram's body ends where Content-Length says; what follows is ignored (RFC 3261 §18.3)."""
    if length is None or isinstance(length, list):
        return body
    if not (length.isascii() and length.isdecimal() and len(length) < 10):
        raise BadMessage(400, "Broken Content-Length")
    size = int(length)
    if size > len(body):
        raise BadMessage(400, "Content-Length Beyond The End")
    return body if size == len(body) else body[:size]


def _salvage(data: bytes) -> Fields:
    """What of a cut or oversized request is enough to answer it; empty for a response."""
    text = data[:MAX_LINE].decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    if lines[0][:4].upper() in ("SIP/", "ACK ") or not lines[0].upper().endswith("SIP/2.0"):
        return {}
    return _fields([line for line in lines[:-1] if "\n" not in line and "\r" not in line])[0]


def _sdp_part(content_type: str, body: bytes) -> bytes | None:
    boundary = headers.parameters(";" + content_type.partition(";")[2]).get("boundary", "")
    if not boundary:
        return None
    for part in body.split(b"--" + boundary.encode("utf-8", "surrogateescape"))[1:]:
        head, found, content = part.partition(b"\r\n\r\n")
        if found and re.search(rb"(?im)^content-type[ \t]*:[ \t]*application/sdp", head):
            return content[:-2] if content.endswith(b"\r\n") else content
    return None


@lru_cache(1024)
def _contact_uri(value: str) -> str:
    contacts = headers.split_commas(value)
    if len(contacts) != 1:
        return ""
    try:
        found = headers.name_addr(contacts[0]).uri
    except ValueError:
        return ""
    return found if uri.is_sip(found) else ""


def is_route(value: str) -> bool:
    """True for a Route or Record-Route value that a request can be sent by."""
    try:
        return uri.is_sip(headers.name_addr(value).uri)
    except ValueError:
        return False


def _addresses(values: list[str]) -> Iterator[NameAddr]:
    for value in values:
        try:
            address = headers.name_addr(value)
        except ValueError:
            continue
        if uri.is_valid(address.uri):
            yield address._replace(display=_readable(address.display))


def _readable(text: str) -> str:
    """Text that can be stored and shown: bytes that are not UTF-8 become U+FFFD, control characters go."""
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())
