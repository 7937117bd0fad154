"""The story of a call: the first decision, then node after node until somebody is served or the call ends.

Each feature takes the call and its destination, and returns the next destination, or None when the story is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pbx.calls.call import Call
from pbx.calls.leg import CalleeLeg
from pbx.calls.onward import Claimed, Transferred
from pbx.features.ad_hoc import mixed_again
from pbx.features.announcement import announcement
from pbx.features.click_to_call import fetch_caller
from pbx.features.conference import conference
from pbx.features.feature_codes import feature_code
from pbx.features.flow import flow
from pbx.features.invitation import invited
from pbx.features.ivr import ivr
from pbx.features.outside import emergency, outside
from pbx.features.override import override
from pbx.features.pickup import take_over
from pbx.features.queue import queue
from pbx.features.ring_group import ring_group
from pbx.features.transfer import came_back, claimed, transferred
from pbx.features.user import user
from pbx.features.voicemail import voicemail
from pbx.model.objects import Destination, Tenant
from pbx.model.words import destination
from pbx.routing import decide
from pbx.routing.reason import Reason

CONGESTION = 42  # of Q.850
Feature = Callable[[Call, Destination], Awaitable[Destination | None]]


async def story(call: Call) -> None:
    """From the first decision to the end of the call."""
    if call.invited_to:
        await go_on(call, await invited(call))
        return
    if call.is_fetched and not await fetch_caller(call):
        return
    if call.replaces is not None:
        await go_on(call, await _told(call, _take_over(call)))
        return
    if call.trunk is not None:
        number = call.record.number or ""
        to: Destination | None = Destination("number", number)
    else:
        to = call.follow(decide.dialled(call.tenant, call.record.dialled))
    if _admitted(call, to):
        await go_on(call, to)


async def go_on(call: Call, to: Destination | None) -> None:
    while to is not None:
        to = await _told(call, FEATURES[to.kind](call, to))


async def _told(call: Call, part: Awaitable[Destination | None]) -> Destination | None:
    """Part of a story, with the transfers that are asked for meanwhile, and what comes back of them."""
    while True:
        try:
            to = await part
        except Transferred as asked:
            part = transferred(call, asked.wish)
        except Claimed as come:
            part = claimed(call, come.claim)
        else:
            if to is not None or call.onward is None:
                return to
            part = came_back(call)


async def _take_over(call: Call) -> Destination | None:
    await take_over(call)
    return None


async def _talk(call: Call, callee: CalleeLeg) -> Destination | None:
    await call.talk(callee)
    return None


async def again(call: Call) -> None:
    """A call that was here when the process was killed: two who talk go on talking, a caller inside a feature is told
    it once more from its beginning (contracts §5.2), one who is not answered yet goes through the whole story again."""
    call.note(Reason("recovered"))
    call.connections.keep()
    if not call.is_up:
        call.begin_again()
        await story(call)
        return
    if not await call.connections.is_there():
        call.note(Reason("relay_forgot"))
        return
    await call.resume_recording()  # of a menu that asked for what is sensitive: it is told again, and asks again
    callee = call.connections.joined
    if callee is not None:
        await go_on(call, await _told(call, _talk(call, callee)))
        return
    await call.connections.hear_again()
    if call.connections.mixed:
        await go_on(call, await _told(call, mixed_again(call)))
        return
    await go_on(call, last_node(call))


def last_node(call: Call) -> Destination:
    """Where the call stood, as far as this model has it; nowhere: the call ends."""
    for node in reversed(call.record.path):
        to = destination(node)
        if to.kind in FEATURES and _is_there(call.tenant, to):
            return to
    return Destination("hang_up")


def _is_there(tenant: Tenant, to: Destination) -> bool:
    if to.kind in ("outside", "emergency", "reject", "hang_up", "feature_code"):
        return True
    plural = f"{to.kind}s"
    objects = getattr(tenant, plural) if hasattr(tenant, plural) else getattr(tenant.services, plural)
    return to.value in objects


def _admitted(call: Call, to: Destination | None) -> bool:
    """The `max_calls` of the tenant, and of who calls; an emergency passes every limit (behaviour R11)."""
    if call.over_limit and not (to is not None and to.kind == "emergency"):
        call.happened.over_limit()
        call.note(Reason("over_limit", limit=call.tenant.max_calls))
        call.reject(503, "Too Many Calls", cause=CONGESTION)
        return False
    person = call.user
    if person is not None and person.max_calls is not None and not (to is not None and to.kind == "emergency"):
        calls = call.calls_of(person.id)
        if calls >= person.max_calls:
            call.note(Reason("over_own_limit", user=person.id, limit=person.max_calls))
            call.reject(503, "Too Many Calls", cause=CONGESTION)
            return False
    return True


async def number(call: Call, to: Destination) -> Destination | None:
    """A number of ours was called (behaviour R01, R23)."""
    call.record.number = to.value
    call.enter(to)
    call.took("numbers", to.value)
    trunk = call.trunk or _a_trunk_of(call)
    return call.follow(decide.inbound(call.tenant, to.value, trunk, call.now()))


def _a_trunk_of(call: Call) -> str:
    """Dialled from inside: no trunk carried it, the one that would have is as good as any."""
    return next((trunk.key for trunk in call.tenant.trunks.values()), "")


async def reject(call: Call, to: Destination) -> Destination | None:
    """`{reject: STATUS}`."""
    call.enter(to)
    call.reject(int(to.value))
    return None


async def hang_up(call: Call, to: Destination) -> Destination | None:
    """`{hang_up: true}`."""
    call.enter(to)
    call.hang_up()
    return None


async def fact(call: Call, to: Destination) -> Destination | None:
    """`{from: crm.owner}` where no flow could go on with its next step: it leads on, or the call ends."""
    found, why = decide.resolve(call.tenant, call.facts(), to.value)
    call.note(why)
    return found or Destination("hang_up")


FEATURES: dict[str, Feature] = {
    "announcement": announcement,
    "conference": conference,
    "emergency": emergency,
    "fact": fact,
    "feature_code": feature_code,
    "flow": flow,
    "hang_up": hang_up,
    "ivr": ivr,
    "number": number,
    "outside": outside,
    "override": override,
    "queue": queue,
    "reject": reject,
    "ring_group": ring_group,
    "user": user,
    "voicemail": voicemail,
}
