"""Who talks and who is rung, of all calls of one tenant, by nodes of the model (behaviour R10).

A board exists while somebody watches. It is told of a call after each change and says whose state is another now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pbx.calls.call import Call
from pbx.calls.leg import CalleeLeg, DeviceTarget, TrunkTarget
from pbx.model import feature_codes
from pbx.model.objects import RingGroup, Tenant, User
from pbx.routing import among
from pbx.sip.dialog_info import WatchedDialog
from pbx.sip.uri import user_part

_ORDER = ("terminated", "trying", "early", "confirmed")

Seen = dict[str, WatchedDialog]  # by node: `user/ivanov`, `ring_group/office`, `park/3`
WATCHABLE = frozenset({"user", "ring_group", "park", "conference"})


def seen_in(call: Call) -> Seen:
    """What a call shows of whom: one dialog for each user of ours in it, however many devices ring, one for the ring
    group that it is at, one for the slot where it is parked and one for the conference room that it is in."""
    if call.record.ended is not None:
        return {}
    seen: Seen = {}
    name, domain = call.record.id[-8:], call.tenant.domain
    callees = [leg for leg in call.connections.callees if leg.phase != "terminated"]
    if call.user is not None and call.caller.phase != "terminated":
        remote = _uri(call.record.dialled, domain)
        seen[f"user/{call.user.id}"] = WatchedDialog(name, call.caller.phase, "initiator", remote)
    remote = _uri(call.record.caller or "", domain)
    for user, phase in [*_rung(callees), *_on_mobile(call)]:
        if call.user is None or call.user.id != user:
            seen[f"user/{user}"] = WatchedDialog(name, phase, "recipient", remote)
    group = _group_of(call)
    if group is not None and (phase := max(map(_phase, callees), key=_ORDER.index, default="")):
        seen[f"ring_group/{group.id}"] = WatchedDialog(name, phase, "recipient", remote)
    if (parked := call.happened.parked()) is not None:
        seen[f"park/{parked[1]}"] = WatchedDialog(name, "confirmed", "recipient", remote)
    if (room := call.happened.room()) is not None:
        seen[f"conference/{room}"] = WatchedDialog(name, "confirmed", "recipient", remote)
    return seen


def _rung(callees: Iterable[CalleeLeg]) -> Iterable[tuple[str, str]]:
    """Each user who is rung or has answered, in the state of whichever device is furthest."""
    phases: dict[str, str] = {}
    for leg in callees:
        if isinstance(leg.target, DeviceTarget):
            user = leg.target.user
            phases[user] = max(phases.get(user, "trying"), leg.phase, key=_ORDER.index)
    return phases.items()


def _on_mobile(call: Call) -> Iterable[tuple[str, str]]:
    """The user who has answered on a telephone outside: the path ends with whom the caller talks with."""
    joined, node = call.connections.joined, call.record.path[-1:]
    if joined is not None and isinstance(joined.target, TrunkTarget) and node and node[0].startswith("user/"):
        yield node[0].removeprefix("user/"), joined.phase


def _phase(leg: CalleeLeg) -> str:
    return leg.phase


def _group_of(call: Call) -> RingGroup | None:
    """The ring group that a call is at: the last node of its path, but for a member who has answered."""
    members: list[str] = []
    for node in reversed(call.record.path):
        kind, _, name = node.partition("/")
        if kind == "ring_group":
            group = call.tenant.ring_groups.get(name)
            is_there = group is not None and set(members) <= {str(member) for member in group.members}
            return group if is_there else None
        members.append(node)
    return None


def _uri(user: str, domain: str) -> str:
    """Whatever was dialled makes a URI, and so a document."""
    return f"sip:{user_part(user)}@{domain}" if user else ""


class Board:
    """The dialogs of one tenant, by node."""

    def __init__(self) -> None:
        self._of_call: dict[str, Seen] = {}
        self._of_node: dict[str, Seen] = {}  # by node, by call
        self._last: Seen = {}  # what a node that is idle again did last

    def update(self, call: Call) -> Sequence[str]:
        """A call may have changed; the nodes whose state is another now."""
        call_id = call.record.id
        seen, before = seen_in(call), self._of_call.get(call_id, {})
        if seen == before:
            return ()
        if seen:
            self._of_call[call_id] = seen
        else:
            del self._of_call[call_id]
        changed = [node for node in {**before, **seen} if before.get(node) != seen.get(node)]
        for node in changed:
            self._put(node, call_id, seen.get(node))
        return changed

    def _put(self, node: str, call_id: str, dialog: WatchedDialog | None) -> None:
        dialogs = self._of_node.setdefault(node, {})
        if dialog is not None:
            dialogs[call_id] = dialog
            return
        ended = dialogs.pop(call_id)
        if not dialogs:
            del self._of_node[node]
            self._last[node] = WatchedDialog(ended.id, "terminated", ended.direction)

    def dialogs(self, node: str) -> Sequence[WatchedDialog]:
        """Those that a node has; of one that is idle again the one that ended last, as phones like to be told."""
        dialogs = self._of_node.get(node)
        if dialogs:
            return list(dialogs.values())
        return [self._last[node]] if node in self._last else []


def may_watch(tenant: Tenant, watcher: User, node: str) -> bool:
    """May this user know the state of a node? Their own always; of a person as it says (`watched_by`)."""
    watched = _person(tenant, node)
    return watched is None or among.may_watch(tenant, watcher, watched)


def may_know_numbers(tenant: Tenant, watcher: User, node: str) -> bool:
    """Is this user also told with whom the person of a node talks?"""
    watched = _person(tenant, node)
    if watched is None:
        return False
    return watcher.id == watched.id or among.is_among(tenant, watcher, watched.numbers_to)


def _person(tenant: Tenant, node: str) -> User | None:
    kind, _, name = node.partition("/")
    return tenant.users.get(name) if kind == "user" else None


def node_of(tenant: Tenant, name: str) -> str:
    """What a watcher means by a user part: an extension, a user's id or one of its devices, what is dialled to take the
    call of a slot (`*693`) or to turn a switch over; empty for none of them."""
    to = tenant.extensions.get(name)
    if to is not None:
        return str(to)
    if name in tenant.users:
        return f"user/{name}"
    switch = next((one for one in tenant.services.overrides.values() if one.code == name and one.light), None)
    if switch is not None:
        return f"override/{switch.id}"
    code = feature_codes.read(tenant.feature_codes, name)
    if code is not None:
        return f"park/{code[1]}" if code[0] in ("park", "unpark") and _is_slot(tenant, code[1]) else ""
    owner = next((u.id for u in tenant.users.values() if any(name == f"{u.id}-{d}" for d in u.devices)), "")
    return f"user/{owner}" if owner else ""


def _is_slot(tenant: Tenant, digits: str) -> bool:
    return digits in map(str, range(1, tenant.services.parking.slots + 1))
