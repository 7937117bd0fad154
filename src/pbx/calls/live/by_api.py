"""Calls that the API asks for, and ends."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.live.exchange import Exchange, Refused
from pbx.calls.record import BY_API, CallRecord


def place(exchange: Exchange, tenant_id: str, user_id: str, to: str) -> Call:
    """Click-to-call (behaviour R06): a person's own devices ring, then `to` is dialled as the person dials it.
    Raises Refused."""
    tenant = exchange.serving.model.tenants.get(tenant_id)
    user = tenant.users.get(user_id) if tenant is not None else None
    if tenant is None or user is None:
        raise Refused(404, f"there is no user {user_id}")
    exchange.require_service(tenant)
    if tenant.max_calls is not None and exchange.of_tenant[tenant.id] >= tenant.max_calls:
        raise Refused(503, "Too Many Calls")
    started = exchange.clock()
    record = CallRecord(
        id=exchange.new_id(started),
        tenant=tenant.id,
        direction="internal",
        caller=user.extension or user.caller_id,
        dialled=to,
        number=None,
        source=f"{BY_API} {user.id}",
        revision=tenant.revision,
        started=int(started * 1000),
    )
    edge = exchange.edges[min(exchange.edges)]
    connections = exchange.connect(None, record.source, tenant, edge, record.id)
    call = exchange.make_call(record, tenant, connections, user, None, emergency=False)
    exchange.start(call)
    exchange.begin(call)
    return call


def hang_up(exchange: Exchange, tenant_id: str, call_id: str) -> bool:
    """End a call at both ends; False when the tenant has none of that name."""
    call = exchange.calls.get(call_id)
    if call is None or call.tenant.id != tenant_id:
        return False
    call.record.hung_up_by = call.record.hung_up_by or "api"
    call.connections.caller.end("cancel")
    return True
