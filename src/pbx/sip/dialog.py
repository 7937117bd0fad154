"""Dialogs: who, with which tags and numbers, over which route (RFC 3261 §12)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pbx.sip import uri
from pbx.sip.address import Address
from pbx.sip.headers import name_addr
from pbx.sip.message import Message, Request, Response
from pbx.sip.render import Outgoing

SEQ_LEAP = 1000
# A phone's name may be in Latin-1: such a byte is a lone surrogate here, which JSON does not take, and a character for
# private use where it is kept.
_TO_PRIVATE = {0xDC80 + byte: 0xF780 + byte for byte in range(128)}
_SURROGATE = re.compile("[\udc80-\udcff]")
_FROM_PRIVATE = {private: surrogate for surrogate, private in _TO_PRIVATE.items()}


class Dialog:
    """One dialog as we see it. `local` and `remote` are From/To values with their tags."""

    __slots__ = (
        "_lead",
        "call_id",
        "destination",
        "local",
        "local_seq",
        "local_tag",
        "remote",
        "remote_seq",
        "remote_tag",
        "remote_target",
        "route_set",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_target: str,
        route_set: Sequence[str],
        local_seq: int,
        remote_seq: int,
        destination: Address,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_target = remote_target
        self.route_set = tuple(route_set)
        self.local_seq = local_seq
        self.remote_seq = remote_seq
        self.destination = next_hop(self.route_set, destination)
        self._lead = ""

    @classmethod
    def of_request(cls, request: Request, source: Address, local_tag: str, local_seq: int) -> Dialog:
        """The dialog that a response of ours to this INVITE makes (§12.1.1)."""
        return cls(
            call_id=request.call_id,
            local=f"{request.get('to')};tag={local_tag}",
            local_tag=local_tag,
            remote=request.get("from"),
            remote_tag=request.from_tag,
            remote_target=request.contact_uri,
            route_set=request.record_route,
            local_seq=local_seq,
            remote_seq=request.cseq,
            destination=source,
        )

    @classmethod
    def of_snapshot(cls, kept: Mapping[str, Any]) -> Dialog:
        """The dialog of a snapshot, its CSeq far above whatever was sent since (contracts: CSeq + 1000)."""
        return cls(
            call_id=kept["call_id"],
            local=_as_sent(kept["local"]),
            local_tag=kept["local_tag"],
            remote=_as_sent(kept["remote"]),
            remote_tag=_as_sent(kept["remote_tag"]),
            remote_target=kept["remote_target"],
            route_set=[_as_sent(route) for route in kept["route_set"]],
            local_seq=kept["local_seq"] + SEQ_LEAP,
            remote_seq=kept["remote_seq"],
            destination=Address(*kept["destination"]),
        )

    def of_response(self, response: Response, destination: Address) -> Dialog:
        """The dialog that this response to our INVITE makes (§12.1.2); self is another fork or the first, half dialog.

        `destination` is where the INVITE was sent.
        """
        return Dialog(
            call_id=self.call_id,
            local=self.local,
            local_tag=self.local_tag,
            remote=response.get("to"),
            remote_tag=response.to_tag,
            remote_target=response.contact_uri or self.remote_target,
            route_set=response.record_route[::-1],
            local_seq=self.local_seq,
            remote_seq=0,
            destination=destination,
        )

    def confirm(self, response: Response, destination: Address) -> Dialog:
        """The dialog of a 2xx: this one when it was its early dialog, its route set taken anew (§13.2.2.4)."""
        if response.to_tag != self.remote_tag or not response.to_tag:
            return self.of_response(response, destination)
        self.route_set = tuple(response.record_route[::-1])
        self.destination = next_hop(self.route_set, destination)
        self._lead = ""
        self.refresh(response)
        return self

    def request(self, method: str, headers: str, body: bytes = b"", cseq: int = 0) -> Outgoing:
        """A request of this dialog with the next CSeq; `cseq` is given for ACK only (§12.2.1.1)."""
        if not cseq:
            self.local_seq += 1
            cseq = self.local_seq
        target = self.remote_target
        if not self._lead:
            self._lead = f"{route_lines(self.route_set, target)}From: {self.local}\r\nCall-ID: {self.call_id}\r\n"
        if self.route_set and not _is_loose(self.route_set[0]):
            target = name_addr(self.route_set[0]).uri
        return Outgoing(method, target, self._lead, self.remote, cseq, headers, body)

    def refresh(self, message: Message) -> None:
        """Take a new remote target from a re-INVITE, an UPDATE or a 2xx to ours (§12.2)."""
        target = message.contact_uri
        if target and target != self.remote_target:
            self.remote_target = target
            self._lead = ""

    def snapshot(self) -> dict[str, Any]:
        """The dialog as plain values."""
        return {
            "call_id": self.call_id,
            "local": _as_text(self.local),
            "local_tag": self.local_tag,
            "remote": _as_text(self.remote),
            "remote_tag": _as_text(self.remote_tag),
            "remote_target": self.remote_target,
            "route_set": [_as_text(route) for route in self.route_set],
            "local_seq": self.local_seq,
            "remote_seq": self.remote_seq,
            "destination": list(self.destination),
        }


def _as_text(value: str) -> str:
    return value if value.isascii() or not _SURROGATE.search(value) else value.translate(_TO_PRIVATE)


def _as_sent(kept: str) -> str:
    return kept if kept.isascii() else kept.translate(_FROM_PRIVATE)


def route_lines(route_set: Sequence[str], target: str) -> str:
    """The Route lines of a request; behind a strict router the target comes last (§12.2.1.1)."""
    if not route_set:
        return ""
    routes = route_set if _is_loose(route_set[0]) else (*route_set[1:], f"<{target}>")
    return "".join([f"Route: {route}\r\n" for route in routes])


def next_hop(route_set: Sequence[str], otherwise: Address) -> Address:
    """Where requests of the dialog go: the top route if it is an IP literal, else where its first request came from."""
    if route_set:
        try:
            return uri.address_of(name_addr(route_set[0]).uri) or otherwise
        except ValueError:
            pass
    return otherwise


def _is_loose(route: str) -> bool:
    try:
        return uri.parameter_of(name_addr(route).uri, "lr") is not None
    except ValueError:
        return True
