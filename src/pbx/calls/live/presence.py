"""Presence: which devices watch whom, and what they are told (behaviour R10).

A device may watch the people, the ring groups and whatever else of its own tenant has a state (`add_source`), and the
messages of its own user. The exchange tells it of each change of a call; of a tenant that nobody watches it keeps
nothing. Subscriptions outlive the process: each has a small file, as calls have.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from pbx.calls.board import WATCHABLE, Board, may_know_numbers, may_watch, node_of
from pbx.calls.call import Call
from pbx.calls.live.connections import Edge
from pbx.calls.live.exchange import SHED, Exchange
from pbx.calls.live.lamps import LIST, Lamp, lamps_of
from pbx.calls.live.pace import Later, Pace
from pbx.calls.live.recovery import Documents
from pbx.calls.live.serving import Serving, token_of
from pbx.calls.live.watcher import CONTENT_TYPES, DIALOG, FORMAT, MESSAGES, Watcher
from pbx.calls.messages import messages_of
from pbx.model.objects import Tenant, User
from pbx.sip import headers, message_summary, resource_list
from pbx.sip.dialog_info import WatchedDialog
from pbx.sip.message import Request
from pbx.sip.stack import Stack
from pbx.sip.subscription import Subscription
from pbx.sip.uri import user_of
from pbx.store.kept_calls import KeptCalls

log = logging.getLogger(__name__)

K = TypeVar("K")

MOST_OF_DEVICE = 200  # subscriptions of one device
MOST = 20_000  # of one process
KNOWN_AFTER = 11.0  # seconds after which no edge sends a tenant here any more that was given back
AWAY_EACH = 0.002  # seconds between two phones that are told to subscribe elsewhere
MOST_PATIENCE = 300.0  # seconds between two attempts to reach a phone
_REASONS = {403: "rejected", 404: "noresource"}  # how one ends that would be refused now

Source = Callable[[Tenant, str], Sequence[WatchedDialog]]
"""The dialogs of a node (by its id) of another kind than those that are seen in calls: a switch, a queue."""


class Refused(Exception):
    """A SUBSCRIBE that is not accepted: the status to answer and why."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Presence:
    """Owns the watchers of a process."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        edges: Mapping[str, Edge],
        kept: KeptCalls,
        clock: Callable[[], float],
        later: Later,
        now: Callable[[], float],
    ) -> None:
        """`clock` is UTC, for what is kept; `later` and `now` are the loop's."""
        self._exchange = exchange
        self._edges = edges
        self._kept = kept
        self._clock = clock
        self._now = now
        self._later = later
        self._pace: Pace[Watcher] = Pace(self._tell, later, now)
        self._boards: dict[str, Board] = {}  # by tenant, of those that are watched
        self._watching: dict[tuple[str, str], dict[Watcher, None]] = {}  # by tenant and node
        self._of_device: Counter[tuple[str, str]] = Counter()
        self._of_tenant: Counter[str] = Counter()
        self._sources: dict[str, Source] = {}
        exchange.on_change = self.changed

    @property
    def packages(self) -> Mapping[str, Callable[[Subscription], None]]:
        """For the stack: who takes the subscriptions of each event package."""
        return {DIALOG: self.asked, MESSAGES: self.asked}

    def __len__(self) -> int:
        return self._of_tenant.total()

    @property
    def held(self) -> int:
        """How many cannot be reached now, and are tried again."""
        return sum(watcher.is_held for watcher in self._watchers())

    def _watchers(self) -> list[Watcher]:
        """All, each once: one of a list is at each of its nodes."""
        return list(dict.fromkeys(one for watchers in self._watching.values() for one in watchers))

    def add_source(self, kind: str, dialogs: Source) -> None:
        """Nodes of this kind may be watched, too: `dialogs(tenant, id)` are those it has now. Their owner tells of each
        change by `touched`."""
        self._sources[kind] = dialogs

    # --- what is watched --------------------------------------------------------------------------------------------

    def changed(self, call: Call) -> None:
        """A call may be seen otherwise than before. Never raises: it is told in the middle of what the call does."""
        board = self._boards.get(call.tenant.id)
        if board is None:
            return
        try:
            for node in board.update(call):
                self.touched(call.tenant.id, node)
        except Exception:
            log.exception("call %s is not seen as it is", call.record.id)

    def touched(self, tenant: str, node: str) -> None:
        """The state of a node (`park/701`, `messages/ivanov`) is another now."""
        watchers = self._watching.get((tenant, node))
        if watchers:
            self._pace.soon(watcher for watcher in watchers if not watcher.is_held)

    def dialogs(self, tenant_id: str, node: str) -> Sequence[WatchedDialog]:
        """What there is to tell of the calls of a node."""
        kind, _, name = node.partition("/")
        source = self._sources.get(kind)
        tenant = self._exchange.serving.model.tenants.get(tenant_id)
        if source is not None:
            return source(tenant, name) if tenant is not None else ()
        board = self._boards.get(tenant_id)
        return board.dialogs(node) if board is not None else ()

    def messages(self, watcher: Watcher) -> bytes:
        """What there is to tell a watcher of its user's messages."""
        tenant = self._exchange.serving.model.tenants.get(watcher.tenant)
        if tenant is None:
            return message_summary.document("", message_summary.Messages())
        boxes = self._exchange.boxes
        mine = boxes.boxes_of(tenant, watcher.node.partition("/")[2])
        account = tenant.feature_codes.get("voicemail")
        call_for_them = f"sip:{account}@{tenant.domain}" if account and mine else ""
        return message_summary.document(call_for_them, messages_of(boxes.of(tenant.id), mine))

    def box_changed(self, tenant_id: str, box: str) -> None:
        """There are other messages in a box."""
        tenant = self._exchange.serving.model.tenants.get(tenant_id)
        found = tenant.services.voicemails.get(box) if tenant is not None else None
        if found is not None:
            for person in found.users:
                self.touched(tenant_id, f"messages/{person}")

    # --- who watches ------------------------------------------------------------------------------------------------

    def asked(self, subscription: Subscription) -> None:
        """A SUBSCRIBE of a device."""
        request = subscription.request
        assert request is not None
        try:
            watcher = self._admit(subscription, request)
        except Refused as refused:
            log.info("refused to watch %s: %s", subscription.resource, refused)
            more = {503: SHED, 421: (("Require", resource_list.OPTION),)}.get(refused.status, ())
            subscription.reject(refused.status, refused.reason, more)
            return
        subscription.accept()
        self._add(watcher)
        if subscription.is_over:  # it only wanted to look
            watcher.tell(self._now())
            self.forget(watcher)
        else:
            self._tell(watcher)

    def _admit(self, subscription: Subscription, request: Request) -> Watcher:
        exchange = self._exchange
        edge = self._edges.get(request.get("x-pbx-edge") or "")
        tenant = exchange.serving.model.tenants.get(request.get("x-pbx-tenant") or "")
        kind, _, device = (request.get("x-pbx-source") or "").partition(" ")
        if edge is None or tenant is None or kind != "device":
            raise Refused(404)
        if tenant.id not in exchange.leases:
            raise Refused(503, "Not The Owner")
        if exchange.overloaded() or len(self) >= MOST:
            raise Refused(503, "Overloaded")
        user = _user(exchange.serving, tenant, device)
        node = self._node(tenant, user, subscription)
        is_list = node.startswith("list/")
        if is_list and not headers.has_tag(request.fields.get("supported"), resource_list.OPTION):
            raise Refused(421)
        if not _takes(request, resource_list.CONTENT_TYPE if is_list else CONTENT_TYPES[subscription.package]):
            raise Refused(406)
        self._make_room(tenant.id, device, node)
        subscription.contact = f"<sip:{token_of(tenant.id)}@{edge.public_host}:{edge.public_port}>"
        subscription.requires = resource_list.OPTION if is_list else ""
        return self._watcher(subscription, tenant, user, device, node)

    def _watcher(self, subscription: Subscription, tenant: Tenant, user: User, device: str, node: str) -> Watcher:
        lamps, known = _seen_by(tenant, user, node)
        return Watcher(self, subscription, tenant, device, node, known=known, lamps=lamps)

    def _node(self, tenant: Tenant, user: User, subscription: Subscription) -> str:
        """What a user of ours asks for. Raises Refused: 404 for what is not there, 403 for what is not for them."""
        node = node_of(tenant, user_of(subscription.resource))
        kind = node.partition("/")[0]
        if subscription.package == DIALOG and not node and user_of(subscription.resource) == LIST and user.watches:
            return f"list/{user.id}"
        if subscription.package == MESSAGES and kind == "user":
            if node != f"user/{user.id}":
                raise Refused(403)
            return f"messages/{user.id}"
        if subscription.package == DIALOG and (kind in WATCHABLE or kind in self._sources):
            if not may_watch(tenant, user, node):
                raise Refused(403)
            return node
        raise Refused(404)

    def _make_room(self, tenant: str, device: str, node: str) -> None:
        """A phone that was switched off has left its subscriptions behind, and asks for the same again: the oldest of
        those gives way."""
        if self._of_device[tenant, device] < MOST_OF_DEVICE:
            return
        oldest = next((one for one in self._watching.get((tenant, node), ()) if one.device == device), None)
        if oldest is None:
            raise Refused(403, "Too Many Subscriptions")
        self._end(oldest, "timeout")

    def _add(self, watcher: Watcher) -> None:
        if watcher.tenant not in self._boards:
            self._boards[watcher.tenant] = board = Board()
            for call in self._exchange.calls.values():
                if call.tenant.id == watcher.tenant:
                    board.update(call)
        self._look(watcher)
        self._of_device[watcher.tenant, watcher.device] += 1
        self._of_tenant[watcher.tenant] += 1

    def _look(self, watcher: Watcher) -> None:
        for node in watcher.nodes:
            self._watching.setdefault((watcher.tenant, node), {})[watcher] = None

    def _look_away(self, watcher: Watcher) -> None:
        for key in [(watcher.tenant, node) for node in watcher.nodes]:
            self._watching[key].pop(watcher, None)
            if not self._watching[key]:
                del self._watching[key]

    def refreshed(self, watcher: Watcher) -> None:
        """It goes on watching: the whole state once more."""
        watcher.is_held, watcher.failures = False, 0
        self._keep(watcher)
        self._tell(watcher)

    def delayed(self, watcher: Watcher, after: int) -> None:
        """It cannot be reached now: a phone that has lost its connection, or one that was switched off. It is tried
        again, less and less often, until it expires or refreshes."""
        now = self._now()
        watcher.failures = watcher.failures + 1 if now - watcher.failed < 2 * MOST_PATIENCE else 1
        watcher.failed, watcher.is_held = now, True
        self._pace.drop(watcher)
        wait = min(max(after, 1) * 2 ** min(watcher.failures - 1, 10), MOST_PATIENCE)
        self._later(wait, lambda: self._try_again(watcher))

    def _try_again(self, watcher: Watcher) -> None:
        if watcher.is_held:
            watcher.is_held = False
            if watcher in self._watching.get((watcher.tenant, watcher.node), ()):
                self._pace.soon((watcher,))

    def forget(self, watcher: Watcher) -> None:
        """It watches no more, whoever ended that."""
        if watcher not in self._watching.get((watcher.tenant, watcher.node), ()):
            return
        self._look_away(watcher)
        self._pace.drop(watcher)
        self._kept.drop(watcher.id)
        _less(self._of_device, (watcher.tenant, watcher.device))
        _less(self._of_tenant, watcher.tenant)
        if watcher.tenant not in self._of_tenant:
            del self._boards[watcher.tenant]

    def _tell(self, watcher: Watcher) -> None:
        if watcher.tenant not in self._exchange.leases:  # not ours to say, for now at least
            watcher.told = self._now()
            self._pace.soon((watcher,))
            return
        if watcher.is_to_be_kept:
            self._keep(watcher)
        watcher.tell(self._now())

    # --- kept over a restart, and over another model ----------------------------------------------------------------

    def _keep(self, watcher: Watcher) -> None:
        self._kept.write(watcher.id, watcher.document(self._clock() + watcher.subscription.left))

    def resume(self, documents: Documents, stack: Stack, *, ours: bool = True) -> None:
        """Go on with the subscriptions of the process before, or of another one that is dead, the calls being resumed
        already. Each is told the whole state, one after another."""
        resumed = []
        for name, document in documents.items():
            try:
                resumed.append(self._resumed(document, stack, ours=ours))
            except (Refused, KeyError, TypeError, ValueError) as error:
                log.warning("subscription %s does not go on: %r", name, error)
                self._kept.drop(name)
        self._pace.slowly(resumed)
        if documents:
            log.warning("%d of %d subscriptions of the process before go on", len(resumed), len(documents))

    def _resumed(self, document: dict[str, Any], stack: Stack, *, ours: bool) -> Watcher:
        left = document["until"] - self._clock()
        serving, device = self._exchange.serving, document["device"]
        tenant = serving.model.tenants.get(document["tenant"])
        if document["format"] != FORMAT or left <= 0 or tenant is None or (ours and tenant.id not in serving.owned):
            raise Refused(481, "of another release, expired, or of a tenant that is not served here any more")
        subscription = stack.resume_subscription(document["subscription"], left)
        try:
            user = _user(serving, tenant, device)
            node = self._node(tenant, user, subscription)
        except Refused as refused:
            subscription.end(_REASONS[refused.status])
            raise
        watcher = self._watcher(subscription, tenant, user, device, node)
        watcher.kept_seq = document["subscription"]["dialog"]["local_seq"]
        self._add(watcher)
        return watcher

    def reload(self, taken: Collection[str] = ()) -> None:
        """Another model is served: what was watched may be gone, or be somebody else's, or another process's; `taken`
        are the tenants that were taken over from a dead one."""
        serving = self._exchange.serving
        for watcher in self._watchers():
            tenant = serving.model.tenants.get(watcher.tenant)
            if tenant is None or not (tenant.id in serving.owned or tenant.id in taken):
                self._end(watcher, "deactivated")
                continue
            try:
                user = _user(serving, tenant, watcher.device)
                node = self._node(tenant, user, watcher.subscription)
            except Refused as refused:
                self._end(watcher, _REASONS[refused.status])
                continue
            lamps, known = _seen_by(tenant, user, node)
            if (node, lamps, known) != (watcher.node, watcher.lamps, watcher.known):
                self._look_away(watcher)
                watcher.node, watcher.lamps, watcher.known = node, lamps, known
                watcher.forgets()
                self._look(watcher)
                self._pace.soon((watcher,))

    def gave_back(self, tenants: Collection[str]) -> None:
        """Another process serves these tenants from now on: when the edges know it, phones are told to subscribe anew
        (RFC 6665 §4.1.3, `deactivated`), one after another."""
        for tenant in tenants:
            if tenant in self._boards:
                self._later(KNOWN_AFTER, partial(self._send_away, tenant))

    def _send_away(self, tenant: str) -> None:
        if tenant not in self._exchange.leases:
            watchers = [one for one in self._watchers() if one.tenant == tenant]
            for number, watcher in enumerate(watchers):
                self._later(number * AWAY_EACH, partial(self._end, watcher, "deactivated"))

    def _end(self, watcher: Watcher, reason: str) -> None:
        """End it from our side (RFC 6665 §4.1.3)."""
        watcher.subscription.end(reason)
        self.forget(watcher)


def _seen_by(tenant: Tenant, user: User, node: str) -> tuple[tuple[Lamp, ...], frozenset[str]]:
    """The lamps of a list, and of which nodes one may know who talks with whom."""
    lamps = lamps_of(tenant, user) if node.startswith("list/") else ()
    nodes = (node, *(lamp.node for lamp in lamps))
    return lamps, frozenset(one for one in nodes if may_know_numbers(tenant, user, one))


def _less(counter: Counter[K], key: K) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _user(serving: Serving, tenant: Tenant, device: str) -> User:
    """Whose device it is. Raises Refused for one that we do not know."""
    user = serving.users.get(tenant.id, {}).get(device)
    if user is None:
        raise Refused(403, "Unknown Device")
    return user


def _takes(request: Request, content_type: str) -> bool:
    """Does the Accept of a SUBSCRIBE let us say it so? Without one the package's own type is meant."""
    accepted = headers.tokens(request.get_all("accept"))
    return not accepted or not {content_type, f"{content_type.partition('/')[0]}/*", "*/*"}.isdisjoint(accepted)
