"""Paging: the desk phones of a group answer by themselves, on the loudspeaker, and hear who calls (behaviour R09)."""

from __future__ import annotations

from dataclasses import replace

from pbx.calls.call import Call
from pbx.calls.leg import Branch
from pbx.calls.paging import Paging
from pbx.features.user import as_set, branches_of
from pbx.model.objects import Destination, User
from pbx.routing import among, pickup
from pbx.routing.reason import Reason

RINGS = 10.0  # seconds; a telephone that does not answer by itself in this time is left out
LASTS = 300.0  # seconds; a pager that lies off its hook must not hold all loudspeakers
MOST = 100  # telephones


async def page(call: Call, number: str) -> Destination | None:
    """To all people of a group's extension, or to one person. Whoever talks is left alone."""
    others = pickup.people_at(call.tenant, number) - {call.dialler.id if call.dialler is not None else ""}
    allowed = [user for user in sorted(others) if may_page(call, call.tenant.users[user])]
    branches = [branch for user in allowed for branch in _phones(call, as_set(call, user))][:MOST]
    if not branches:
        call.note(Reason("nobody_to_page", digits=number or "–"))
        call.reject(480 if allowed else 403 if others else 404)
        return None
    paging = Paging(call)
    outcome = await paging.speak(branches, rings=RINGS, lasts=LASTS)
    if outcome.status != 200:
        call.reject(480 if outcome.status == 408 else outcome.status, outcome.reason)
    return None


def may_page(call: Call, person: User) -> bool:
    """May who calls speak on this person's loudspeakers (`users.*.paged_by`)?"""
    if among.may_page(call.tenant, call.dialler, person):
        return True
    call.note(Reason("may_not_page", user=person.id))
    return False


def _phones(call: Call, person: User) -> list[Branch]:
    """The desk phones of one who does not talk and may be disturbed."""
    if calls := call.calls_of(person.id):
        call.note(Reason("person_talks", user=person.id, calls=calls))
        return []
    desks = {name: one for name, one in person.devices.items() if one.type == "desk_phone"}
    branches = list(branches_of(call, replace(person, devices=desks)))
    for branch in branches:
        branch.caller_id = replace(branch.caller_id, answers_itself=True)
    return branches
