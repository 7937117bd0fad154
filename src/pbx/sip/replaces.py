"""Replaces: an INVITE that takes the place of another call leg (RFC 3891)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from pbx.sip import headers
from pbx.sip.session_state import SessionState

if TYPE_CHECKING:
    from pbx.sip.message import Request
    from pbx.sip.server_transaction import ServerTransaction
    from pbx.sip.session import InviteSession


class Replaces(NamedTuple):
    """The dialog to replace, by its tags as the one who is asked knows them: `to_tag` is its own."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


def parse(value: str) -> Replaces:
    """Raises ValueError."""
    call_id, _, rest = value.partition(";")
    found = headers.parameters(";" + rest)
    if not call_id.strip() or not found.get("to-tag") or not found.get("from-tag"):
        raise ValueError("Replaces needs a Call-ID and both tags")
    return Replaces(call_id.strip(), found["to-tag"], found["from-tag"], "early-only" in found)


def of_uri(uri_headers: str) -> Replaces | None:
    """The one among the `?headers` of a Refer-To URI, escaped there; None when there is none. Raises ValueError."""
    for part in uri_headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            return parse(unquote(value))
    return None


def find(
    request: Request, transaction: ServerTransaction, sessions: Mapping[tuple[str, str], InviteSession]
) -> InviteSession | None:
    """The leg that an INVITE replaces; None after a refusal by §3's rules."""
    lines = request.get_all("replaces")
    try:
        wanted = parse(lines[0])
    except ValueError:
        transaction.respond(400, "Broken Replaces")
        return None
    session = sessions.get((wanted.call_id, wanted.to_tag))
    if len(lines) > 1:
        transaction.respond(400, "Repeated Replaces")
    elif session is None or session.remote_tag != wanted.from_tag or session.is_early_uas:
        transaction.respond(481)  # also of a call that rings here: only who rings it may be replaced
    elif session.state is SessionState.ENDED:
        transaction.respond(603)
    elif wanted.early_only and session.state is not SessionState.EARLY:
        transaction.respond(486)
    else:
        return session
    return None
