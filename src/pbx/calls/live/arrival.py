"""What is known of a call when it comes: who calls and who sent it on before, and whether its sound must be secret."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.leg import Diversion
from pbx.model.objects import Tenant, Trunk, User
from pbx.routing.numbers import received_to_e164
from pbx.sip import history
from pbx.sip.message import Request
from pbx.sip.uri import user_of


def came_diverted(call: Call, request: Request, trunk: Trunk) -> None:
    """Who sent the call on before it came over a trunk (RFC 5806, RFC 7044); the edge lets nobody else say so."""
    call.hops = history.hops(request)
    if not call.hops:
        return
    call.happened.came_diverted(call.hops)
    code, prefix = call.tenant.calling_code, call.tenant.national_prefix
    call.diversions = tuple(
        Diversion(
            None,
            None if one.is_private else received_to_e164(code, prefix, user_of(one.uri), trunk.receive),
            history.status_of(one.reason),
        )
        for one in reversed(history.diversions(request))
    )


def shown_uri(request: Request) -> str:
    """Who a trusted trunk says is calling: P-Asserted-Identity before From (RFC 3325)."""
    return request.asserted[0].uri if request.asserted else request.from_uri


def must_be_secret(tenant: Tenant, user: User | None, trunk: Trunk | None, source: str) -> bool:
    """`media: srtp` of whoever calls (contracts §2.6)."""
    if trunk is not None:
        return trunk.media == "srtp"
    return user is not None and user.devices[source[len(user.id) + 1 :]].media == "srtp"
