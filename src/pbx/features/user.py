"""A person: all devices ring, any answers (behaviour R05); then the person's own forwarding (behaviour R08)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pbx.calls.call import Call
from pbx.calls.leg import Branch, CallerId, DeviceTarget, Diversion, Outcome, TrunkTarget
from pbx.model.objects import Destination, Device, User
from pbx.model.services import Forward
from pbx.routing import decide, outbound, own
from pbx.routing.reason import Reason

NO_ROUTE = Outcome(404, "No Route To Destination", cause=3)  # causes of Q.850
NO_TRUNK = Outcome(503, "All Trunks Busy", cause=34)
DISTURBED, TALKS = Outcome(486, "Do Not Disturb", cause=21), Outcome(486, "Busy Here", cause=17)
LIMITED = Outcome(403, "Too Many Calls Out", cause=21)
BUSY = (486, 600, 603)
WHY = {"always": 302, "busy": 486, "no_answer": 408, "unavailable": 480}  # each forwarding as a status (RFC 7044)
MAX_HOPS = 5  # people in a row who forward to each other, those before the call came here among them
RING_TIME = 30.0  # seconds until a person who has no forwarding counts as not answering


async def user(call: Call, to: Destination) -> Destination | None:
    """Ring a person, and whomever the person's own settings name instead; these come last of all decisions."""
    chain: list[str] = []
    while True:
        call.enter(to)
        person = as_set(call, to.value)
        chain.append(str(to))
        outcome, when = await _reach(call, person)
        if outcome.status == 200:
            return None
        forward = person.forward.get(when)
        if forward is None:
            call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason, outcome.cause)
            return None
        call.took("users", person.id, "forward", when)
        call.note(own.told(call.tenant, person, f"forward.{when}", _forwarded(person, when, forward)))
        to = forward.to
        if to.kind not in ("user", "outside"):
            diverted(call, person, when)
            return to
        if str(to) in chain:
            call.note(Reason("forward_loop", path=" → ".join([*chain, str(to)])))
            call.reject(482, "Loop Detected")
            return None
        if call.hops + len(chain) >= MAX_HOPS:
            return _enough(call, chain)
        diverted(call, person, when)
        if to.kind == "outside":
            await _forward_outside(call, person, forward)
            return None


def as_set(call: Call, user: str) -> User:
    """A person as the model has them, and with what they have set themselves over it."""
    settings = call.state.own(user)
    if not settings:
        return call.tenant.users[user]
    call.happened.own(user, settings)
    return own.in_force(call.tenant, call.tenant.users[user], settings)


def takes_no_call(call: Call, person: User) -> Reason | None:
    """Why nothing of a person's may ring now: they said so, or they talk and shall have no second call."""
    if person.do_not_disturb:
        return own.told(call.tenant, person, own.DO_NOT_DISTURB, Reason("do_not_disturb", user=person.id))
    most = person.max_calls if person.call_waiting else 1
    if most is None or (calls := call.calls_of(person.id)) < most:
        return None
    key = own.CALL_WAITING if calls < (person.max_calls or calls + 1) else ""
    return own.told(call.tenant, person, key, Reason("person_talks", user=person.id, calls=calls))


async def _reach(call: Call, person: User) -> tuple[Outcome, str]:
    """Ring a person's devices, unless every call goes elsewhere; the outcome, and which forwarding is meant by it."""
    if "always" in person.forward:
        return Outcome(480), "always"
    patient = person.forward.get("no_answer")
    outcome = await ring_user(call, person, within=patient.after if patient else RING_TIME)
    when = "no_answer" if outcome.status == 408 else "busy" if outcome.status in BUSY else "unavailable"
    return outcome, when


def _forwarded(person: User, when: str, forward: Forward) -> Reason:
    if when == "no_answer":
        return Reason("forwarded_no_answer", user=person.id, seconds=forward.after, to=forward.to)
    return Reason(f"forwarded_{when}", user=person.id, to=forward.to)


async def _forward_outside(call: Call, person: User, forward: Forward) -> None:
    """To an outside number, as the person who forwards may dial it."""
    call.enter(forward.to)
    outcome = await ring_forward(call, person, forward, within=RING_TIME)
    if outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason, outcome.cause)


async def ring_forward(call: Call, person: User, forward: Forward, *, within: float) -> Outcome:
    """Ring the outside number that a person forwards to; when it answers, talk until the end."""
    branch = outside_branch(
        call,
        str(forward.to),
        forward.to.value,
        class_of_service=person.class_of_service,
        own_number=person.caller_id,
        user=person.id,
        confirm=forward.confirm,
    )
    outcome, leg = await call.dial([branch], within=within)
    if leg is not None:
        await call.bridge(leg, branch.node)
    return outcome


def diverted(call: Call, person: User, when: str) -> None:
    """A person sends the call on: whoever is rung next is told so (RFC 5806, RFC 7044)."""
    call.diversions += (_diversion(call, person, WHY[when]),)


def _diversion(call: Call, person: User, status: int) -> Diversion:
    return Diversion(person.extension, person.caller_id or main_number(call), status)


def _enough(call: Call, chain: list[str]) -> Destination:
    """Forwarded too often: the first of those people who has a box takes the message, else nobody."""
    owners = {f"user/{box.owner}": Destination("voicemail", box.id) for box in call.tenant.services.voicemails.values()}
    out = next((owners[name] for name in chain if name in owners), Destination("reject", "480"))
    call.note(Reason("forwards_too_many", hops=call.hops + len(chain), path=" → ".join(chain), to=out))
    return out


async def ring_user(call: Call, person: User, *, within: float) -> Outcome:
    """Ring a person; when somebody answers, talk until the end."""
    if (why := takes_no_call(call, person)) is not None:
        call.note(why)
        return DISTURBED if person.do_not_disturb else TALKS
    outcome, leg = await call.dial(branches_of(call, person), within=within)
    if leg is not None:
        await call.bridge(leg, f"user/{person.id}")
    return outcome


def branches_of(call: Call, person: User, *, diverted_by: User | None = None) -> Sequence[Branch]:
    """One branch per device; an outside mobile is reached by the routes that the person may use. None for one who takes
    no call now.

    A device that answers by 3xx sends the caller on to a colleague or, as its owner may dial, outside; a call that was
    sent on (`diverted_by`) is not sent on again.
    """
    branches: list[Branch] = []
    if (why := takes_no_call(call, person)) is not None:
        call.note(why)
        return branches
    for device in person.devices.values():
        if device.number is not None:
            branch = outside_branch(
                call,
                f"user/{person.id}",
                device.number,
                class_of_service=person.class_of_service,
                own_number=person.caller_id,
                user=person.id,
                confirm=device.confirm,
                ring_after=device.ring_after,
            )
        else:
            branch = Branch(
                node=f"user/{person.id}",
                attempts=[DeviceTarget(person.id, device.id, call.tenant.domain, device.media)],
                caller_id=replace(
                    shown_to(call, device),
                    diversions=_diversions(call, diverted_by),
                    source="external" if call.user is None else "internal",
                ),
                ring_after=device.ring_after,
                redirect=None if diverted_by is not None else partial(_sent_on, call, person),
            )
        branches.append(branch)
    return branches


def _diversions(call: Call, person: User | None) -> tuple[Diversion, ...]:
    """Who sent the call on, and last a person whose device did so by 3xx."""
    return call.diversions if person is None else (*call.diversions, _diversion(call, person, WHY["always"]))


def _sent_on(call: Call, person: User, digits: str) -> Sequence[Branch]:
    """Whom a device of this person may send a caller to: people, and what its class of service allows outside."""
    decision = decide.dialled(call.tenant, digits)
    if decision.to.kind == "user" and decision.to.value != person.id:
        return branches_of(call, as_set(call, decision.to.value), diverted_by=person)
    if decision.to.kind != "outside":
        return ()
    branch = outside_branch(
        call,
        str(decision.to),
        decision.to.value,
        class_of_service=person.class_of_service,
        own_number=person.caller_id,
        user=person.id,
    )
    branch.caller_id = replace(branch.caller_id, diversions=_diversions(call, person))
    return (branch,) if branch.attempts else ()


def shown_to(call: Call, device: Device) -> CallerId:
    """Colleagues show their extension and name, outside callers their number."""
    return call.party


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
    user: str | None = None,
) -> Branch:
    """A branch to an outside number by the tenant's routes, within a class of service.

    Shown is the number that was called (ours, so that the carrier takes it) or, as the tenant says, the caller's; else
    the own number of who dials.
    """
    if shown is None and call.user is None and call.tenant.forwarded_shows == "caller":
        shown = call.record.caller
    shown = shown or call.record.number or own_number or main_number(call)
    caller_id = CallerId(shown, diversions=call.diversions, hides=call.hides)
    branch = Branch(node=node, attempts=[], caller_id=caller_id, confirm=confirm, ring_after=ring_after)
    reason = outbound.barred(call.tenant, class_of_service, number, own_number)
    if reason is not None:
        call.note(Reason("for_node", node=node, why=reason))
        return branch
    limit = call.state.refused(call.tenant, number, user, call.now())
    if limit is not None:
        call.note(Reason("for_node", node=node, why=limit))
        call.happened.limited(number, str(limit))
        call.tell("limit.reached", number=number, user=user, why=str(limit))
        branch.without = LIMITED
        return branch
    draw = f"{call.record.id} {call.record.started}"
    choice = outbound.choose(call.tenant, number, draw=draw, state=call.state.trunk)
    call.note(*choice.reasons)
    for trunk, state in choice.left_out:
        call.happened.left_out(trunk.key, state)
    branch.attempts = [TrunkTarget(number, trunk) for trunk in choice.trunks]
    branch.without = NO_ROUTE if choice.route is None else NO_TRUNK
    return branch


def main_number(call: Call) -> str | None:
    """What a user without a caller id of their own shows: the tenant's `caller_id.default`, else its first number."""
    return call.tenant.caller_id or next(iter(call.tenant.numbers), None)
