"""The edge as pbx-calls meets it, played by scripts: it brings calls in, and is every device and carrier behind it.

One UDP socket, one asyncio loop, any number of calls at once. It shares no code with the PBX. Sound is not listened to
(the demo's calls do that): SDP names a port that swallows all, and digits go by SIP INFO.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from phones import message
from phones.message import Message
from phones.rtp import Voice
from phones.scripted.keys import Keys

from pbx.calls.simulated.second_call import ASKS_FOR
from pbx.calls.simulated.world import Person

Peer = tuple[str, int]
T1 = 0.5
RANG_AFTER = 0.05


@dataclass
class Incoming:
    """A call that the edge brings in. `digits` are (second, digit) from the INVITE on."""

    user: str  # of the Request-URI
    domain: str
    caller: str  # of the From
    headers: Sequence[tuple[str, str]]
    digits: Sequence[tuple[float, str]] = ()
    patience: float = 600.0
    transfers: str = ""  # sends whom it talks with on, so many seconds after the answer
    transferring: float = 1.0


@dataclass
class Rung:
    """Who was rung for a call of ours, in order: labels as the record has them, and what a trunk got to dial."""

    labels: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    invites: list[Message] = field(default_factory=list)
    cancels: list[Message] = field(default_factory=list)
    final: Message | None = None  # what the caller got


class Leg:
    """One dialog, either side. Timers are of the loop; all end with it."""

    def __init__(self, edge: ScriptedEdge, call_id: str) -> None:
        self.edge, self.call_id = edge, call_id
        self.tag = os.urandom(4).hex()
        self.local = self.remote = self.target = ""
        self.offered = b""  # the SDP that we were sent last
        self.takes_fax = False  # answers an offer of T.38 with 488 otherwise
        self.sequence = 0
        self.invite: Message | None = None
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()  # the final code of the INVITE
        self.is_up = False
        self._leaves = False
        self.answers_to_refer: list[int] = []
        self.reinvited: list[int] = []  # what came of our re-INVITEs
        self.keys = Keys(edge.host) if edge.has_keys else None
        self.got: list[Message] = []  # requests within the dialog, in order
        self._timers: list[asyncio.TimerHandle] = []
        self._repeats: list[asyncio.TimerHandle] = []

    voice: Voice | None = None  # what it says and hears; without one it sends no sound

    def sdp(self) -> bytes:
        """Its offer or answer."""
        body = self.edge.sdp(self.keys.port if self.keys is not None else None)
        return body if self.voice is None else re.sub(rb"m=audio \d+", b"m=audio %d" % self.voice.port, body)

    def speaks_to(self, other: bytes) -> None:
        """The SDP of whom it talks with has come."""
        port = re.search(rb"^m=audio (\d+)", other, re.M)
        if self.voice is not None and port is not None:
            self.voice.start((self.edge.host, int(port[1])), 8, 101)

    def later(self, seconds: float, do: Callable[..., None], *words: object) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, do, *words))

    def send(self, request: Message) -> None:
        """A request, repeated as UDP wants it until something comes back."""
        self.settled()
        for after in (0.0, T1, 3 * T1, 7 * T1):
            self._repeats.append(asyncio.get_running_loop().call_later(after, self.edge.send, bytes(request)))

    def settled(self) -> None:
        for timer in self._repeats:
            timer.cancel()
        self._repeats = []

    def request(self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> Message:
        self.sequence += 1
        via = f"SIP/2.0/UDP {self.edge.host}:{self.edge.port};branch=z9hG4bK{os.urandom(6).hex()}"
        own = [("Via", via), ("Max-Forwards", "70"), ("From", self.local), ("To", self.remote)]
        own += [("Call-ID", self.call_id), ("CSeq", f"{self.sequence} {method}"), ("Contact", self.edge.contact)]
        return Message(f"{method} {self.target} SIP/2.0", [*own, *headers], body)

    def digit(self, digit: str) -> None:
        if self.is_up:
            body = f"Signal={digit}\r\nDuration=100\r\n".encode()
            self.edge.send(bytes(self.request("INFO", [("Content-Type", "application/dtmf-relay")], body)))

    async def press(self, digits: str) -> None:
        """Digits among the packets of the sound (RFC 4733)."""
        assert self.keys is not None
        await self.keys.press(self.ear, digits)

    def speak(self) -> None:
        """Send silence from now on."""
        assert self.keys is not None
        self.keys.speak(self.ear)

    @property
    def ear(self) -> Peer:
        """Where our sound is to go."""
        found = re.search(rb"c=IN IP4 (\S+)[\s\S]*?m=(?:audio|image) (\d+)", self.offered)
        assert found
        return found[1].decode(), int(found[2])

    @property
    def heard(self) -> str:
        """The digits that came among the packets."""
        assert self.keys is not None
        return self.keys.heard

    def fax(self) -> None:
        """Offers T.38 in place of the sound."""
        self.send(self.request("INVITE", [("Content-Type", "application/sdp")], self.fax_sdp()))

    def fax_sdp(self) -> bytes:
        assert self.keys is not None
        lines = ["v=0", f"o=- 1 2 IN IP4 {self.edge.host}", "s=-", f"c=IN IP4 {self.edge.host}", "t=0 0"]
        lines += [f"m=image {self.keys.port} udptl t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400"]
        lines += ["a=T38FaxRateManagement:transferredTCF", "a=T38FaxUdpEC:t38UDPRedundancy"]
        return ("\r\n".join(lines) + "\r\n").encode()

    def reinvite(self, direction: str) -> None:
        """Offers the media anew: `sendonly` holds, `sendrecv` takes back."""
        body = self.sdp().replace(b"a=sendrecv", f"a={direction}".encode())
        self.send(self.request("INVITE", [("Content-Type", "application/sdp")], body))

    def refer(self, digits: str, *, leaves: bool = False) -> None:
        """Blind transfer of whom it talks with; one who `leaves` hangs up when it is accepted."""
        if self.is_up:
            self._leaves = leaves
            self.refer_to(f"sip:{digits}@{self.domain}")

    def refer_to(self, uri: str) -> None:
        self.send(self.request("REFER", [("Refer-To", f"<{uri}>")]))

    @property
    def domain(self) -> str:
        return message.address(self.remote).rpartition("@")[2]

    @property
    def replaces(self) -> str:
        """This leg, as a Replaces header of another of us names it (RFC 3891)."""
        return f"{self.call_id};to-tag={message.parameter(self.remote, 'tag')};from-tag={self.tag}"

    @property
    def told(self) -> list[int]:
        """What NOTIFYs said of transfers, in order."""
        bodies = [one.body for one in self.got if one.method == "NOTIFY"]
        return [int(body.split()[1]) for body in bodies if body]

    def referred(self, response: Message) -> None:
        self.settled()
        self.answers_to_refer.append(response.status)
        if response.status == 202 and self._leaves:
            self.bye()

    def answered(self, response: Message) -> None:
        """The final answer to a re-INVITE of ours."""
        self.reinvited.append(response.status)
        self.offered = response.body or self.offered
        ack = self.request("ACK")
        self.sequence -= 1
        ack.headers = [(n, f"{self.sequence} ACK" if n == "CSeq" else v) for n, v in ack.headers]
        self.edge.send(bytes(ack))

    def bye(self) -> None:
        if self.is_up:
            self.end(200)
            self.send(self.request("BYE"))

    def end(self, code: int) -> None:
        self.is_up = False
        for timer in self._timers:
            timer.cancel()
        if not self.over.done():
            self.over.set_result(code)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def on_request(self, request: Message) -> None:
        """Within the dialog."""
        self.got.append(request)
        if request.body.startswith(b"v=0"):
            self.offered = request.body
        if request.method == "BYE":
            self.edge.reply(request, 200, "OK")
            self.settled()
            self.end(200)
        elif b"m=image" in request.body:
            if self.takes_fax:
                self.edge.reply(request, 200, "OK", body=self.fax_sdp())
            else:
                self.edge.reply(request, 488, "Not Acceptable Here")
        elif request.method in ("INVITE", "UPDATE") and request.body:
            self.edge.reply(request, 200, "OK", body=self.sdp())
        elif request.method != "ACK":
            self.edge.reply(request, 200, "OK")


class CallerLeg(Leg):
    """We are the UAC: somebody whom the edge lets in."""

    final: Message | None = None  # the answer to its INVITE

    def on_up(self) -> None:
        """It is answered."""

    def begin(self, call: Incoming) -> None:
        self.call = call
        self.local = f"<sip:{call.caller}@{call.domain}>;tag={self.tag}"
        self.target = f"sip:{call.user}@{call.domain}"
        self.remote = f"<{self.target}>"
        self.invite = self.request("INVITE", [*call.headers, ("Content-Type", "application/sdp")], self.sdp())
        self.send(self.invite)
        for second, digit in call.digits:
            self.later(second, self.digit, digit)
        self.later(call.patience, self.leave)

    def leave(self) -> None:
        """The caller has enough."""
        if self.is_up:
            self.bye()
        elif self.invite is not None:
            kept = ("Via", "Max-Forwards", "From", "To", "Call-ID")
            headers = [(name, value) for name, value in self.invite.headers if name in kept]
            number = ("CSeq", f"{self.invite.sequence} CANCEL")
            self.edge.send(bytes(Message(f"CANCEL {self.invite.uri} SIP/2.0", [*headers, number])))

    def on_response(self, response: Message) -> None:
        if response.method == "BYE" and response.status >= 200:
            self.settled()
        if response.method == "REFER":
            self.referred(response)
        if response.method != "INVITE" or self.invite is None:
            return
        self.settled()
        if response.status >= 200 and self.is_up and int(response["CSeq"].split()[0]) != self.invite.sequence:
            self.answered(response)
            return
        if response.status < 200:
            self.remote = response["To"]
            return
        self.final = response
        self.offered = response.body or self.offered
        if response.status >= 300:
            kept = ("Via", "Max-Forwards", "From", "Call-ID")
            headers = [(name, value) for name, value in self.invite.headers if name in kept]
            headers += [("To", response["To"]), ("CSeq", f"{self.invite.sequence} ACK")]
            self.edge.send(bytes(Message(f"ACK {self.invite.uri} SIP/2.0", headers)))
            self.end(response.status)
            return
        self.remote, self.target = response["To"], message.address(response["Contact"])
        ack = self.request("ACK")
        self.sequence -= 1
        ack.headers = [(n, f"{self.invite.sequence} ACK" if n == "CSeq" else v) for n, v in ack.headers]
        self.edge.send(bytes(ack))
        if not self.over.done() and not self.is_up:
            self.is_up = True
            self.speaks_to(response.body)
            self.on_up()
            if self.call.transfers:
                self.later(self.call.transferring, self.refer, self.call.transfers)


class CalleeLeg(Leg):
    """We are the UAS: a device or a carrier that behaves as its Person."""

    def begin(self, invite: Message, person: Person) -> None:
        self.invite, self.person = invite, person
        self.offered = invite.body
        self.local, self.remote = f"{invite['To']};tag={self.tag}", invite["From"]
        self.target = message.address(invite["Contact"])
        self.answer(100, "Trying")
        if person.silent:
            return
        if person.status is not None:
            self.later(person.after, self.final, person.status)
            if person.after <= RANG_AFTER:
                return
        self.later(RANG_AFTER, self.answer, 180, "Ringing")
        if person.answers is not None:
            self.later(person.answers, self.final, 200)
            for digit in person.presses:
                self.later(person.answers + person.pressing, self.digit, digit)
            self.later(person.answers + person.talks, self.bye)
            if person.transfers or person.consults:
                self.later(person.answers + person.transferring, self._transfer)

    def _transfer(self) -> None:
        if self.person.consults:
            self._consult(self.edge.second_call(self, self.person.consults))
        else:
            self.refer(self.person.transfers, leaves=self.person.leaves)

    def _consult(self, other: CallerLeg) -> None:
        """Asks there, and joins the two (RFC 5589 §7.3)."""

        def join() -> None:
            uri = f"sip:{self.person.consults}@{other.domain}?Replaces={quote(other.replaces, safe='')}"
            self.later(ASKS_FOR, self.refer_to, uri)

        other.on_up = join  # type: ignore[method-assign]

    def answer(self, code: int, phrase: str, body: bytes = b"") -> None:
        assert self.invite is not None
        self.edge.reply(self.invite, code, phrase, tag="" if code == 100 else self.tag, body=body)

    def final(self, code: int) -> None:
        self.is_up = code == 200
        if self.is_up:
            self.answer(200, "OK", self.sdp())
            assert self.invite is not None
            self.speaks_to(self.invite.body)
        else:
            self.answer(code, "Said So")
            self.end(code)

    cancel: Message | None = None

    def is_rung_by(self, request: Message) -> bool:
        return self.invite is not None and (request.method, request.branch) == ("INVITE", self.invite.branch)

    def cancelled(self, request: Message) -> None:
        self.cancel = request
        self.edge.reply(request, 200, "OK", tag=self.tag)
        if not self.is_up and not self.over.done():
            self.answer(487, "Request Terminated")
            self.end(487)

    def on_response(self, response: Message) -> None:
        if response.status < 200 or response.method == "INFO":  # which is sent once
            return
        self.settled()
        if response.method == "REFER":
            self.referred(response)
        elif response.method == "INVITE":
            self.answered(response)


def _nobody_calls(leg: CalleeLeg, dialled: str) -> CallerLeg:
    raise AssertionError(f"nobody may call {dialled} here")


class ScriptedEdge(asyncio.DatagramProtocol):
    """`behave(token, user, trunk, invite)` says how whoever is rung behaves, and notes that they were: `token` is the
    tenant's in our Contact, `user` the user part that was dialled, `trunk` the key or nothing for a device."""

    def __init__(self, host: str, port: int, calls: Peer, behave: Callable[[str, str, str, Message], Person]) -> None:
        self.host, self.port, self._calls, self._behave = host, port, calls, behave
        self.has_keys = False  # each leg that begins now has a port of its own, to type and to hear digits
        self.mute: set[str] = {"mute"}  # trunks that answer no OPTIONS
        self.registered: dict[str, str] = {}  # device → how: `udp/ 70 10 590`, as an edge tells a call process
        self.contact = f"<sip:edge@{host}:{port}>"
        self.second_call: Callable[[CalleeLeg, str], CallerLeg] = _nobody_calls  # of whoever was rung, as dialled
        self.voices: dict[str, Voice] = {}  # of devices
        self._legs: dict[str, CallerLeg | CalleeLeg] = {}
        self._answers: dict[tuple[str, str], bytes] = {}
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # what comes here is not read
        self._media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        self._media.bind((host, 0))

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (self.host, self.port))

    def close(self) -> None:
        self._transport.close()
        self._media.close()
        for leg in self._legs.values():
            if leg.keys is not None:
                leg.keys.close()

    def leg(self, call_id: str) -> CallerLeg | CalleeLeg:
        return self._legs[call_id]

    def legs(self) -> Sequence[CallerLeg | CalleeLeg]:
        """All that there were, in order."""
        return list(self._legs.values())

    def call(self, incoming: Incoming) -> CallerLeg:
        """Brings a call in; the leg's `over` is its end."""
        leg = CallerLeg(self, f"{os.urandom(8).hex()}@{self.host}")
        self._legs[leg.call_id] = leg
        leg.voice = self.voices.get(incoming.caller)
        leg.begin(incoming)
        return leg

    def send(self, data: bytes) -> None:
        self._transport.sendto(data, self._calls)

    def reply(
        self,
        request: Message,
        code: int,
        phrase: str,
        *,
        tag: str = "",
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        echo = [(name, value) for name in ("Via", "From", "To", "Call-ID", "CSeq") for value in request.all(name)]
        if tag and not message.parameter(request["To"], "tag"):
            echo = [(name, f"{value};tag={tag}" if name == "To" else value) for name, value in echo]
        more = [*headers, *([("Content-Type", "application/sdp")] if body else [])]
        data = bytes(Message(f"SIP/2.0 {code} {phrase}", [*echo, ("Contact", self.contact), *more], body))
        if code >= 200:
            self._answers[(request.branch, request.method)] = data
        self.send(data)

    def sdp(self, port: int | None = None) -> bytes:
        lines = ["v=0", f"o=- 1 1 IN IP4 {self.host}", "s=-", f"c=IN IP4 {self.host}", "t=0 0"]
        lines += [f"m=audio {port or self._media.getsockname()[1]} RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000"]
        lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=sendrecv"]
        return ("\r\n".join(lines) + "\r\n").encode()

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        if not data.strip():
            return
        received = message.parse(data)
        leg = self._legs.get(received["Call-ID"])
        if received.status:
            if leg is not None:
                leg.on_response(received)
            return
        answered = self._answers.get((received.branch, received.method))
        if answered is not None and received.method != "ACK":
            self.send(answered)
        elif received.method == "INVITE" and leg is None:
            self._rung(received)
        elif isinstance(leg, CalleeLeg) and leg.is_rung_by(received):
            leg.answer(180, "Ringing")  # the INVITE, repeated
        elif received.method == "CANCEL" and isinstance(leg, CalleeLeg):
            leg.cancelled(received)
        elif leg is not None:
            leg.on_request(received)
        elif received.method == "OPTIONS" and received.get("X-PBX-Trunk") in self.mute:
            return
        elif received.method == "OPTIONS" and (devices := received.get("X-PBX-Registered")):
            known = [(one, self.registered[one]) for one in devices.split() if one in self.registered]
            told = [("X-PBX-Contact", f"{one} {how}") for one, how in known]
            self.reply(received, 200, "OK", headers=[("X-PBX-Edge", "edge1"), *told])
        elif received.method != "ACK":
            self.reply(received, 200 if received.method == "OPTIONS" else 481, "Said So")

    def _rung(self, invite: Message) -> None:
        token = re.search(r"sip:([^@>]+)@", invite["Contact"])
        user = re.search(r"sips?:([^@>]+)@", invite.uri)
        assert token and user
        leg = CalleeLeg(self, invite["Call-ID"])
        self._legs[leg.call_id] = leg
        leg.voice = self.voices.get(user[1])
        trunk = invite.get("X-PBX-Trunk") or ""
        leg.begin(invite, self._behave(token[1], user[1].replace("%2B", "+"), trunk, invite))
