"""What an INVITE of ours says: whom it is for, who calls, and who sent the call on. Pure: a target and a caller id in,
header fields out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pbx.calls.leg import CallerId, DeviceTarget, Ringable, Target, TrunkTarget
from pbx.media.relay import Toward
from pbx.model.objects import Tenant
from pbx.routing.numbers import sent_to_trunk
from pbx.sip.history import diverted_lines
from pbx.sip.uri import host_of, user_part

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 §4.1.1.3
ANSWER_ITSELF = (  # what telephones of different makers understand
    ("Call-Info", "<sip:{host}>;answer-after=0"),
    ("Alert-Info", "<http://{host}>;info=alert-autoanswer;delay=0"),
)

_SPOKEN: dict[str, Toward] = {"rtp": "plain", "srtp": "srtp", "either": "either", "browser": "browser"}


@dataclass(frozen=True, slots=True)
class Invitation:
    """Request-URI (To is the same), From, and further header fields."""

    uri: str
    from_: str
    headers: list[tuple[str, str]]


def invitation_of(target: Ringable, caller_id: CallerId, tenant: Tenant) -> Invitation:
    """The words of an INVITE to a device of the tenant, or to a number behind a trunk."""
    if isinstance(target, DeviceTarget):
        return to_device(target, caller_id)
    return to_trunk(target, caller_id, tenant)


def to_device(target: DeviceTarget, caller_id: CallerId) -> Invitation:
    uri = f"sip:{target.user}-{target.device}@{target.domain}"
    diverting = [
        (f"sip:{user_part(who)}@{target.domain}", one.status)
        for one in caller_id.diversions
        if (who := one.extension or one.number)
    ]
    headers = diverted_lines(diverting, uri)
    if caller_id.answers_itself:
        headers += [(name, value.format(host=target.domain)) for name, value in ANSWER_ITSELF]
    elif caller_id.source:  # RFC 7462; `info` for telephones that know no such URN
        headers.append(("Alert-Info", f"<urn:alert:source:{caller_id.source}>;info={caller_id.source}"))
    return Invitation(uri, _shown(caller_id, target.domain), headers)


def to_trunk(target: TrunkTarget, caller_id: CallerId, tenant: Tenant) -> Invitation:
    """`identity` says where the caller id goes; with `pai` the From is the account's (RFC 3325)."""
    trunk, host = target.trunk, host_of(target.trunk.proxy)
    number = target.number
    dialled = sent_to_trunk(tenant, number, trunk.send) if number.startswith("+") else number
    shown = sent_to_trunk(tenant, caller_id.number, trunk.send) if caller_id.number is not None else None
    private = shown is None or caller_id.hides
    headers = [("X-PBX-Trunk", trunk.key)]
    if shown is None or private:
        from_ = ANONYMOUS
        headers.append(("Privacy", "id"))
    elif trunk.identity == "pai" and trunk.login_user:
        from_ = f"<sip:{user_part(trunk.login_user)}@{host}>"
    else:
        from_ = f"<sip:{user_part(shown)}@{host}>"
    if shown is not None and trunk.identity in ("pai", "both"):
        headers.append(("P-Asserted-Identity", f"<sip:{user_part(shown)}@{host}>"))
    diverting = [
        (f"sip:{user_part(sent_to_trunk(tenant, one.number, trunk.send))}@{host}", one.status)
        for one in caller_id.diversions
        if one.number
    ]
    uri = f"sip:{user_part(dialled)}@{host}"
    headers += diverted_lines(diverting, uri, private=private)
    return Invitation(uri, from_, headers)


def credentials_of(target: Target, secret: Callable[[str], str | None]) -> tuple[str, str] | None:
    """User and password of a trunk that asks for them."""
    if not isinstance(target, TrunkTarget):
        return None
    trunk = target.trunk
    password = secret(trunk.login_secret) if trunk.login_secret else None
    return (trunk.login_user, password) if trunk.login_user and password else None


def is_same(one: Target, other: Target) -> bool:
    """The same place to ring, whatever else the model has come to say of it."""
    if isinstance(one, TrunkTarget) and isinstance(other, TrunkTarget):
        return (one.trunk.key, one.number) == (other.trunk.key, other.number)
    return one == other


def spoken_by(target: Ringable) -> Toward:
    """What a target is offered: sound in clear, encrypted, or keys that it may leave."""
    media = target.trunk.media if isinstance(target, TrunkTarget) else target.media
    return _SPOKEN[media]


def _shown(caller_id: CallerId, domain: str) -> str:
    if caller_id.number is None:
        return ANONYMOUS
    name = caller_id.name.replace("\\", "\\\\").replace('"', '\\"')
    display = f'"{name}" ' if name else ""
    return f"{display}<sip:{user_part(caller_id.number)}@{domain}>"
