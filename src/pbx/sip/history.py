"""Who a call was meant for before it came here: Diversion (RFC 5806) and History-Info (RFC 7044), read and written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from pbx.sip import headers
from pbx.sip.message import Message
from pbx.sip.uri import host_of, is_valid

MOST = 20  # values of one message that are read
_CAUSES = {302: "unconditional", 408: "no-answer", 480: "unavailable", 486: "user-busy", 603: "deflection"}


class Diverted(NamedTuple):
    """One who sent the call on: `reason` a word of RFC 5806 (`user-busy`, `no-answer` …), `hops` how often in a row."""

    uri: str
    reason: str
    hops: int = 1
    is_private: bool = False


class Target(NamedTuple):
    """One entry of History-Info: the URI that was called, its `place` (`1.2`), and the status that led on from it."""

    uri: str
    place: str
    cause: int = 0


def diversions(message: Message) -> list[Diverted]:
    """The Diversion values, the last one who diverted first; broken ones are left out."""
    found = []
    for value in message.values("diversion")[:MOST]:
        try:
            address = headers.name_addr(value)
        except ValueError:
            continue
        said = headers.parameters(address.parameters)
        if is_valid(address.uri):
            hops = max(1, headers.number(said.get("counter", "")))
            private = said.get("privacy", "off").lower() not in ("", "off")
            found.append(Diverted(address.uri, said.get("reason", "unknown").lower(), hops, private))
    return found


def hops(message: Message) -> int:
    """How often a call was sent on before it came here, by whichever field says more."""
    return max(sum(one.hops for one in diversions(message)), len(history(message)) - 1, 0)


def history(message: Message) -> list[Target]:
    """The History-Info entries, oldest first; broken ones are left out."""
    found = []
    for value in message.values("history-info")[:MOST]:
        try:
            address = headers.name_addr(value)
        except ValueError:
            continue
        uri, _, further = address.uri.partition("?")
        index = headers.parameters(address.parameters).get("index", "")
        if is_valid(uri):
            found.append(Target(uri, index, _cause(further)))
    return found


def _cause(further: str) -> int:
    for part in further.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "reason":
            return headers.reason(unquote(value))[1]
    return 0


def diverted_lines(
    diverting: Sequence[tuple[str, int]], target: str, *, private: bool = False
) -> list[tuple[str, str]]:
    """The fields of a call that goes to `target` (a URI) because each of `diverting` sent it on: the URI it was meant
    for and the status that led on from there, the first of them first. Without any: no fields.

    Diversion names the last one first (RFC 5806 §5.1), History-Info the first; `mp` is whose target was
    changed (RFC 7044 §5).
    """
    if not diverting:
        return []
    privacy = "full" if private else "off"
    hidden = "&Privacy=history" if private else ""
    diversions: list[tuple[str, str]] = []
    entries: list[str] = []
    place, parent = "1", ""
    for uri, status in diverting:
        word = _CAUSES.get(status, "unknown")
        diversions.insert(0, ("Diversion", f"<{uri}>;reason={word};counter=1;privacy={privacy}"))
        reason = quote(f"SIP;cause={status}", safe="")
        entries.append(f"<{uri}?Reason={reason}{hidden}>;index={place}{parent}")
        place, parent = f"{place}.1", f";mp={place}"
    entries.append(f"<{target}>;index={place}{parent}")
    return [*diversions, ("History-Info", ", ".join(entries))]


def status_of(reason: str) -> int:
    """The status behind a word of RFC 5806; 302 for one that says little."""
    return next((status for status, word in _CAUSES.items() if word == reason), 302)


def redirected_to(message: Message, hosts: Sequence[str]) -> str:
    """The URI of the first Contact of a 3xx that stays inside `hosts`, or is a telephone number; empty when none does.

    Wherever else a peer sends a caller, we do not go.
    """
    for value in message.values("contact")[:MOST]:
        try:
            found = headers.name_addr(value).uri
        except ValueError:
            continue
        uri = found.partition("?")[0]
        if is_valid(uri) and (uri[:4].lower() == "tel:" or host_of(uri) in hosts):
            return uri
    return ""
