"""Which requests are turned away before anybody else sees them, and with which status (RFC 3261 §8.2)."""

from __future__ import annotations

from pbx.sip import headers, uri
from pbx.sip.message import BadMessage, Request, is_route
from pbx.sip.render import render_response
from pbx.sip.server_transaction import ServerTransaction
from pbx.sip.session_timer import refuse_interval

SUPPORTED = frozenset({"100rel", "timer"})  # option tags that every stack serves
OF_SUBSCRIPTIONS = frozenset({"eventlist"})  # and of one that is subscribed to (RFC 4662)
OF_TRANSFERS = frozenset({"replaces", "norefersub"})  # those of one that serves transfers
ACCEPT_LINES = "Accept: application/sdp\r\n"
_ACCEPTABLE = frozenset({"application/sdp", "application/*", "*/*"})


def refuse_initial(request: Request, transaction: ServerTransaction, supported: frozenset[str]) -> bool:
    """Checks for every request outside of and inside dialogs; True when it was refused. `supported` are our options."""
    if "require" in request.fields:
        unknown = [option for option in headers.tokens(request.get_all("require")) if option not in supported]
        if unknown:
            transaction.respond(420, "", [("Unsupported", ", ".join(unknown))])
            return True
    if request.max_forwards == 0 and not request.to_tag:
        transaction.respond(483)  # a B2BUA is a hop (RFC 7332 §4)
        return True
    if not request.from_tag and request.via.branch.startswith("z9hG4bK"):
        transaction.respond(400, "Missing From Tag")
        return True
    return False


def refuse_invite(request: Request, transaction: ServerTransaction) -> bool:
    """Checks all that a call is made from; True when the INVITE was refused."""
    if request.uri[:4].lower() not in ("sip:", "sips", "tel:"):
        transaction.respond(416)
    elif not request.contact_uri:
        transaction.respond(400, "Broken Contact")
    elif not (uri.is_valid(request.from_uri) and uri.is_valid(request.to_uri)):
        transaction.respond(400, "Broken From Or To")
    elif not all(is_route(value) for value in request.values("record-route")):
        transaction.respond(400, "Broken Record-Route")
    elif "content-encoding" in request.fields and request.get("content-encoding").lower() != "identity":
        transaction.respond(415, "", [("Accept-Encoding", "identity"), ("Accept", "application/sdp")])
    elif request.body and request.sdp is None:
        transaction.respond(415, "", [("Accept", "application/sdp")])
    elif "accept" in request.fields and not _ACCEPTABLE.intersection(headers.tokens(request.get_all("accept"))):
        transaction.respond(406)
    elif "session-expires" in request.fields and refuse_interval(request, transaction):
        pass
    else:
        return False
    return True


def refuse_bad_message(bad: BadMessage, tag: str) -> bytes | None:
    """The answer to a message that could not be parsed, made from what there is of it; None where none is due."""
    vias = bad.fields.get("via")
    if bad.status == 0 or not vias:
        return None
    lines = [vias] if isinstance(vias, str) else vias
    echo = "".join([f"Via: {line}\r\n" for line in lines])
    for name, wire in (("from", "From"), ("call-id", "Call-ID"), ("cseq", "CSeq")):
        if name in bad.fields:
            echo += f"{wire}: {_first(bad.fields[name])}\r\n"
    to = _first(bad.fields.get("to", ""))
    if "tag" not in to.lower():
        to += f";tag={tag}"
    return render_response(bad.status, bad.reason, echo, to, "", b"")


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else value[0]
