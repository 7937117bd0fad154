"""A ring group: members at once or one after another, then `on_no_answer` (behaviour R02, R03)."""

from __future__ import annotations

from pbx.calls.call import Call
from pbx.calls.dialling import best
from pbx.calls.leg import Branch, Outcome
from pbx.features.user import as_set, branches_of, outside_branch
from pbx.model.objects import Destination, RingGroup
from pbx.routing.reason import Reason


async def ring_group(call: Call, to: Destination) -> Destination | None:
    call.enter(to)
    group = call.tenant.ring_groups[to.value]
    outcome = await ring_members(call, group, within=None)
    if outcome.status == 200:
        return None
    call.took("ring_groups", group.id, "on_no_answer")
    call.note(Reason("group_no_answer", group=group.id, status=outcome.status, to=group.on_no_answer))
    return group.on_no_answer


async def ring_members(call: Call, group: RingGroup, *, within: float | None) -> Outcome:
    """Ring the group in its order; when somebody answers, talk until the end. `within` caps each ring, in seconds."""
    ring_time = min(group.ring_timeout, within) if within is not None else group.ring_timeout
    outcomes = []
    for _ in range(group.rounds):
        # Sequential: each member in turn, and CANCEL goes out before the next INVITE (dial ends one ring whole).
        turns = [[member] for member in group.members] if group.ring == "sequential" else [list(group.members)]
        for members in turns:
            branches = [branch for member in members for branch in _branches(call, group, member)]
            outcome, leg = await call.dial(branches, within=ring_time)
            if leg is not None:
                node = next((b.node for b in branches if leg.target in b.attempts), str(members[0]))
                await call.bridge(leg, node)
                return outcome
            outcomes.append(outcome)
    return best(outcomes)


def _branches(call: Call, group: RingGroup, member: Destination) -> list[Branch]:
    if member.kind == "user":
        branches = list(branches_of(call, as_set(call, member.value)))
        for branch in branches:
            branch.confirm = branch.confirm or (group.confirm_outside and not _is_device(branch))
        return branches
    return [
        outside_branch(
            call,
            member.value,
            member.value,
            class_of_service=group.class_of_service,
            own_number=call.record.number,
            confirm=group.confirm_outside,
        )
    ]


def _is_device(branch: Branch) -> bool:
    return all(target.label.startswith("device ") for target in branch.attempts)
