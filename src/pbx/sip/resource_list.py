"""A list of resources that is watched by one subscription: multipart/related with an RLMI document first (RFC 4662)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

OPTION = "eventlist"
CONTENT_TYPE = "multipart/related"
RLMI = "application/rlmi+xml"
_BOUNDARY = "part-of-a-list"  # in none of our documents


@dataclass(frozen=True, slots=True)
class Resource:
    """One of a list: its URI, the name that people read, and its state as a document of `content_type`."""

    uri: str
    name: str
    content_type: str
    state: bytes


def content_type(domain: str) -> str:
    """Of a NOTIFY with a list."""
    return f'{CONTENT_TYPE};type="{RLMI}";start="<list@{domain}>";boundary="{_BOUNDARY}"'


def document(uri: str, domain: str, version: int, resources: Sequence[Resource], *, full: bool) -> bytes:
    """The states of these resources of the list `uri`: of all that it has (`full`), or of those that changed (§5.2)."""
    rows = [_resource(f"{number}@{domain}", one) for number, one in enumerate(resources, 1)]
    head = f'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri={quoteattr(uri)} version="{version}"'
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{head} fullState="{str(full).lower()}">\n{"".join(rows)}</list>\n'
    parts = [_part(f"list@{domain}", f'{RLMI};charset="UTF-8"', text.encode())]
    parts += [_part(f"{number}@{domain}", one.content_type, one.state) for number, one in enumerate(resources, 1)]
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def _resource(cid: str, one: Resource) -> str:
    instance = f'<instance id="1" state="active" cid={quoteattr(cid)}/>'
    return f"<resource uri={quoteattr(one.uri)}><name>{escape(one.name)}</name>{instance}</resource>\n"


def _part(cid: str, content_type: str, body: bytes) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n"
    return f"{head}Content-Type: {content_type}\r\n\r\n".encode() + body + b"\r\n"
