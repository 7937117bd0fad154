"""Calls outlive their process: what is kept of them while they last, and how the next process goes on with them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbx.calls.call import Call
from pbx.calls.leg import CallerId, Diversion
from pbx.calls.live import kept as kept_call
from pbx.calls.live.arrival import came_diverted
from pbx.calls.live.serving import token_of
from pbx.store.kept_calls import KeptCalls

if TYPE_CHECKING:
    from pbx.calls.live.exchange import Exchange

log = logging.getLogger(__name__)

Documents = Mapping[str, dict[str, Any]]


class Recovery:
    """The calls of an exchange in `kept`, which the next start of the process reads (decision 0010)."""

    def __init__(self, exchange: Exchange, kept: KeptCalls) -> None:
        self._exchange = exchange
        self._kept = kept
        self._changed: dict[str, None] = {}  # calls to be kept once more before the next packet leaves, in order

    def changed(self, call_id: str) -> None:
        """The call is to be kept once more."""
        self._changed[call_id] = None

    def keep_changed(self) -> None:
        """Write down what the next process needs of the calls that have changed: before the packets of that leave."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for call_id in changed:
                call = self._exchange.calls.get(call_id)
                if call is not None and call.record.ended is None:
                    self._kept.write(call_id, kept_call.document(call))

    def is_over(self, call_id: str) -> None:
        """Nothing of the call is needed any more."""
        self._changed.pop(call_id, None)
        self._kept.drop(call_id)

    def resume(self, documents: Documents, *, ours: bool = True) -> None:
        """Go on with the calls of the process before, or of another one that is dead; nothing is awaited, so that no
        packet comes before they are known. One that cannot go on is hung up, and its record says so."""
        world = self._exchange.world()
        resumed = 0
        for call_id, document in documents.items():
            try:
                call = self._resumed(document, world, ours=ours)
            except (kept_call.Unusable, KeyError, TypeError, ValueError) as error:
                log.error("call %s does not go on: %r", call_id, error)
                self._give_up(call_id, document, world)
            else:
                resumed += 1
                self._exchange.go_on(call)
        self._mend_seams()
        if documents:
            log.warning("%d of %d calls of the process before go on", resumed, len(documents))

    def _mend_seams(self) -> None:
        """Two calls that were joined find each other; where one did not come back the other's conversation is over."""
        all_connections = self._exchange.connections
        for call_id, connections in all_connections.items():
            for seam in connections.seams:
                other = all_connections.get(seam.target.call)
                seam.twin = next((twin for twin in other.seams if twin.target.call == call_id), None) if other else None
                if seam.twin is None:
                    seam.end("bye")

    def _resumed(self, document: dict[str, Any], world: kept_call.World, *, ours: bool) -> Call:
        exchange = self._exchange
        record = kept_call.record_of(document)
        tenant = exchange.serving.model.tenants.get(record.tenant)
        if tenant is None or tenant.id not in exchange.leases:
            raise kept_call.Unusable(f"tenant {record.tenant} is not served here any more")
        more = {
            "secret": exchange.serving.secrets.get,
            "channels": exchange.channels,
            "recogniser": exchange.recogniser,
        }
        connections = kept_call.connections_of(document, world, tenant, token_of(tenant.id), ours=ours, **more)
        user = tenant.users.get(document["user"] or "")
        call = exchange.make_call(record, tenant, connections, user, document["trunk"], document["emergency"])
        call.language = document["language"]
        call.is_turned = document.get("turned", False)
        call.dialler = tenant.users.get(document.get("dialler", document["user"]) or "")
        call.party = CallerId(*document["party"]) if "party" in document else call.party
        call.diversions = tuple(Diversion(*one) for one in document.get("diversions", ()))
        call.hops = document.get("hops", 0)
        call.known = call.happened.known
        call.onward = kept_call.onward_of(document, call)
        call.recording.restore(document.get("recording"))
        if document.get("tape") is not None and connections.taping is not None:
            connections.taping.resume(document["tape"], call.recording.tape())
        session = connections.caller.session
        trunk = exchange.trunk_of(call)
        if session is not None and session.request is not None and trunk is not None:  # its story is told again
            came_diverted(call, session.request, trunk)
        if session is not None:
            session.request = None
        return call

    def _give_up(self, call_id: str, document: dict[str, Any], world: kept_call.World) -> None:
        self._kept.drop(call_id)
        try:
            record = kept_call.record_of(document)
            kept_call.hang_up(document, world.stack)
        except (kept_call.Unusable, KeyError, TypeError, ValueError) as error:
            log.error("nor is it hung up: %r", error)
            return  # little is known of it but its id
        self._exchange.interrupted(record)
