"""The exchange: takes INVITEs from the edges, makes each a call of its tenant, and holds the calls that are up."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Any

from pbx.calls.call import Call, Recorder
from pbx.calls.events import OF_THE_START, Events, listed
from pbx.calls.house import House
from pbx.calls.leg import Leg
from pbx.calls.live import kept as kept_call
from pbx.calls.live.arrival import came_diverted, must_be_secret, shown_uri
from pbx.calls.live.channels import Channels
from pbx.calls.live.connections import Edge, SipConnections
from pbx.calls.live.health import TrunkHealth
from pbx.calls.live.last_numbers import LastNumbers
from pbx.calls.live.legs import UNUSABLE
from pbx.calls.live.mailbox import Boxes
from pbx.calls.live.media import CallMedia
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.live.recogniser import Recogniser
from pbx.calls.live.recovery import Recovery
from pbx.calls.live.room_tapes import RoomTapes
from pbx.calls.live.serving import Serving, token_of
from pbx.calls.live.state import LiveState
from pbx.calls.live.taping import CallTape
from pbx.calls.record import CallRecord
from pbx.media.engines import Engines
from pbx.media.relay import RelaySession
from pbx.media.relays import Relays
from pbx.model.objects import Model, Tenant, Trunk, User
from pbx.routing.limits import Outgoing
from pbx.routing.numbers import received_to_e164
from pbx.sip import sdp as sdps
from pbx.sip.message import Request
from pbx.sip.replaces import Replaces
from pbx.sip.session import InviteSession
from pbx.sip.stack import Stack
from pbx.sip.uri import host_of, user_of
from pbx.store.kept_calls import KeptCalls

log = logging.getLogger(__name__)

Story = Callable[[Call], Awaitable[None]]
HIDDEN = frozenset({"id", "user", "header"})  # each of them hides who calls (RFC 3323 §4.2, RFC 3325 §9.3)
SHED = (("X-PBX-Shed", "1"), ("Retry-After", "2"))


class Refused(Exception):
    """An INVITE that becomes no call: the status to answer and why, for the log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Exchange:
    """Owns the calls of a process. What it needs is given: stack, relays, engine, journal, story, clock."""

    def __init__(
        self,
        *,
        edges: Mapping[str, Edge],
        relays: Relays,
        engine: Engines,
        recorder: Recorder,
        story: Story,
        again: Story,
        kept: KeptCalls,
        clock: Callable[[], float],
        events: Events,
        settings: OwnSettings,
        last: LastNumbers,
        boxes: Boxes,
        recogniser: Recogniser,
        node: int = 1,
    ) -> None:
        """`again` tells the story of a call that was in a process before, from where it stands; `kept` holds those that
        are here now."""
        self.edges = edges
        self._relays = relays
        self._engine = engine
        self._recorder = recorder
        self._story = story
        self._again = again
        self.events = events
        self.settings = settings
        self.boxes = boxes
        self.recogniser = recogniser
        self.last = last
        self.recovery = Recovery(self, kept)
        self.clock = clock
        self._node = node
        self._stack: Stack | None = None
        self._flush: Callable[[], None] = lambda: None
        self.serving = Serving(Model({}))
        self.leases: Mapping[str, int] = {}
        self.calls: dict[str, Call] = {}
        self._houses: defaultdict[str, House] = defaultdict(House)
        self.connections: dict[str, SipConnections] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.of_tenant: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()
        self.channels = Channels()
        self._outgoing: defaultdict[str, Outgoing] = defaultdict(Outgoing)  # by tenant: one process has all its calls
        self.health = TrunkHealth(edges, self._ask_trunk)
        self.overloaded: Callable[[], bool] = lambda: False
        self.on_change: Callable[[Call], None] = _to_nobody  # of each new state of a call's sides, also of its end
        self.invite: Callable[[Call, str, str], bool] = lambda by, conference, digits: False  # set by the API
        self.taping: Callable[[CallMedia], CallTape | None] = lambda media: None  # set where relays have agents
        self.draining = False  # new calls are shed, those that are up go on: before the process is replaced
        engine.on_event = self._engine_event
        self.room_tapes = RoomTapes(None, engine, clock)

    def attach(self, stack: Stack, flush: Callable[[], None]) -> None:
        """The stack that brings us INVITEs, and how to send what it has to say."""
        self._stack = stack
        self._flush = flush
        self._watch_trunks()

    def serve(self, serving: Serving) -> None:
        """Serve this model from the next call on."""
        self.serving = serving
        if self._stack is not None:
            self._watch_trunks()

    def _watch_trunks(self) -> None:
        tenants = self.serving.model.tenants.values()
        trunks = {trunk.key: trunk for tenant in tenants for trunk in tenant.trunks.values()}
        self.health.watch(trunks.values())
        self.channels.are_limited = any(trunk.max_channels is not None for trunk in trunks.values())

    def _ask_trunk(self, edge: str, trunk: Trunk, done: Callable[[int], None]) -> None:
        assert self._stack is not None
        host = host_of(trunk.proxy)
        self._stack.ask(
            uri=f"sip:{trunk.login_user or 'ping'}@{host}",
            destination=self.edges[edge].inside,
            from_=f"<sip:ping@{host}>",
            headers=[("X-PBX-Trunk", trunk.key)],
            done=done,
        )
        self._flush()

    # --- a new call -------------------------------------------------------------------------------------------------

    def on_invite(self, session: InviteSession) -> None:
        """An INVITE of an edge. 100 goes out when the call is ours and in the journal, before any I/O."""
        try:
            call = self._admit(session)
        except Refused as refused:
            self.refused[refused.status] += 1
            log.info("refused %s: %s", session.call_id, refused)
            headers = SHED if refused.status == 503 else ()
            session.reject(refused.status, refused.reason, headers=headers)
            return
        session.request = None  # read to its end, and 4 KB while the call lasts
        session.provisional(100)
        self.begin(call)

    def begin(self, call: Call, *, again: bool = False) -> None:
        """Tell the story of a call to its end."""
        self._do(self._run(call, self._again if again else self._story))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _admit(self, session: InviteSession) -> Call:
        request = _invite_of(session)
        edge = self.edges.get(request.get("x-pbx-edge") or "")
        tenant = self.serving.model.tenants.get(request.get("x-pbx-tenant") or "")
        if edge is None or tenant is None:
            raise Refused(404, "Not Found")
        emergency = request.get("x-pbx-emergency") == "1"
        self.require_service(tenant, emergency)
        replaced = self._owner_of(tenant.id, session.replaces) if session.replaces is not None else None
        if session.replaces is not None and replaced is None:
            raise Refused(481, "Call/Transaction Does Not Exist")
        call = self._make(session, tenant, edge, emergency)
        if replaced is not None:
            call.replaces = self.calls[replaced[0]], replaced[1]
        self.start(call)
        return call

    def require_service(self, tenant: Tenant, emergency: bool = False) -> None:
        """Raises Refused when no new call of the tenant is taken."""
        if tenant.id not in self.leases:
            raise Refused(503, "Not The Owner")
        if self.draining and not emergency:
            raise Refused(503, "Draining")
        if self.overloaded() and not emergency:
            raise Refused(503, "Overloaded")

    def start(self, call: Call) -> None:
        """The call begins: it counts, and is in the journal."""
        self._hold(call)
        tenant = call.tenant
        call.connections.keep()
        call.over_limit = tenant.max_calls is not None and self.of_tenant[tenant.id] > tenant.max_calls
        self._recorder.started(call.record)
        if not call.emergency and call.record.dialled not in tenant.emergency_numbers:
            self.last.hear(call.record)
        now = listed(call)
        call.tell("call.started", **{name: now[name] for name in OF_THE_START})

    def new_id(self, started: float) -> str:
        return f"{int(started * 1000):012x}{self._node:02x}{secrets.token_hex(4)}"

    def _hold(self, call: Call) -> None:
        """The call is one of ours, and counts."""
        self.of_tenant[call.tenant.id] += 1
        trunk = self.trunk_of(call)
        if trunk is not None:
            self.channels.take(trunk, always=True)
        self.calls[call.record.id] = call
        call.house = self._houses[call.tenant.id]
        call.house.calls[call.record.id] = call
        call.house.invite = self.invite
        call.house.taping = self.room_tapes

    def _make(self, session: InviteSession, tenant: Tenant, edge: Edge, emergency: bool) -> Call:
        request = _invite_of(session)
        kind, _, name = (request.get("x-pbx-source") or "").partition(" ")
        started = self.clock()
        call_id = self.new_id(started)
        dialled = user_of(request.uri)
        record = CallRecord(
            id=call_id,
            tenant=tenant.id,
            direction="internal",
            caller=None,
            dialled=dialled,
            number=None,
            source=f"{kind} {name}",
            revision=tenant.revision,
            started=int(started * 1000),
        )
        user = None
        trunk = None
        if kind == "trunk":
            trunk = self._from_trunk(request, tenant, name, record)
        else:
            user = self.serving.users.get(tenant.id, {}).get(name)
            if user is None:
                raise Refused(403, "Unknown Device")
            record.caller = user.extension or user.caller_id
        if must_be_secret(tenant, user, trunk, name) and not sdps.is_secret(session.remote_sdp):
            raise Refused(488, "Encrypted Sound Only")
        connections = self.connect(session, record.source, tenant, edge, call_id)
        call = self.make_call(record, tenant, connections, user, trunk.key if trunk else None, emergency)
        if trunk is not None:
            came_diverted(call, request, trunk)
        return call

    def connect(
        self, session: InviteSession | None, label: str, tenant: Tenant, edge: Edge, call_id: str
    ) -> SipConnections:
        token = token_of(tenant.id)
        offered = (session.remote_sdp or sdps.LATE) if session is not None else None
        assert self._stack is not None
        return SipConnections(
            session,
            label,
            stack=self._stack,
            flush=self._flush,
            media=CallMedia(RelaySession(self._relays.choose(), f"{token}-{call_id}"), self._engine, offered),
            tenant=tenant,
            edge=edge,
            token=token,
            secret=self.serving.secrets.get,
            channels=self.channels,
            recogniser=self.recogniser,
        )

    def make_call(
        self,
        record: CallRecord,
        tenant: Tenant,
        connections: SipConnections,
        user: User | None,
        trunk: str | None,
        emergency: bool,
    ) -> Call:
        call = Call(
            record, tenant, connections, self._recorder, self.clock, user=user, trunk=trunk, emergency=emergency
        )
        connections.leg_of = partial(self._leg_of, tenant.id)
        connections.on_keep = partial(self.recovery.changed, record.id)
        connections.on_over = partial(self.recovery.is_over, record.id)
        connections.media.on_hold = call.hold
        connections.taping = self.taping(connections.media)
        call.on_event = self.events.tell
        shared = (self.channels, self.health, self.settings, self.last, self._outgoing[tenant.id], self.boxes)
        call.state = LiveState(tenant.id, connections.edge.name, *shared, secrets=self.serving.secrets)
        connections.observe(lambda: self.on_change(call))
        self.connections[record.id] = connections
        return call

    def _leg_of(self, tenant: str, replaced: Replaces) -> tuple[str, Leg] | None:
        """The leg of a call of the tenant that a Replaces names, and that call's id."""
        assert self._stack is not None
        session = self._stack.sessions.get((replaced.call_id, replaced.to_tag))
        return self._owner_of(tenant, session) if session and session.remote_tag == replaced.from_tag else None

    def _owner_of(self, tenant: str, session: InviteSession) -> tuple[str, Leg] | None:
        leg = session.listener
        if not isinstance(leg, Leg):
            return None
        owner = next((one for one in self._houses[tenant].calls if self.connections[one].holds(leg)), None)
        return (owner, leg) if owner is not None else None

    # --- calls of the process before --------------------------------------------------------------------------------

    def world(self) -> kept_call.World:
        """What calls of the process before are made from."""
        assert self._stack is not None
        return kept_call.World(self._stack, self._flush, self._relays, self._engine, self.edges)

    def go_on(self, call: Call) -> None:
        """A call of the process before is one of ours."""
        self._hold(call)
        self.begin(call, again=True)

    def interrupted(self, record: CallRecord) -> None:
        """A call of the process before that cannot go on."""
        record.ended, record.disposition = int(self.clock() * 1000), "interrupted"
        self._recorder.ended(record)

    def _from_trunk(self, request: Request, tenant: Tenant, key: str, record: CallRecord) -> Trunk:
        """Number called and caller of an outside call, from the trunk's own format to E.164."""
        trunk = next((trunk for trunk in tenant.trunks.values() if trunk.key == key), None)
        if trunk is None:
            raise Refused(404, "Not Found")
        code, prefix = tenant.calling_code, tenant.national_prefix
        record.direction = "inbound"
        record.number = received_to_e164(code, prefix, record.dialled, trunk.receive) or record.dialled
        hidden = not request.privacy.isdisjoint(HIDDEN)
        shown = user_of(shown_uri(request))
        record.caller = None if hidden else received_to_e164(code, prefix, shown, trunk.receive)
        return trunk

    def trunk_of(self, call: Call) -> Trunk | None:
        """The trunk that the call came over."""
        return next((trunk for trunk in call.tenant.trunks.values() if trunk.key == call.trunk), None)

    async def _run(self, call: Call, story: Story) -> None:
        try:
            await call.run(story)
            if call.failure is not None:
                log.error("call %s failed at %s", call.record.id, call.record.path, exc_info=call.failure)
        except Exception:
            log.exception("call %s could not be closed", call.record.id)
        finally:
            self.last.hear(call.record)
            self.calls.pop(call.record.id, None)
            call.house.calls.pop(call.record.id, None)
            self.on_change(call)
            self.recovery.is_over(call.record.id)
            self.connections.pop(call.record.id, None)
            self.of_tenant[call.tenant.id] -= 1
            if call.trunk is not None:
                self.channels.give_back(call.trunk)
            self._flush()
            if isinstance(call.connections, SipConnections):
                call.connections.cut_ties()

    # --- the engine -------------------------------------------------------------------------------------------------

    def _engine_event(self, event: dict[str, Any]) -> None:
        session, _, tag = str(event.get("leg", "")).rpartition("/")
        call_id = session.rpartition("-")[2]
        connections = self.connections.get(call_id)
        if event["event"] == "sound" and "room" in event:
            self.room_tapes.heard(event["record"], base64.b64decode(event["data"]))
        elif event["event"] == "played" and connections is not None:
            connections.media.played(event["play"], event["reason"])
        elif event["event"] == "digit" and connections is not None:
            connections.digit(tag, event["digit"])
        elif event["event"] == "sound" and connections is not None:
            connections.media.heard(event["record"], base64.b64decode(event["data"]), event["last"])
        elif event["event"] == "speaks" and connections is not None:
            connections.speaks(tag, event["on"])
        elif event["event"] == "lost" and connections is not None:
            self._do(_rescue(connections.media, tag))
        elif event["event"] in ("gone", "back"):
            log.warning("media engine: %s", event["event"])

    def relayed_digit(self, session: str, tag: str, digit: str, milliseconds: int) -> bool:
        """A relay saw a digit pass; False when the session is of no call of this process."""
        connections = self.connections.get(session.rpartition("-")[2])
        if connections is None or connections.media.relay.call_id != session:
            return False
        connections.typed(tag, digit, milliseconds)
        return True

    # --- its life ---------------------------------------------------------------------------------------------------

    def listing(self) -> list[dict[str, Any]]:
        """The calls that are up, as plain data."""
        return [call.record.document() for call in self.calls.values()]

    def listed(self, tenant_id: str) -> list[dict[str, Any]]:
        """The calls of a tenant that are up, as whoever looks on sees them."""
        return [listed(call) for call in self.calls.values() if call.tenant.id == tenant_id]

    def house_of(self, tenant: str) -> House:
        """What the calls of a tenant see of each other."""
        return self._houses[tenant]

    def has_calls(self, tenant: str) -> bool:
        return self.of_tenant[tenant] > 0

    def end_calls_of_others(self, taken: Collection[str] = ()) -> None:
        """Hang up, at both ends, what another process owns now, or nobody: the edges turn its requests away from
        here next, and then nobody could. Those of the tenants that were `taken` over from a dead process go on."""
        for call in list(self.calls.values()):
            if call.tenant.id not in self.serving.owned and call.tenant.id not in taken:
                call.connections.caller.end("removed")

    async def close(self, within: float = 5.0) -> None:
        """Hang up every call and wait for the records."""
        for call in list(self.calls.values()):
            call.connections.caller.end("shutdown")
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within)


async def _rescue(media: CallMedia, tag: str) -> None:
    """The engine that a leg was at stays away."""
    try:
        await media.rescue(tag)
    except UNUSABLE as error:
        log.warning("%s cannot be taken to another engine: %s", media.engine_leg(tag), error)


def _to_nobody(_: Call) -> None:
    """Nobody looks on."""


def _invite_of(session: InviteSession) -> Request:
    """The INVITE of a session that a peer began."""
    assert session.request is not None
    return session.request
