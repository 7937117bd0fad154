"""Ringing: branches at once or in order, the race for the answer, and which failure the caller is told of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pbx.calls import events
from pbx.calls.leg import Branch, CalleeLeg, Outcome, TrunkTarget
from pbx.calls.onward import Claim
from pbx.routing.reason import Reason

if TYPE_CHECKING:
    from pbx.calls.call import Call

FAIL_OVER = frozenset({408, 500, 502, 503, 504})  # behaviour R07: never on 404/484/486/603, nor after an answer
TRUNK_ANSWER_LIMIT = 15.0  # seconds in which a trunk must show life (a provisional) before the next one is tried

CONFIRM_LIMIT = 13.0  # seconds that a ring may last longer because somebody answered and is asked to press 1

REDIRECT_LIMIT = 180.0  # seconds; whoever rings the branch stops it earlier

_Finished = asyncio.Future[tuple[Outcome, CalleeLeg | None]]

_NO_TIME = Outcome(408, "Request Timeout")


async def ring_all(call: Call, branches: Sequence[Branch], *, within: float) -> tuple[Outcome, CalleeLeg | None]:
    """Ring every branch; see `Call.dial`."""
    legs: list[CalleeLeg] = []
    call.connections.forks(len(branches))
    tasks = [asyncio.ensure_future(_branch(call, branch, legs, alone=len(branches) == 1)) for branch in branches]
    claim = call.may_be_claimed()  # by somebody who picks the call up
    call.ringing = legs
    outcomes: list[Outcome] = []
    winner: CalleeLeg | None = None
    try:
        pending: set[_Finished] = set(tasks)
        deadline = asyncio.get_running_loop().time() + within
        while pending and winner is None:
            done, pending = await _next(pending, claim, legs, deadline)
            if claim.done():
                winner = claim.result().leg
                break
            if not done:
                outcomes.append(_NO_TIME)
                break
            for outcome, leg in (task.result() for task in done):
                winner = winner or leg
                outcomes.append(outcome)
            if any(outcome.status >= 600 for outcome in outcomes):  # RFC 3261 §16.7: a global failure ends the search
                break
    finally:
        call.claim, call.ringing = None, ()
        for task in tasks:
            task.cancel()
        await _let_go(call, [leg for leg in legs if leg is not winner], elsewhere=winner is not None)
    return (Outcome(200), winner) if winner is not None else (best(outcomes), None)


async def _next(
    branches: set[_Finished], claim: asyncio.Future[Claim], legs: Sequence[CalleeLeg], deadline: float
) -> tuple[set[_Finished], set[_Finished]]:
    """Wait for the next branch to finish, or for a claim; nothing at the deadline, unless somebody has answered and is
    being asked."""
    loop = asyncio.get_running_loop()
    waits: set[asyncio.Future[Any]] = {*branches, claim}
    done, _ = await asyncio.wait(waits, timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED)
    if not done and any(leg.outcome.done() and leg.outcome.result().status == 200 for leg in legs):
        done, _ = await asyncio.wait(waits, timeout=CONFIRM_LIMIT, return_when=asyncio.FIRST_COMPLETED)
    finished = branches & done
    return finished, branches - finished


async def _branch(
    call: Call, branch: Branch, legs: list[CalleeLeg], *, alone: bool
) -> tuple[Outcome, CalleeLeg | None]:
    """Ring one member: wait its delay, try its targets in order, ask for confirmation where it is wanted."""
    if branch.ring_after:
        await asyncio.sleep(branch.ring_after)
    outcome = branch.without
    for target in branch.attempts:
        leg = await call.connections.place(target, branch.caller_id)
        leg.shown = branch.caller_id.number
        legs.append(leg)
        rung = call.happened.rung(leg, call.moment())
        outcome = await _answer_of(call, leg, alone=alone)
        call.happened.ended(
            rung, None if outcome is _NO_TIME else outcome.status, call.moment(), redirect=outcome.redirect
        )
        if outcome.status == 200:
            if not branch.confirm:
                return outcome, leg
            confirmed = await call.confirm(leg)
            call.happened.asked(rung, confirmed, call.moment())
            if confirmed:
                return outcome, leg
            call.note(Reason("not_confirmed", node=branch.node, leg=leg.label))
            return Outcome(480, "not confirmed"), None
        call.tell("leg.ended", **events.about(leg), status=outcome.status)
        call.note(_failed(branch.node, leg.label, outcome))
        if 300 <= outcome.status < 400:
            return await _redirected(call, branch, leg, outcome)
        if outcome.status not in FAIL_OVER:
            break
    return outcome, None


async def _redirected(call: Call, branch: Branch, leg: CalleeLeg, outcome: Outcome) -> tuple[Outcome, CalleeLeg | None]:
    """The device sends the caller on (RFC 3261 §8.1.3.4): to whom its owner may dial, once, and nowhere else."""
    onward = branch.redirect(outcome.redirect) if branch.redirect is not None and outcome.redirect else ()
    if not onward:
        call.note(Reason("redirect_refused", leg=leg.label, digits=outcome.redirect or "–"))
        return Outcome(480, "not sent on"), None
    call.note(Reason("redirected", leg=leg.label, digits=outcome.redirect))
    return await ring_all(call, onward, within=REDIRECT_LIMIT)


def _failed(node: str, leg: str, outcome: Outcome) -> Reason:
    if not outcome.reason.strip():
        return Reason("leg_failed", node=node, leg=leg, status=outcome.status)
    return Reason("leg_failed_saying", node=node, leg=leg, status=outcome.status, phrase=outcome.reason.rstrip())


async def _answer_of(call: Call, leg: CalleeLeg, *, alone: bool) -> Outcome:
    """Wait for the final answer, telling the caller of ringing and of early media meanwhile."""
    told: list[bool] = []

    def rings() -> None:
        call.ring()
        if not told:
            told.append(True)
            call.tell("leg.ringing", **events.about(leg))

    leg.on_ringing = rings
    early: list[asyncio.Future[None]] = []
    if alone:
        leg.on_early_media = lambda: early.append(asyncio.ensure_future(call.connections.pass_early_media(leg)))
    try:
        if isinstance(leg.target, TrunkTarget):
            try:
                async with asyncio.timeout(TRUNK_ANSWER_LIMIT):
                    await leg.wait_for_life()
            except TimeoutError:
                leg.cancel(elsewhere=False)
                return _NO_TIME
        return await asyncio.shield(leg.outcome)
    finally:
        leg.on_ringing = leg.on_early_media = None
        for task in early:
            task.cancel()


async def _let_go(call: Call, legs: Sequence[CalleeLeg], *, elsewhere: bool) -> None:
    for leg in legs:
        if not leg.outcome.done():
            leg.cancel(elsewhere=elsewhere)
            call.tell("leg.ended", **events.about(leg), status=487)
        elif leg.outcome.result().status == 200:
            leg.hang_up()
            call.tell("leg.ended", **events.about(leg), status=200)
        await call.connections.release(leg)


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """The final answer to pass on (RFC 3261 §16.7 step 6): 6xx first, then the lowest class, where a busy or refusing
    person tells the caller more than a device that could not be reached."""
    if not outcomes:
        return Outcome(480, "nobody to ring")

    def rank(outcome: Outcome) -> tuple[int, int]:
        if outcome.status >= 600:
            return 0, outcome.status
        if outcome.status in (486, 603):
            return 1, outcome.status
        if outcome.status == 408:
            return 2, outcome.status
        if outcome.status in (404, 480):  # the edge's "not registered"
            return 4, outcome.status
        return 3 if outcome.status < 500 else 5, outcome.status

    return min(outcomes, key=rank)
