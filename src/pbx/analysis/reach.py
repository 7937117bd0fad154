"""Can a person or a group be rung at all? What the features would find when they try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pbx.analysis.context import View
from pbx.analysis.finding import Finding
from pbx.model.objects import Destination, RingGroup, Tenant, User
from pbx.model.problems import Path
from pbx.routing import outbound


def why_not_outside(tenant: Tenant, number: str, class_of_service: str, own_number: str | None) -> str | None:
    """Why an outside number cannot be dialled, or None when it can."""
    if reason := outbound.barred(tenant, class_of_service, number, own_number):
        return str(reason)
    choice = outbound.choose(tenant, number)
    return None if choice.trunks else str(choice.reasons[-1])


def why_not_user(tenant: Tenant, user: User) -> str | None:
    """Why none of a person's devices ever rings, or None when one does."""
    reasons = []
    for device in user.devices.values():
        if device.number is None:
            return None
        reason = why_not_outside(tenant, device.number, user.class_of_service, user.caller_id)
        if reason is None:
            return None
        reasons.append(reason)
    return reasons[0] if reasons else f"user/{user.id} has no devices"


def why_not(tenant: Tenant, member: Destination, group: RingGroup) -> str | None:
    """Why a member of a group never rings, or None when it does."""
    if member.kind == "user":
        return why_not_user(tenant, tenant.users[member.value])
    return why_not_outside(tenant, member.value, group.class_of_service, None)


def findings(
    view: View, path: Path, members: Sequence[object], reasons: Sequence[str | None], *, nobody: str, noun: str
) -> Iterator[Finding]:
    """One error when none of the members can be rung (`nobody` is its text, with {why}), else a warning for each."""
    if all(reasons):
        why = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
        yield view.finding(path, nobody.format(why=why))
        return
    for index, reason in enumerate(reasons):
        if reason:
            message = f"{members[index]} never rings: {reason}; mend it or take the {noun} out"
            yield view.finding((*path, index), message, "warning")


def rings(tenant: Tenant, group: RingGroup) -> bool:
    """Is there a member that can be rung?"""
    return any(why_not(tenant, member, group) is None for member in group.members)
