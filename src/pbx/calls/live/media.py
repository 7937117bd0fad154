"""The media of one call: who hears whom, over one session of rtpengine (the model of `pbx.media.relay`).

`A` is who called, `B1`… those who are rung, `E1`… places in the engine, `<tag>` ↔ `E<n>` one each; `head` is the
caller: `A`, or after a transfer by it the one it talked with. The session lives as long as the call; every SDP that a
leg sent or was sent is kept here, so that a leg never notices who its peer is.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pbx.calls.live.at_the_engine import DECODED, AtTheEngine, Side
from pbx.calls.live.echoes import Echoes
from pbx.media.decoders import CLOCKS
from pbx.media.engine_client import EngineError
from pbx.media.engines import Engines
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession, Toward
from pbx.sip import sdp as sdps

Codecs = Mapping[str, str]  # payload type → name; all keys are texts, as in JSON
Ask = Callable[[str, bytes], Awaitable[bytes | None]]

log = logging.getLogger(__name__)

CALLER = "A"  # who called, in most calls the first of the session: the relay would end all of it with this leg's branch
FIRST = "E1"  # the engine's first place
LEFT, RIGHT = 0, 1  # channels of a recording: the caller's side, the called side
MUSIC = {"tone": "music"}  # what a held leg hears
_NG_NAMES = {"opus": "opus"}  # rtpengine's names are in capitals, but for this one


class CallMedia(AtTheEngine):
    """Order of commands: one at a time, in the order asked for (`_turn`)."""

    def __init__(self, relay: RelaySession, engine: Engines, caller_sdp: bytes | None) -> None:
        """`caller_sdp` is None while the caller has yet to be rung (`take_caller`)."""
        super().__init__(relay, engine)
        self.head = CALLER
        if caller_sdp is not None:
            self._sides[CALLER] = Side(caller_sdp)
        self._peer: dict[str, str] = {}  # who is bridged with whom
        self._holds: set[str] = set()  # legs that asked for silence
        self._rung: set[str] = set()  # neither joined nor forgotten yet
        self._mixed: set[str] = set()  # at the engine beside the caller, to stay
        self._early: tuple[str, bytes] | None = None  # whom A hears before an answer, and its SDP
        self._blocked = False  # the caller is not heard while somebody is asked to confirm
        self._taken = False  # an offer to somebody took the caller's audio from the engine
        self._hidden: set[str] = set()  # legs whose digits the other side does not hear
        self._is_closed = False
        self._seats = {CALLER: LEFT}  # which channel of a recording a leg is on; who replaces another takes its own
        self._is_fax = False  # the two who talk send T.38 instead of sound
        self.echoes = Echoes()
        self.on_hold: Callable[[str, bool], None] = lambda tag, held: None  # a side holds the other, or does no more
        self.ask: Ask = _refused  # sends an offer to a leg and returns its answer, None when it refuses
        self.on_agreed: Callable[[], None] = lambda: None  # an offer in the middle changed the media

    def snapshot(self) -> dict[str, Any]:
        """Who hears whom, as plain values; octets of SDP as Latin-1."""
        return {
            "relay": self.relay.client.peer,
            "session": self.relay.snapshot(),
            "sides": {
                tag: [side.engine, *(sdp.decode("latin-1") for sdp in (side.heard, side.sent, side.cut_to))]
                for tag, side in self._sides.items()
            },
            "places": self._places,
            "head": self.head,
            "peer": self._peer,
            "mixed": sorted(self._mixed),
            "holds": sorted(self._holds),
            "hidden": sorted(self._hidden),
            "fax": self._is_fax,
            "ports": self._ports,
            "seats": self._seats,
            "forgotten": [*self._forgotten, *((self.head, tag) for tag in self._rung)],
        }

    @classmethod
    def resumed(cls, client: NgClient, engine: Engines, kept: Mapping[str, Any]) -> CallMedia:
        """The media of a snapshot: the caller, and whoever it talks with; the relay is to forget who was rung, but for
        those of whom `resume_rung` is told."""
        media = cls(RelaySession.resumed(client, kept["session"]), engine, b"")
        media._used, media._places, media._peer = True, kept["places"], dict(kept["peer"])
        media.head, media._holds = kept.get("head", CALLER), set(kept.get("holds", ()))
        media._mixed = set(kept.get("mixed", ()))
        media._hidden = set(kept.get("hidden", ()))
        media._is_fax = kept.get("fax", False)
        media._ports, media._seats = dict(kept.get("ports", {})), dict(kept.get("seats", {CALLER: LEFT}))
        for tag, (place, *texts) in kept["sides"].items():
            if tag == media.head or tag in media._peer or tag in media._mixed:
                heard, sent, cut_to = (text.encode("latin-1") for text in texts)
                media._sides[tag] = Side(heard, sent, place, cut_to)
        media._forgotten = [(offerer, tag) for offerer, tag in kept["forgotten"]]
        return media

    @property
    def talking(self) -> frozenset[str]:
        """Two who are joined and hear each other; nobody while one of them holds the other."""
        return frozenset() if self._holds else frozenset(self._peer)

    def resume_rung(self, tag: str) -> None:
        """A leg of a snapshot that goes on being rung."""
        self._forgotten.remove((self.head, tag))
        self._rung.add(tag)
        self._taken = True

    # --- ringing and joining ----------------------------------------------------------------------------------------

    async def offer_to(self, tag: str, *, toward: Toward = "plain", codecs: Sequence[str] = ()) -> bytes:
        """The caller's offer for a leg that will be rung; with `codecs` no others are offered, transcoded if it has
        none.

        Without, its own are offered first and then G.711, so that a leg with nothing in common is transcoded to.
        """
        async with self._turn:
            await self._delete_forgotten()  # of a ring that nobody answered
            self._used = self._taken = True
            self._rung.add(tag)
            sdp = self._sides[self.head].received
            if not codecs:
                return await self.relay.offer(self.head, tag, sdp, toward=toward, codecs=fallback(sdp))
            common = sdps.only(sdp, codecs)
            if common is not None:
                return await self.relay.offer(self.head, tag, common, toward=toward)
            names = [_NG_NAMES.get(name, name.upper()) for name in codecs]
            return await self.relay.offer(self.head, tag, sdp, toward=toward, codecs=names)

    async def offer_to_caller(self, tag: str, *, toward: Toward = "plain") -> bytes:
        """The engine's offer for a device of whoever is to be the caller. PCMU is transcoded where it knows no PCMA."""
        async with self._turn:
            self._used = True
            self._rung.add(tag)
            self._places = 1
            self._at_first = self.engine.place(self.engine_leg(CALLER))
            offer = sdps.engine_offer(*self._at_first.address)
            return await self.relay.offer(FIRST, tag, offer, toward=toward, codecs=("PCMU",))

    async def take_caller(self, tag: str, received: bytes, offered: bytes) -> None:
        """The device that answered with this SDP is A from now on, and hears the engine. A's SDP is the offer of those
        who are rung later, though A sent it as an answer."""
        async with self._turn:
            sent = sdps.audio(await self.relay.answer(FIRST, CALLER, received, branch=tag))
            codec = sent.speech
            if codec is None or codec.name not in ("PCMA", "PCMU"):
                raise sdps.SdpError(f"the relay answers the engine {codec}")
            await self.engine.add_leg(
                self.engine_leg(CALLER),
                self._at_first or self.engine.place(self.engine_leg(CALLER)),
                remote=(sent.address, sent.port),
                payload=codec.payload,
                event_payload=sent.event_payload,
            )
            self._rung.discard(tag)
            self._sides[CALLER] = Side(sdps.narrow(received, received), offered, FIRST)
            self._ports[FIRST] = sent.port
            await self._delete_forgotten()

    async def answered(self, tag: str, received: bytes, offered: bytes) -> None:
        """A rung leg answered with this SDP to the offer it was sent; said again (asked to confirm, then joined) it
        changes nothing."""
        self._sides.setdefault(tag, Side(received, sent=offered))

    async def attend(self, tag: str) -> None:
        """A leg that answered hears the engine before it is joined, and not yet the caller."""
        await self.to_engine(tag)
        async with self._turn:
            if self._sides[self.head].engine:  # its own place gets it back: the relay took it, to hear the leg
                await self._to_engine(self.head)
            await self.relay.block(self.head)
            self._blocked = True

    async def attend_beside(self, tag: str) -> None:
        """A leg that answered hears the engine, and so does the caller, whose audio the relay took to ring others."""
        await self.to_engine(tag)
        self._taken = True
        await self.give_back_if_taken(self.head)

    async def mix(self, tag: str) -> None:
        """A leg that answered, or was parted, hears the engine as the caller does, and stays there."""
        was_rung = tag in self._rung
        self._rung.discard(tag)
        self._mixed.add(tag)
        if was_rung:
            await self.attend_beside(tag)
            return
        await self.to_engine(tag)
        await self.relay.unblock(tag)

    async def give_back_if_taken(self, tag: str) -> None:
        """One more offer returns the caller's audio to the engine after others were rung: its digits are heard."""
        if tag == self.head and self._taken and self._sides[tag].engine:
            self._taken = False
            await self.to_engine(tag)

    async def join(self, tag: str) -> bytes:
        """The caller hears the leg and the leg the caller; returns the SDP for the caller."""
        async with self._turn:
            head = self.head
            caller, callee = self._sides[head], self._sides[tag]
            if callee.engine:  # it was asked to confirm: one more offer gives its audio back to the caller
                self._forgotten.append((tag, callee.engine))
                self._ports.pop(callee.engine, None)
                callee.engine = ""
                await self.engine.remove_leg(self.engine_leg(tag))
                callee.sent = await self.relay.offer(head, tag, caller.received)
            sent = await self.relay.answer(head, tag, callee.received)
            if self._blocked or self._peer:  # or whom it talked with until now has held it
                await self.relay.unblock(head)
                self._blocked = False
            await self.leave_engine(head)
            await self._delete_forgotten()
            self._peer = {head: tag, tag: head}
            self._seats[tag] = RIGHT - self._seats.setdefault(head, LEFT)
            self._rung.discard(tag)
            return self._told(caller, sent)

    def turn_round(self, tag: str) -> None:
        """Whom the caller talks with takes the caller's place."""
        self.head = tag

    async def part(self, tag: str) -> None:
        """The caller hears the engine; whom it talked with is not heard, and may be joined again (`rejoin`)."""
        async with self._turn:
            self._peer = {}
            await self.relay.block(tag)
            await self.leave_engine(tag)
            await self._to_engine(self.head)
            await self.engine.stop(self.engine_leg(self.head))  # music, when it was held
            await self.relay.unblock(self.head)

    async def rejoin(self, tag: str) -> None:
        """Back to a leg that was parted; when that one still holds the caller, to its music."""
        async with self._turn:
            self._mixed.discard(tag)
            self._peer = {self.head: tag, tag: self.head}
            await self._meet(self.head, tag)
            await self._delete_forgotten()

    async def early(self, tag: str, received: bytes) -> bytes:
        """What the leg sends before it answers reaches A; returns the SDP for A."""
        async with self._turn:
            self._early = tag, received
            return await self.relay.answer("A", tag, received)

    async def forget(self, tag: str) -> None:
        """A rung leg is not needed: its ports are given back when the relay can do without them."""
        async with self._turn:
            self._rung.discard(tag)
            side = self._sides.pop(tag, None)
            if side is not None and side.engine:
                await self.engine.remove_leg(self.engine_leg(tag))
                self._forgotten.append((tag, side.engine))
                self._ports.pop(side.engine, None)
            self._holds.discard(tag)
            self._mixed.discard(tag)
            if tag != CALLER:
                self._forgotten.append((self.head if self.head in self._sides else FIRST, tag))

    # --- in the middle ----------------------------------------------------------------------------------------------

    async def reoffer(self, tag: str, received: bytes) -> bytes:
        """A joined leg offers anew (hold, resume, another address); returns the answer for it.

        The peer gets no re-INVITE. A hold is answered here: the held leg hears music of the engine, and neither side is
        heard by the other, as phones in a hold may go on sending. Where both hold there is no music.
        """
        async with self._turn:
            side = self._sides[tag]
            if sdps.is_secret(side.heard) and not sdps.is_secret(received):
                raise sdps.SdpError("what was encrypted is not to be in clear")
            side.received = received
            self._holds = self._holds | {tag} if sdps.is_hold(received) else self._holds - {tag}
            direction = sdps.mirrored(sdps.audio(received).direction)
            peer = self._peer.get(tag)
            if peer is None and not side.engine and self._early is not None:
                other, heard = self._early
                await self.relay.offer(tag, other, received)
                return sdps.with_direction(await self.relay.answer(tag, other, heard), direction)
            if peer is None:
                sent = await self._to_engine(tag)
                self.on_hold(tag, tag in self._holds)
                self.on_agreed()
                return sdps.with_direction(sent, direction)
            sent = await self._meet(tag, peer)
            side.sent = sdps.with_direction(sent, direction)
            self.on_hold(tag, tag in self._holds)
            self.on_agreed()
            return side.sent

    def is_for_the_peer(self, tag: str, received: bytes) -> bool:
        """An offer in the middle that only the other side can answer: a fax (T.38), or sound again after it."""
        return tag in self._peer and (self._is_fax or sdps.is_fax(received))

    async def pass_on(self, tag: str, received: bytes) -> bytes:
        """Such an offer goes to the peer; returns the answer for the leg. Raises SdpError when it is refused, and all
        is as it was."""
        async with self._turn:
            peer = self._peer.get(tag)
            if peer is None or self._holds or not self._may_fax(tag, peer, received):
                raise sdps.SdpError("there is nobody for it, or what was encrypted would be in clear")
            answer = await self.ask(peer, await self.relay.offer(tag, peer, received, toward="fax"))
            if self._is_closed:  # an offer would begin a new session
                raise sdps.SdpError("the call is over")
            if answer is None:
                await self.relay.offer(tag, peer, self._sides[tag].received)
                await self.relay.answer(tag, peer, self._sides[peer].received)
                raise sdps.SdpError("the other side refuses it")
            sent = await self.relay.answer(tag, peer, answer)
            self._is_fax = sdps.is_fax(answer)
            if not self._is_fax:
                self._sides[tag].received, self._sides[peer].received = received, answer
                self._sides[tag].sent = sent
            self.on_agreed()
            return sent

    def _may_fax(self, tag: str, peer: str, received: bytes) -> bool:
        """T.38 is never encrypted (UDPTL)."""
        return not (sdps.is_fax(received) and any(sdps.is_secret(self._sides[one].heard) for one in (tag, peer)))

    async def _meet(self, tag: str, peer: str) -> bytes:
        """Two who are joined hear each other, or, while one of them holds, the other hears music; the SDP for `tag`."""
        await self.relay.offer(tag, peer, self._sides[tag].received)
        sent = await self.relay.answer(tag, peer, self._sides[peer].received)
        for one, other in ((tag, peer), (peer, tag)):
            await (self.relay.block(one) if self._holds & {tag, peer} else self.relay.unblock(one))
            if other in self._holds and one not in self._holds:
                await self._play_music(one)
            else:
                await self.leave_engine(one)
        return sent

    def talks(self, tag: str) -> bool:
        """The leg is joined with another."""
        return tag in self._peer

    async def press(self, tag: str, digit: str, milliseconds: int) -> None:
        """A digit that came beside the sound (SIP INFO) goes to whom the leg talks with, as if the leg had sent it by
        RFC 4733. The first one makes the relay ready for more: nobody is sent an offer."""
        async with self._turn:
            peer = self._peer.get(tag)
            if peer is None:
                return
            if not self.relay.injects:
                self.relay.injects = True
                await self._meet(tag, peer)
                self.on_agreed()
            self.echoes.expect(tag, digit)
            await self.relay.press(tag, digit, milliseconds)

    async def hide_digits(self, tag: str, hides: bool) -> None:
        """Whom the leg talks with hears its digits no more, or again."""
        async with self._turn:
            await self.relay.hide_digits(tag, hides)
            self._hidden = self._hidden | {tag} if hides else self._hidden - {tag}
            self.on_agreed()

    async def show_digits(self) -> None:
        """Of all legs: whoever hid some was in a process that is gone."""
        for tag in sorted(self._hidden):
            await self.hide_digits(tag, False)

    async def _play_music(self, tag: str) -> None:
        """Without an engine a held leg hears nothing: that ends no call."""
        leg = self.engine_leg(tag)
        try:
            await self._to_engine(tag)
            self._music.add(await self.engine.of(leg).play(leg, [MUSIC], loop=True))
        except (EngineError, sdps.SdpError) as error:
            log.warning("no music for %s: %s", leg, error)

    def audible(self) -> tuple[dict[str, Codecs], dict[str, Codecs]]:
        """The relay's ports at which sound comes in that somebody who is served hears, by channel, with the codecs that
        may come. Who is on hold or left aside is heard by nobody; what the engine plays to a leg is on the other one's
        channel."""
        sides: tuple[dict[str, Codecs], dict[str, Codecs]] = ({}, {})
        for tag in {self.head, *self._peer}:
            side, seat = self._sides.get(tag), self._seats.get(tag, LEFT)
            if side is None or not side.sent:
                continue
            silenced = bool(self._holds and tag in self._peer) or (self._blocked and tag == self.head)
            if not silenced and not self._is_fax:
                told = sdps.audio(side.sent)
                sides[seat][str(told.port)] = {
                    str(codec.payload): codec.name for codec in told.codecs if codec.name in CLOCKS
                }
            if side.engine in self._ports:
                sides[RIGHT - seat][str(self._ports[side.engine])] = {"0": "PCMU", "8": "PCMA"}
        return sides

    async def take_down(self, on: bool) -> None:
        """Let the relay write down what comes in, or no more."""
        async with self._turn:
            if not self._is_closed:
                await self.relay.record(on)

    def when_changed(self, look: Callable[[], None]) -> None:
        """Somebody looks at who hears whom after each command."""
        self._turn.after = look

    def told(self, tag: str) -> bytes:
        """The SDP that a leg was sent last."""
        return self._sides[tag].sent

    def offer_again(self, tag: str) -> bytes:
        """An offer for a leg that asks for one (a re-INVITE without SDP): what it was told last, open both ways, in the
        codec that it speaks (RFC 6337 §5.2.5); `reoffer` takes its answer. Raises SdpError for one never told any."""
        side = self._sides[tag]
        return sdps.next_version(sdps.with_direction(sdps.narrow(side.sent, side.heard), "sendrecv"))

    async def close(self) -> None:
        """Give back everything, whatever else goes wrong."""
        self._is_closed = True
        for tag, side in self._sides.items():
            if side.engine:
                try:
                    await self.engine.remove_leg(self.engine_leg(tag))
                except EngineError:
                    continue
        for future in self._plays.values():
            future.cancel()
        if self._used:
            await self.relay.delete()

    def cut_ties(self) -> None:
        """The call is over: nobody of it is told anything more, or asked."""
        self.on_hold, self.on_agreed, self.ask = lambda tag, held: None, lambda: None, _refused
        self._turn.after = lambda: None


async def _refused(tag: str, sdp: bytes) -> bytes | None:
    return None


def fallback(sdp: bytes) -> tuple[str, ...]:
    """What is offered after the codecs of an SDP, to be transcoded: the G.711 that it does not have, where the relay
    can decode what it has. A common codec passes untouched."""
    if b"PCMA/8000" in sdp and b"PCMU/8000" in sdp:  # of nearly all: spares the reading
        return ()
    names = {codec.name for codec in sdps.audio(sdp).codecs}
    return tuple(name for name in ("PCMA", "PCMU") if name not in names and names & DECODED)
