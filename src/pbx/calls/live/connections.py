"""The world of one live call: SIP legs and their media, as `Connections` asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pbx.calls.leg import (
    Audio,
    CalleeLeg,
    CallerId,
    CallTarget,
    Connections,
    DeviceTarget,
    Leg,
    NotAcceptable,
    Ringable,
    Target,
    TrunkTarget,
)
from pbx.calls.live.breadth import EXCEEDED, Breadth
from pbx.calls.live.channels import Channels
from pbx.calls.live.invitation import credentials_of, invitation_of, is_same, spoken_by
from pbx.calls.live.legs import TO_BE_RUNG, UNUSABLE, FetchedCaller, Seam, SipCallee, SipCaller
from pbx.calls.live.media import CallMedia
from pbx.calls.live.recogniser import Recogniser
from pbx.calls.live.taping import CallTape
from pbx.calls.live.wishes import wish_of
from pbx.calls.recording import Tape
from pbx.media.ng import NgError, NgTimeout
from pbx.media.relay import Toward
from pbx.model.objects import Tenant
from pbx.sip import sdp as sdps
from pbx.sip.address import Address
from pbx.sip.listener import DEAF
from pbx.sip.referral import Referral
from pbx.sip.replaces import Replaces
from pbx.sip.sdp import SdpError
from pbx.sip.session import InviteSession
from pbx.sip.stack import Stack
from pbx.speech.recognition.heard import Heard, Vocabulary

MAX_HOPS = 70  # the hops left go on with the call, or a loop through a carrier would never end (RFC 7332)
ASKED_WITHIN = 35.0  # seconds for an answer to a re-INVITE, in which the transaction gives up as well
ASKED_FOR_WITHIN = 5.0  # seconds that a phone rings on for a call whose story is told again


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as we reach it (inside) and as the world does (public, in our Contact)."""

    name: str
    inside: Address
    public_host: str
    public_port: int


class SipConnections(Connections):
    """Legs of one call: the caller's session is given, others are placed through the same edge.

    No session: of a call that is resumed and whose caller is not who called; its leg is set next (`kept`).
    """

    caller: SipCaller | SipCallee

    def __init__(
        self,
        session: InviteSession | None,
        label: str,
        *,
        stack: Stack,
        flush: Callable[[], None],
        media: CallMedia,
        tenant: Tenant,
        edge: Edge,
        token: str,
        secret: Callable[[str], str | None],
        channels: Channels,
        recogniser: Recogniser,
    ) -> None:
        """Without a session the caller has yet to be rung: see `take_caller`."""
        self.media = media
        self.caller = FetchedCaller(label, media)
        if session is not None:
            self.caller = SipCaller(session, label, media)
        self.caller.on_referral = self._referred
        self.bridged: SipCallee | None = None  # whom the caller talks with
        self._mixed: list[SipCallee] = []  # or those, at the engine
        self.on_keep: Callable[[], None] = lambda: None
        self.on_over: Callable[[], None] = lambda: None
        self.leg_of: Callable[[Replaces], tuple[str, Leg] | None] = lambda replaced: None
        media.on_agreed = self.keep
        media.ask = self._ask
        self._stack = stack
        self._flush = flush
        self._tenant = tenant
        self.edge = edge
        self._contact = f"<sip:{token}@{edge.public_host}:{edge.public_port}>"
        self._secret = secret
        self._channels = channels
        self._recogniser = recogniser
        self._hosts = (tenant.domain, edge.public_host, edge.inside.host)
        self._legs: list[SipCallee] = []
        self._orphans: list[SipCallee] = []  # rung by a process before, and not asked for again yet
        self.placed = 0
        request = session.request if session is not None else None
        hops = request.max_forwards if request is not None else MAX_HOPS
        self._hops = str(max(1, min(hops, MAX_HOPS) - 1))
        self._breadth = Breadth(request)
        self.taping: CallTape | None = None
        if session is not None:
            session.contact = self._contact

    # --- the caller -------------------------------------------------------------------------------------------------

    async def answer(self) -> None:
        if self.caller.state != "up":
            self.caller.accept(await self._to_engine())
            self._flush_soon()

    async def open_early(self) -> None:
        if self.caller.state in ("new", "ringing"):
            self.caller.early(await self._to_engine())
            self._flush()

    async def _to_engine(self) -> bytes:
        try:
            return await self.media.to_engine(self.caller.tag)
        except SdpError as error:
            raise NotAcceptable(str(error)) from error

    async def play(self, leg: Leg, audio: Sequence[Audio], *, loop: bool = False, skip: float = 0.0) -> None:
        await self.media.give_back_if_taken(leg.tag)
        await self.media.play(leg.tag, list(audio), loop=loop, skip=skip)

    async def stop(self, leg: Leg) -> None:
        await self.media.stop(leg.tag)

    async def echo(self, leg: Leg) -> None:
        await self.media.echo(leg.tag)

    async def record(self, leg: Leg, write: Callable[[bytes], None]) -> None:
        await self.media.give_back_if_taken(leg.tag)
        await self.media.record(leg.tag, write)

    async def tape(self, tape: Tape) -> str:
        if self.taping is None:
            return "nothing here records calls"
        problem = await self.taping.set(tape)
        self.keep()
        return problem

    async def listen(self, leg: Leg, vocabulary: Vocabulary, spoke: Callable[[], None]) -> Heard | None:
        answer = self._recogniser.listen(vocabulary, spoke)
        if answer is None:
            return None
        sound = asyncio.ensure_future(self.record(leg, answer.sound))
        try:
            return await answer.heard
        finally:
            self._recogniser.leave(answer)
            sound.cancel()
            await asyncio.wait({sound})

    @property
    def deaf_because(self) -> str:
        return self._recogniser.why_not

    async def enter_room(self, leg: Leg, room: str, *, muted: bool = False, deaf: bool = False) -> None:
        await self.media.enter_room(leg.tag, room, muted=muted, deaf=deaf)

    async def leave_room(self, leg: Leg) -> None:
        await self.media.leave_room(leg.tag)

    def speaks(self, tag: str, on: bool) -> None:
        """The engine hears that a leg in a room begins to speak, or ends."""
        if self.on_speaks is not None:
            for leg in (self.caller, *self._legs):
                if leg.tag == tag:
                    self.on_speaks(leg, on)

    def digit(self, tag: str, digit: str) -> None:
        """A digit that the engine heard on a leg."""
        for leg in (self.caller, *self._legs):
            if leg.tag == tag:
                leg.digits.put_nowait(digit)

    def typed(self, tag: str, digit: str, milliseconds: int) -> None:
        """A digit that the relay saw pass: whom the leg talks with has heard it, unless it is kept from that."""
        if self.media.echoes.is_one(tag, digit):
            return
        for leg in (self.caller, *self._legs):
            if leg.tag == tag and leg.on_typed is not None and self.media.talks(tag):
                leg.on_typed(digit, milliseconds, True)

    async def hide_digits(self, leg: Leg, hides: bool) -> None:
        with suppress(*UNUSABLE):
            await self.media.hide_digits(leg.tag, hides)

    async def press(self, leg: Leg, digit: str, milliseconds: int) -> None:
        with suppress(*UNUSABLE):
            await self.media.press(leg.tag, digit, milliseconds)

    @property
    def callees(self) -> Sequence[CalleeLeg]:
        return self._legs

    def _add(self, leg: SipCallee) -> None:
        leg.on_change = self.on_change
        self._legs.append(leg)
        leg.changed()

    # --- those who are rung -----------------------------------------------------------------------------------------

    def forks(self, branches: int) -> None:
        self._breadth.forks(branches)

    async def place(self, target: Target, caller_id: CallerId) -> CalleeLeg:
        assert not isinstance(target, CallTarget)
        orphan = next((leg for leg in self._orphans if is_same(leg.target, target)), None)
        if orphan is not None:
            self._orphans.remove(orphan)
            return orphan
        self.placed += 1  # before anything is awaited: several targets are placed at once
        tag = f"B{self.placed}"
        breadth = self._breadth.take()
        if breadth == 0:
            return self._failed(tag, target, *EXCEEDED)
        if isinstance(target, TrunkTarget) and not self._channels.take(target.trunk, always=target.emergency):
            self._breadth.give_back(breadth)
            return self._failed(tag, target, 503, f"all {target.trunk.max_channels} channels are in use")
        leg = SipCallee(tag, target, b"", self.media, self._hosts_for(target))
        leg.on_referral = self._referred
        if breadth is not None:
            leg.breadth = breadth
            leg.outcome.add_done_callback(lambda _: self._breadth.give_back(breadth))
        self._add(leg)
        if isinstance(target, TrunkTarget):
            self._give_back_channel(leg, target)
        if spoken_by(target) == "either":
            leg.in_other_words = lambda: self._offer(leg, target, caller_id, "srtp")
        await self._offer(leg, target, caller_id, spoken_by(target))
        if self._mixed:  # the relay took the caller's sound: it is heard on, and so are its keys
            await self.media.give_back_if_taken(self.media.head)
        return leg

    def _failed(self, tag: str, target: Target, status: int, reason: str) -> SipCallee:
        """A leg that is not even rung."""
        leg = SipCallee(tag, target, b"", self.media)
        leg.resolve(status, reason)
        return leg

    async def _offer(self, leg: SipCallee, target: Ringable, caller_id: CallerId, toward: Toward) -> None:
        """Ring a leg: INVITE with an offer of this kind."""
        if self.caller.state == TO_BE_RUNG:
            leg.offer = await self.media.offer_to_caller(leg.tag, toward=toward)
        else:
            codecs = target.trunk.codecs if isinstance(target, TrunkTarget) else ()
            leg.offer = await self.media.offer_to(leg.tag, toward=toward, codecs=codecs)
        if leg.outcome.done():  # not wanted any more
            return
        self._invite(leg, target, caller_id)
        self.keep()
        self._flush()

    def _invite(self, leg: SipCallee, target: Ringable, caller_id: CallerId) -> None:
        invitation = invitation_of(target, caller_id, self._tenant)
        breadth = [("Max-Breadth", str(leg.breadth))] if leg.breadth is not None else []
        leg.session = self._stack.invite(
            uri=invitation.uri,
            destination=self.edge.inside,
            from_=invitation.from_,
            to=f"<{invitation.uri}>",
            contact=self._contact,
            sdp=leg.offer,
            headers=[*invitation.headers, ("Max-Forwards", self._hops), *breadth],
            listener=leg,
            credentials=credentials_of(target, self._secret),
        )

    def _give_back_channel(self, leg: SipCallee, target: TrunkTarget) -> None:
        key = target.trunk.key
        leg.gone.add_done_callback(lambda _: self._channels.give_back(key))

    @property
    def rung(self) -> list[SipCallee]:
        """Who is or was rung and is not gone, but for whom the caller talks with."""
        return [leg for leg in self._legs if leg is not self.bridged and leg not in self._mixed and leg.is_open]

    @property
    def mixed(self) -> list[SipCallee]:
        return [leg for leg in self._mixed if not leg.gone.done()]

    def resume_callee(self, kept: Mapping[str, Any], target: Target) -> None:
        """The callee of a kept call: it has answered, and the two are joined."""
        leg = self._resumed(kept, target)
        leg.resolve(200)
        self.bridged = leg

    def resume_mixed(self, kept: Mapping[str, Any], target: Target) -> None:
        """One of several who talk with the caller at the engine."""
        leg = self._resumed(kept, target)
        leg.resolve(200)
        self._mixed.append(leg)

    def resume_rung(self, kept: Mapping[str, Any], target: Target, *, ours: bool) -> None:
        """A leg of a kept call that rings: it rings on for whoever asks for it again in time. One that was given up,
        that had answered and was not joined yet, or that a process at another address rings, whom the answer would
        go to, is told that nobody wants it."""
        if kept["cancelled"] or (kept["session"]["invite"] is not None and not ours):
            self._stack.give_up(kept["session"])
        elif kept["session"]["invite"] is None:
            self._stack.resume(kept["session"], listener=DEAF).bye()
        else:
            if not self._orphans:
                asyncio.get_running_loop().call_later(ASKED_FOR_WITHIN, self._give_up_orphans)
            self._orphans.append(self._resumed(kept, target))
            self.media.resume_rung(kept["tag"])

    def resume_turned(self, kept: Mapping[str, Any], target: Target) -> None:
        """The caller of a kept call who was its callee once: the caller of before has transferred."""
        leg = self._resumed(kept, target)
        leg.resolve(200)
        self.caller = leg

    def _resumed(self, kept: Mapping[str, Any], target: Target) -> SipCallee:
        if isinstance(target, CallTarget):  # its other call is found later (`Exchange.resume`)
            seam = Seam(kept["tag"], target, self.media)
            seam.on_referral = self._referred
            self._add(seam)
            return seam
        invite = kept["session"]["invite"]
        offer = b"" if invite is None else invite["body"].encode("latin-1")
        leg = SipCallee(kept["tag"], target, offer, self.media, self._hosts_for(target))
        credentials = credentials_of(target, self._secret)
        leg.session = self._stack.resume(kept["session"], listener=leg, credentials=credentials)
        leg.on_referral = self._referred
        if isinstance(target, TrunkTarget):
            self._channels.take(target.trunk, always=True)
            self._give_back_channel(leg, target)
        self._add(leg)
        return leg

    def _give_up_orphans(self) -> None:
        orphans, self._orphans = self._orphans, []
        for leg in orphans:
            leg.hang_up()
        self._flush()

    def _hosts_for(self, target: Target) -> Sequence[str]:
        """Where a 3xx of this leg may lead: to us."""
        return self._hosts if isinstance(target, DeviceTarget) else ()

    async def take_caller(self, leg: CalleeLeg) -> None:
        assert isinstance(leg, SipCallee) and leg.session is not None and leg.sdp is not None
        assert isinstance(self.caller, FetchedCaller)
        self._legs.remove(leg)
        self.caller.take(leg.label, leg.session)
        if isinstance(leg.target, TrunkTarget):
            key = leg.target.trunk.key
            self.caller.gone.add_done_callback(lambda _: self._channels.give_back(key))
        if leg.gone.done():  # it was hung up in the very moment
            self.caller.end(leg.gone.result())
        await self.media.take_caller(leg.tag, leg.sdp, leg.offer)

    async def pass_early_media(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee)
        if callee.sdp is not None and self.caller.state in ("new", "ringing"):
            self.caller.early(await self.media.early(callee.tag, callee.sdp))
            self._flush()

    async def attend(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee) and callee.sdp is not None
        await self.media.answered(callee.tag, callee.sdp, callee.offer)
        await self.media.attend(callee.tag)

    async def attend_beside(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee) and callee.sdp is not None
        await self.media.answered(callee.tag, callee.sdp, callee.offer)
        try:
            await self.media.attend_beside(callee.tag)
        except SdpError as error:
            raise NotAcceptable(str(error)) from error

    async def mix(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee)
        if callee.sdp is not None:
            await self.media.answered(callee.tag, callee.sdp, callee.offer)
        self._mixed.append(callee)
        try:
            await self.media.mix(callee.tag)
        except SdpError as error:
            raise NotAcceptable(str(error)) from error

    async def bridge(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee) and callee.sdp is not None
        await self.media.answered(callee.tag, callee.sdp, callee.offer)
        sdp = await self.media.join(callee.tag)
        if self.caller.state != "up":
            self.caller.accept(sdp)
        self.bridged = callee
        self._flush_soon()

    # --- sent on, and joined with another call -----------------------------------------------------------------------

    def _referred(self, leg: Leg, referral: Referral) -> None:
        """A side asks for a transfer: heard while two talk, and from telephones of ours only."""
        wish = wish_of(leg, referral, self._hosts, self.leg_of)
        if wish is None:
            referral.reject(403)
        elif self.on_wish is None:
            referral.reject()
        else:
            self.on_wish(wish)

    async def _ask(self, tag: str, sdp: bytes) -> bytes | None:
        """An offer in the middle of the call, from one side to the other."""
        leg = next((leg for leg in (self.caller, self.bridged) if leg is not None and leg.tag == tag), None)
        if leg is None or leg.session is None:  # the end of another call of ours
            return None
        answer = leg.reoffer(leg.session, sdp)
        self._flush()
        waits: set[asyncio.Future[Any]] = {answer, leg.gone}
        await asyncio.wait(waits, timeout=ASKED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None

    def holds(self, leg: object) -> bool:
        """Is it a leg of this call?"""
        return leg is self.caller or leg in self._legs

    @property
    def seams(self) -> list[Seam]:
        """Ends of other calls that this one is joined with."""
        return [leg for leg in self._legs if isinstance(leg, Seam) and not leg.gone.done()]

    def turn_round(self, target: Target) -> None:
        caller, callee = self.caller, self.bridged
        assert callee is not None
        left = caller if isinstance(caller, SipCallee) else SipCallee.of_caller(caller, target, self.media)
        callee.state = "up"
        self.caller, self.bridged = callee, left
        self._legs.remove(callee)
        self._add(left)
        self.media.turn_round(callee.tag)

    async def part(self) -> CalleeLeg:
        callee, self.bridged = self.bridged, None
        assert callee is not None
        await self.media.part(callee.tag)
        return callee

    async def rejoin(self, callee: CalleeLeg) -> None:
        assert isinstance(callee, SipCallee)
        await self.media.rejoin(callee.tag)
        self._unmix(callee)
        self.bridged = callee

    def _unmix(self, callee: CalleeLeg) -> None:
        self._mixed = [leg for leg in self._mixed if leg is not callee]

    async def seam(self, other: Connections, ids: tuple[str, str]) -> tuple[CalleeLeg, CalleeLeg]:
        """Each relay session is offered to the other; the codec that is spoken here is spoken there."""
        assert isinstance(other, SipConnections)
        here, there = self._seam(ids[1], other.caller.label), other._seam(ids[0], self.caller.label)
        here.twin, there.twin = there, here
        here.offer = await self.media.offer_to(here.tag)
        codec = sdps.audio(here.offer).speech
        there.offer = await other.media.offer_to(there.tag, codecs=(codec.name,) if codec else ())
        here.sdp, there.sdp = there.offer, here.offer
        return here, there

    def _seam(self, call: str, who: str) -> Seam:
        self.placed += 1
        leg = Seam(f"B{self.placed}", CallTarget(call, who), self.media)
        self._add(leg)
        return leg

    def _flush_soon(self) -> None:
        """Behind what the call does at once now: it is kept before the packets of its answer leave."""
        asyncio.get_running_loop().call_soon(self._flush)

    @property
    def joined(self) -> CalleeLeg | None:
        return self.bridged

    async def is_there(self) -> bool:
        try:
            await self.media.relay.query()
            await self.media.show_digits()
        except NgTimeout:
            return True  # it is killed as well, perhaps, and will be back with its sessions
        except NgError:
            return False
        return True

    async def hear_again(self) -> None:
        for leg in (self.caller, *self.mixed):
            await self.media.to_engine(leg.tag)

    def keep(self) -> None:
        if self.caller.state != TO_BE_RUNG:  # nobody is there yet with whom the next process could go on
            self.on_keep()

    def keep_now(self) -> None:
        self.keep()
        self._flush()

    async def release(self, callee: CalleeLeg) -> None:
        was_mixed = any(leg is callee for leg in self._mixed)
        self._unmix(callee)
        self.keep_now()
        if isinstance(callee, SipCallee) and (callee.offer or was_mixed):
            await self.media.forget(callee.tag)

    async def close(self) -> None:
        for leg in self._legs:
            leg.hang_up()
        self.caller.hang_up()
        self._flush()
        self.on_over()
        try:
            async with asyncio.timeout(5):
                await self.media.close()
        except (NgError, NgTimeout, TimeoutError):
            pass  # the relay is gone or forgot the session: its own timeout ends what is left
        if self.taping is not None:
            self.taping.over()

    def cut_ties(self) -> None:
        """The call is over: whatever leads from its parts back to the whole is cut, so that it goes at once and does
        not wait, 4 KB of circles, for a collection that may be an hour away."""
        self.on_change = self.on_wish = None
        self.on_keep = self.on_over = _nothing
        for leg in (self.caller, *self._legs):
            leg.on_change = leg.on_referral = None
            if isinstance(leg, SipCallee):
                leg.in_other_words = leg.on_ringing = leg.on_early_media = None
        self.media.cut_ties()


def _nothing() -> None:
    """Nobody listens."""
