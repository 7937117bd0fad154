"""Messages to bytes: one template per shape.

Text that comes from the network or from configuration passes `header_lines`, which refuses line breaks: nothing that a
peer sends can add a header field to what we send.
"""

from __future__ import annotations

from collections.abc import Sequence

from pbx.sip.address import Address
from pbx.sip.message import Request
from pbx.sip.phrases import phrase

Headers = Sequence[tuple[str, str]]
MAX_FORWARDS = "Max-Forwards: 70\r\n"


class Outgoing:
    """A request before it has a branch: what its ACK, CANCEL or a repeat with credentials is made from.

    `lead` is the finished block of Route, From and Call-ID lines, `headers` that of all further lines.
    """

    __slots__ = ("body", "cseq", "headers", "lead", "method", "to", "uri")

    def __init__(self, method: str, uri: str, lead: str, to: str, cseq: int, headers: str, body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.lead = lead
        self.to = to
        self.cseq = cseq
        self.headers = headers
        self.body = body

    def render(self, via: str) -> bytes:
        head = (
            f"{self.method} {self.uri} SIP/2.0\r\nVia: {via}\r\n{self.lead}To: {self.to}\r\n"
            f"CSeq: {self.cseq} {self.method}\r\n{self.headers}Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("utf-8", "surrogateescape") + self.body

    def shed(self) -> None:
        """Drop what is needed no more once a final response came; method and CSeq stay."""
        self.lead = self.headers = ""
        self.body = b""

    def ack_of_failure(self, to: str) -> Outgoing:
        """The ACK of a final response above 299 (RFC 3261 §17.1.1.3); `to` is that of the response."""
        return Outgoing("ACK", self.uri, self.lead, to, self.cseq, MAX_FORWARDS)

    def cancel(self, headers: Headers) -> Outgoing:
        """The CANCEL of an INVITE (RFC 3261 §9.1)."""
        return Outgoing("CANCEL", self.uri, self.lead, self.to, self.cseq, MAX_FORWARDS + header_lines(headers))


def header_lines(headers: Headers) -> str:
    """Header fields as lines. Raises ValueError when a name or value holds a line break."""
    if not headers:
        return ""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise ValueError("a header field may not hold a line break")
    return text


def render_response(status: int, reason: str, echo: str, to: str, headers: str, body: bytes) -> bytes:
    """A response; `echo` is the finished block of Via, From, Call-ID and CSeq lines."""
    reason = reason or phrase(status)
    if "\n" in reason or "\r" in reason:
        raise ValueError("a reason phrase may not hold a line break")
    head = f"SIP/2.0 {status} {reason}\r\n{echo}To: {to}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def echo_block(request: Request, source: Address) -> str:
    """Via (with `received` and `rport`, RFC 3581 §4), From, Call-ID and CSeq of the request, as lines."""
    via, fields = request.via, request.fields
    head = via.head
    if via.rport:
        head = _fill_rport(head, source)
    elif via.host.strip("[]") != source.host:
        head = f"{head};received={source.host}"
    lines = fields["via"]
    further = "" if isinstance(lines, str) else "".join([f"Via: {line}\r\n" for line in lines[1:]])
    return (
        f"Via: {head}{via.rest}\r\n{further}From: {fields['from']}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {request.cseq} {request.cseq_method}\r\n"
    )


def _fill_rport(head: str, source: Address) -> str:
    start = head.lower().rfind(";rport")
    if start < 0:  # written with spaces around it
        return f"{head};received={source.host}"
    end = start + 6
    return f"{head[:end]}={source.port}{head[end:].lstrip(' =')};received={source.host}"


def record_route_lines(request: Request) -> str:
    """The Record-Route lines of a request, for the responses that make a dialog (RFC 3261 §12.1.1)."""
    return "".join([f"Record-Route: {line}\r\n" for line in request.get_all("record-route")])
