"""A person: all devices ring, any answers (behaviour R05)."""

from __future__ import annotations

from collections.abc import Sequence

from pbx.calls.call import Call
from pbx.calls.leg import Branch, CallerId, DeviceTarget, Outcome, TrunkTarget
from pbx.model.objects import Destination, Device, User
from pbx.routing import outbound
from pbx.routing.reason import Reason

RING_TIME = 30.0  # seconds until a person who has no forwarding counts as not answering


async def user(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    person = call.tenant.users[to.value]
    outcome = await ring_user(call, person, within=RING_TIME)
    if outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason)
    return None


async def ring_user(call: Call, person: User, *, within: float) -> Outcome:
    """Ring a person; when somebody answers, talk until the end."""
    outcome, leg = await call.dial(branches_of(call, person), within=within)
    if leg is not None:
        await call.bridge(leg, f"user/{person.id}")
    return outcome


def branches_of(call: Call, person: User) -> Sequence[Branch]:
    """One branch per device; an outside mobile is reached by the routes that the person may use."""
    branches = []
    for device in person.devices.values():
        if device.number is not None:
            branch = outside_branch(
                call,
                f"user/{person.id}",
                device.number,
                class_of_service=person.class_of_service,
                own_number=person.caller_id,
                confirm=device.confirm,
                ring_after=device.ring_after,
            )
        else:
            branch = Branch(
                node=f"user/{person.id}",
                attempts=[DeviceTarget(person.id, device.id, call.tenant.domain, device.media)],
                caller_id=shown_to(call, device),
                ring_after=device.ring_after,
            )
        branches.append(branch)
    return branches


def shown_to(call: Call, device: Device) -> CallerId:
    """Colleagues show their extension and name, outside callers their number."""
    if call.user is not None:
        return CallerId(call.user.extension or call.user.caller_id, call.user.name)
    return CallerId(call.record.caller)


def outside_branch(
    call: Call,
    node: str,
    number: str,
    *,
    class_of_service: str,
    own_number: str | None,
    confirm: bool = False,
    ring_after: float = 0.0,
    shown: str | None = None,
) -> Branch:
    """A branch to an outside number by the tenant's routes, within a class of service.

    Shown is the number that was called (ours, so that the carrier takes it), else the own number of who dials.
    """
    shown = shown or call.record.number or own_number or main_number(call)
    branch = Branch(node=node, attempts=[], caller_id=CallerId(shown), confirm=confirm, ring_after=ring_after)
    reason = outbound.barred(call.tenant, class_of_service, number, own_number)
    if reason is not None:
        call.note(Reason("for_node", node=node, why=reason))
        return branch
    choice = outbound.choose(call.tenant, number)
    call.note(*choice.reasons)
    branch.attempts = [TrunkTarget(number, trunk) for trunk in choice.trunks]
    return branch


def main_number(call: Call) -> str | None:
    """The tenant's first number: what a user without a caller id of their own shows."""
    return next(iter(call.tenant.numbers), None)
