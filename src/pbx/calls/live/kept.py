"""A call as plain values, and back: what a restarted process goes on with (contracts §5.2).

Kept of a call are its record, the dialogs of all sides, who hears whom in the relay, and where it stands in the model.
Two who talk go on talking and can be held and hung up; a caller inside a feature is told it once more from its
beginning; who is not answered yet goes through the whole story again, and the phones that rang ring on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pbx.calls.call import Call
from pbx.calls.leg import CallTarget, DeviceTarget, Target, TrunkTarget
from pbx.calls.live.connections import Edge, SipConnections
from pbx.calls.live.legs import SipCallee, SipCaller
from pbx.calls.live.media import CallMedia
from pbx.calls.onward import Onward
from pbx.calls.record import CallRecord
from pbx.media.engines import Engines
from pbx.media.relays import Relays
from pbx.model.objects import Tenant, Trunk
from pbx.sip.listener import DEAF
from pbx.sip.stack import Stack

FORMAT = 2
GONE = (("Reason", 'SIP;cause=503;text="The call cannot go on"'),)
Document = dict[str, Any]


class Unusable(Exception):
    """The call cannot go on; why, for the log."""


@dataclass(frozen=True, slots=True)
class World:
    """What a process that resumes calls has: the same as for a new one."""

    stack: Stack
    flush: Callable[[], None]
    relays: Relays
    engine: Engines
    edges: Mapping[str, Edge]


def document(call: Call) -> Document:
    """The call as it is now."""
    connections = call.connections
    assert isinstance(connections, SipConnections)
    callee = connections.bridged
    return {
        "format": FORMAT,
        "record": call.record.document(),
        "user": call.user.id if call.user else None,
        "trunk": call.trunk,
        "emergency": call.emergency,
        "language": call.language,
        "diversions": [(one.extension, one.number, one.status) for one in call.diversions],
        "hops": call.hops,
        "edge": connections.edge.name,
        "caller": _caller(connections.caller),
        "turned": call.is_turned,
        "dialler": call.dialler.id if call.dialler else None,
        "party": (call.party.number, call.party.name),
        "transferrer": _transferrer(call),
        "callee": _callee(callee) if callee is not None else None,
        "mixed": [_callee(leg) for leg in connections.mixed],
        "rung": [_callee(leg) for leg in connections.rung],
        "placed": connections.placed,
        "media": connections.media.snapshot(),
        "recording": call.recording.snapshot(),
        "tape": connections.taping.snapshot() if connections.taping is not None else None,
    }


def _caller(leg: SipCaller | SipCallee) -> Document:
    """Who called; or after a transfer by the caller the one it talked with, kept as such."""
    more = _callee(leg) if isinstance(leg, SipCallee) else {"session": leg.session.snapshot()}
    return {"label": leg.label, "is_up": leg.state == "up", **more}


def _callee(leg: SipCallee) -> Document:
    target = leg.target
    named: Document
    match target:
        case DeviceTarget():
            named = {"user": target.user, "device": target.device, "domain": target.domain, "media": target.media}
        case TrunkTarget():
            named = {"number": target.number, "trunk": target.trunk.key, "emergency": target.emergency}
        case CallTarget():
            return {"tag": leg.tag, "target": {"call": target.call, "who": target.who}, "session": None}
    assert leg.session is not None
    session = leg.session.snapshot()
    return {
        "tag": leg.tag,
        "target": named,
        "session": session,
        "cancelled": session["invite"] is not None and leg.outcome.done(),
    }


def connections_of(
    kept: Document, world: World, tenant: Tenant, token: str, *, ours: bool, **more: Any
) -> SipConnections:
    """The legs and the media of a kept call, its dialogs known to the stack again. Raises Unusable.

    `ours` are calls of a process at our address. `more` is what `SipConnections` is given for a new call as well.
    """
    if kept.get("format") != FORMAT:
        raise Unusable(f"it was kept in format {kept.get('format')}, this release reads {FORMAT}")
    edge = world.edges.get(kept["edge"])
    client = world.relays.named(kept["media"]["relay"])
    if edge is None or client is None:
        raise Unusable(f"its edge or its relay is not there any more: {kept['edge']}, {kept['media']['relay']}")
    caller = kept["caller"]
    session = world.stack.resume(caller["session"], listener=DEAF) if "target" not in caller else None
    connections = SipConnections(
        session,
        caller["label"],
        stack=world.stack,
        flush=world.flush,
        media=CallMedia.resumed(client, world.engine, kept["media"]),
        tenant=tenant,
        edge=edge,
        token=token,
        **more,
    )
    connections.placed = kept["placed"]
    if "target" in caller:
        connections.resume_turned(caller, _target(caller["target"], tenant))
    if caller["is_up"]:
        connections.caller.state = "up"
        if session is not None and session.is_early_uas:  # its answer waited for a PRACK
            session.accept(connections.media.told("A"))
    if kept["callee"] is not None:
        connections.resume_callee(kept["callee"], _target(kept["callee"]["target"], tenant))
    for leg in kept.get("mixed", ()):
        connections.resume_mixed(leg, _target(leg["target"], tenant))
    for leg in kept["rung"]:
        connections.resume_rung(leg, _target(leg["target"], tenant), ours=ours)
    return connections


def hang_up(kept: Document, stack: Stack) -> None:
    """A call that cannot go on: whoever is in it is told so, as far as the document says."""
    legs = [leg for leg in (kept.get("caller"), kept.get("callee"), *kept.get("mixed", ())) if leg is not None]
    for leg in [leg for leg in legs if leg["session"] is not None]:
        stack.resume(leg["session"], listener=DEAF).bye(GONE)
    for leg in kept.get("rung", ()):
        if leg["session"]["invite"] is not None:
            stack.give_up(leg["session"])
        else:
            stack.resume(leg["session"], listener=DEAF).bye(GONE)


def _transferrer(call: Call) -> tuple[str, str, str, str] | None:
    """Whoever has sent the call on, until somebody answers."""
    target = call.onward.by.target if call.onward is not None else None
    if not isinstance(target, DeviceTarget):
        return None
    return target.user, target.device, target.domain, target.media


def onward_of(kept: Document, call: Call) -> Onward | None:
    """The transfer that was under way: who asked for it has been let go, and is rung when nobody answers."""
    named = kept.get("transferrer")
    if named is None or kept["callee"] is not None:
        return None
    assert isinstance(call.connections, SipConnections)
    gone = SipCallee("", DeviceTarget(*named), b"", call.connections.media)
    gone.end("bye")
    return Onward(gone, call.record.facts["sent_on"][-1])


def _target(named: Document, tenant: Tenant) -> Target:
    if "device" in named:
        return DeviceTarget(named["user"], named["device"], named["domain"], named["media"])
    if "call" in named:
        return CallTarget(named["call"], named["who"])
    key = named["trunk"]
    trunk = next((trunk for trunk in tenant.trunks.values() if trunk.key == key), None)
    # a trunk that the model has no more: the call goes on as it is, and needs no way to it
    return TrunkTarget(named["number"], trunk or Trunk(key, key, ""), named["emergency"])


def record_of(kept: Document) -> CallRecord:
    """The record of a kept call, also of one that cannot go on. Raises Unusable."""
    try:
        return CallRecord(**kept["record"])
    except (KeyError, TypeError) as error:
        raise Unusable(f"its record is of another release: {error!r}") from None
