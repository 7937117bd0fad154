"""A SIP message as a test looks at it: start line, headers in order, body. Lenient: it reads what was sent."""

import re
from dataclasses import dataclass, field

COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "c": "Content-Type",
    "l": "Content-Length",
}


@dataclass
class Message:
    """`headers` keep order, case and repetition; look-ups ignore case and know the compact forms (RFC 3261 §7.3.3)."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def status(self) -> int:
        """The code of a response, 0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def reason(self) -> str:
        return self.start.split(" ", 2)[2] if self.status else ""

    @property
    def method(self) -> str:
        """The method of a request; of a response the method it answers."""
        return self["CSeq"].split()[-1] if self.status else self.start.split(" ", 1)[0]

    @property
    def uri(self) -> str:
        """The Request-URI, empty for a response."""
        return "" if self.status else self.start.split(" ")[1]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(f"no {name} in: {self.start}")
        return value

    @property
    def sequence(self) -> int:
        return int(self["CSeq"].split()[0])

    @property
    def branch(self) -> str:
        return parameter(self["Via"], "branch")

    def __bytes__(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + f"\r\nContent-Length: {len(self.body)}\r\n\r\n").encode() + self.body


def parse(data: bytes) -> Message:
    """ValueError when it is no SIP message. Content-Length is left out of `headers` (it is made anew when sent)."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).replace("\r", "").split("\n")
    if "SIP/2.0" not in lines[0]:
        raise ValueError(f"not SIP: {lines[0][:80]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = COMPACT.get(name.strip().lower(), name.strip())
        if colon and name.lower() != "content-length":
            headers.append((name, value.strip()))
    return Message(lines[0].strip(), headers, body)


def parameter(value: str, name: str) -> str:
    """A `;name=value` parameter of a header or URI, empty when it is not there."""
    found = re.search(rf"[;?]\s*{re.escape(name)}\s*=\s*\"?([^;,>\s\"]+)", value)
    return found[1] if found else ""


def address(value: str) -> str:
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0].strip()


def user(value: str) -> str:
    """The user part of the URI of a header, empty when it has none."""
    found = re.match(r"(?:sips?|tel):(?:([^@]*)@|(\+?[\d*#]+)(?=;|$))?", address(value))
    return (found[1] or found[2] or "") if found else ""
