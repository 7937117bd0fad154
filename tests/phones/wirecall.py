"""One call of a scripted party: what it sends when told, what it answers by itself, its voice and its story.

By itself it acknowledges answers, repeats INVITE, BYE and 200 over UDP, answers a challenge once, takes part in a
re-INVITE (hold) and answers BYE. All else is the test's word.
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from phones import digest, message
from phones.g711 import Samples
from phones.message import Message
from phones.rtp import Voice
from phones.tone import Heard

if TYPE_CHECKING:
    from phones.wire import Peer, WireParty

REPEATS = (0.5, 1.5, 3.5, 7.5)  # seconds after the first sending: T1, doubled (RFC 3261 §17.1.1.2)


class WireCall:
    """`state`: calling | ringing | established | ended. `final` is the code that ended the INVITE, 0 before it."""

    def __init__(
        self,
        party: "WireParty",
        peer: "Peer",
        *,
        outgoing: bool,
        request: Message | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.party, self.peer, self.outgoing, self.credentials = party, peer, outgoing, credentials
        self.voice = Voice(party.namespace, party.address, party.hz)
        self.messages: list[tuple[str, Message]] = []
        self.state, self.final, self.ended_by = "calling", 0, ""
        self.started = time.monotonic()
        self.call_id = request["Call-ID"] if request else f"{os.urandom(8).hex()}@{party.address}"
        self.tag = os.urandom(4).hex()
        self._route: list[str] = []
        self._remote_target = ""
        self._sequence = 1
        self._repeating: list[tuple[float, bytes]] = []
        self._local_from = self._remote_to = ""
        if request:
            self.request = request
            self._note("received", request)
            self._dialog(request["To"] + f";tag={self.tag}", request["From"], request)
            self._route = request.all("Record-Route")

    # --- what a test tells it

    def send_invite(
        self, uri: str, from_: str, headers: Sequence[tuple[str, str]], sdp: Callable[[bytes], bytes]
    ) -> None:
        sender = from_ if "<" in from_ else f"<{from_}>"
        self._local_from, self._remote_to = f"{sender};tag={self.tag}", f"<{uri}>"
        fixed = [*headers, ("Content-Type", "application/sdp")]
        self.request = self._make("INVITE", uri, fixed, sdp(self.sdp()), route=False)
        self._send(self.request, repeat=True)

    def ring(self, code: int = 180, early: bool = False) -> None:
        body = self.sdp() if early else b""
        self._answer_invite(code, {180: "Ringing", 183: "Session Progress"}.get(code, ""), body)
        self.state = "ringing"

    def answer(self, sdp: bytes | None = None, deadline: float = 5.0) -> None:
        """200 with our SDP; returns when the ACK came."""
        with self.party.changed:
            if self.state == "ended":
                raise RuntimeError(f"cannot answer: the call ended ({self.ended_by})")
            self._talk_to(self.request)
            data = self._answer_invite(200, "OK", self.sdp() if sdp is None else sdp)
            self._repeating = [(time.monotonic() + after, data) for after in REPEATS]
            self.final = 200
        self.wait(lambda: self.state in ("established", "ended"), deadline, "ACK")

    def reject(self, code: int, reason: str = "") -> None:
        self._answer_invite(code, reason, b"")
        self.state, self.final, self.ended_by = "ended", code, "us"

    def bye(self, deadline: float = 5.0) -> None:
        """Hangs up; returns when it was answered."""
        self._send(self._make("BYE", self._remote_target), repeat=True)
        self.voice.pause()
        self.wait(lambda: not self._repeating, deadline, "answer to BYE")
        self.state, self.ended_by = "ended", "us"

    def cancel(self) -> None:
        """CANCEL of our INVITE (RFC 3261 §9.1: same branch, after a provisional)."""
        wanted = ("Via", "From", "To", "Call-ID", "Max-Forwards")
        kept = [(name, value) for name, value in self.request.headers if name in wanted]
        self._send(Message(f"CANCEL {self.request.uri} SIP/2.0", [*kept, ("CSeq", f"{self.request.sequence} CANCEL")]))

    def reinvite(self, direction: str = "sendrecv", deadline: float = 5.0) -> None:
        """Offers our SDP again with another direction (`sendonly` is hold)."""
        offer = self._make("INVITE", self._remote_target, self._content(), self.sdp(direction))
        self._send(offer, repeat=True)
        self.wait(lambda: not self._repeating, deadline, "answer to re-INVITE")

    def digits(self, keys: str) -> None:
        self.voice.digits(keys)

    def heard(self, since: float | None = None, until: float | None = None) -> Heard:
        """What came from the far end, from the start of the call or from `since` (monotonic seconds)."""
        start = self.started if since is None else since
        return self.voice.track.heard(start, time.monotonic() if until is None else until)

    def wait_tone(self, hz: float, seconds: float, deadline: float, since: float | None = None) -> Heard:
        """Returns as soon as `seconds` of this tone were heard; TimeoutError says what was heard instead."""
        return self.voice.track.wait_tone(hz, seconds, deadline, time.monotonic() if since is None else since)

    def wait_said(self, said: Samples, deadline: float, since: float | None = None) -> float:
        """Returns when this recording was heard whole, since the start of the call or `since`."""
        return self.voice.track.wait_said(said, deadline, self.started if since is None else since)

    def wait_digits(self, keys: str, deadline: float) -> None:
        self.voice.track.wait_digits(keys, deadline)

    def wait_established(self, deadline: float = 10.0) -> None:
        self.wait(lambda: self.state in ("established", "ended"), deadline, "answer")
        if self.state != "established":
            raise RuntimeError(f"not answered: {self.final} {self.ended_by}")

    def wait_ringing(self, deadline: float = 5.0) -> None:
        self.wait(lambda: self.state != "calling", deadline, "180")

    def wait_ended(self, deadline: float = 5.0) -> None:
        self.wait(lambda: self.state == "ended", deadline, "end")

    def ended_code(self, deadline: float = 10.0, answered_is_enough: bool = False) -> int:
        """The code that ended the INVITE, when it comes; with `answered_is_enough` 200 as soon as it is answered."""
        self.wait(lambda: self.state == "ended" or (answered_is_enough and self.final == 200), deadline, "final answer")
        return self.final

    def wait(self, done: Callable[[], bool], deadline: float, what: str) -> None:
        with self.party.changed:
            if not self.party.changed.wait_for(done, deadline):
                story = [f"{way} {m.start}" for way, m in self.messages]
                raise TimeoutError(f"{self.party.name}: no {what} within {deadline} s; {story}")

    def sdp(self, direction: str = "sendrecv") -> bytes:
        host, port = self.party.address, self.voice.port
        lines = [
            "v=0",
            f"o=- {int(self.started * 1000)} {int(time.monotonic() * 1000)} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 8 0 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            f"a={direction}",
        ]
        return ("\r\n".join(lines) + "\r\n").encode()

    # --- what the party's thread hands in, under its lock

    def on_response(self, response: Message) -> None:
        self._note("received", response)
        if response.status < 200:
            if response.status > 100 and self.state == "calling":
                self.state = "ringing"
            if response.body:
                self._talk_to(response)
            if response.method == "INVITE":
                self._repeating = []
            return
        if response.method == "INVITE" and response.sequence < self.request.sequence:
            return  # the challenge, repeated
        self._repeating = []
        if response.method != "INVITE":
            return
        if response.status >= 300:
            self._acknowledge_failure(response)
        else:
            self._acknowledge(response)

    def on_request(self, request: Message, source: "Peer") -> None:
        self._note("received", request)
        if request.method == "ACK":
            self._repeating = []
            if self.state != "ended" and self.final == 200:
                self.state = "established"
        elif request.method == "BYE":
            self.party.reply(request, source, 200, "OK")
            self.voice.pause()
            self.state, self.ended_by = "ended", "them"
        elif request.method in ("INVITE", "UPDATE"):
            self._talk_to(request)
            asked = re.search(rb"a=(sendrecv|sendonly|recvonly|inactive)", request.body)
            turned = {b"sendonly": "recvonly", b"recvonly": "sendonly", b"inactive": "inactive"}
            direction = turned.get(asked[1], "sendrecv") if asked else "sendrecv"
            contact = [("Contact", self._contact()), *self._content()]
            self.party.reply(request, source, 200, "OK", contact, self.sdp(direction))
        else:
            self.party.reply(request, source, 200, "OK")

    def on_cancel(self, request: Message, source: "Peer") -> None:
        self._note("received", request)
        self.party.reply(request, source, 200, "OK", tag=self.tag)
        if not self.final:
            self._answer_invite(487, "Request Terminated", b"")
            self.state, self.final, self.ended_by = "ended", 487, "them"

    def repeat(self, now: float) -> None:
        with self.party.changed:
            due = [data for at, data in self._repeating if at <= now]
            self._repeating = [(at, data) for at, data in self._repeating if at > now]
            for data in due:
                self.party.send(data, self.peer)
            # the last repetition leaves the list non-empty, so that "still waiting" stays true until an answer
            if due and not self._repeating:
                self._repeating = [(float("inf"), due[-1])]

    # --- how it is done

    def _acknowledge(self, response: Message) -> None:
        if self.state != "established":
            self._dialog(self._local_from, response["To"], response)
            self._route = response.all("Record-Route")[::-1]
        self._talk_to(response)
        ack = self._make("ACK", self._remote_target)
        ack.headers = [(n, f"{response.sequence} ACK" if n == "CSeq" else v) for n, v in ack.headers]
        self._sequence -= 1
        self._send(ack)
        if self.state != "ended":
            self.state, self.final = "established", 200

    def _acknowledge_failure(self, response: Message) -> None:
        kept = [(n, v) for n, v in self.request.headers if n in ("Via", "From", "Call-ID", "Max-Forwards", "Route")]
        ack = [*kept, ("To", response["To"]), ("CSeq", f"{response.sequence} ACK")]
        self._send(Message(f"ACK {self.request.uri} SIP/2.0", ack))
        asked = response.get("WWW-Authenticate") or response.get("Proxy-Authenticate")
        if response.status in (401, 407) and asked and self.credentials and response.sequence == 1:
            name = "Authorization" if response.status == 401 else "Proxy-Authorization"
            proof = digest.answer(asked, *self.credentials, "INVITE", self.request.uri)
            fixed = [(n, v) for n, v in self.request.headers if n not in _OWN] + [(name, proof)]
            self.request = self._make("INVITE", self.request.uri, fixed, self.request.body, route=False)
            self._send(self.request, repeat=True)
        elif self.state != "established":
            self.state, self.final, self.ended_by = "ended", response.status, "them"

    def _make(
        self, method: str, uri: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", route: bool = True
    ) -> Message:
        routes = [("Route", value) for value in self._route] if route else []
        own = [
            ("Via", self.party.via()),
            ("Max-Forwards", "70"),
            *routes,
            ("From", self._local_from),
            ("To", self._remote_to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._sequence} {method}"),
            ("Contact", self._contact()),
        ]
        self._sequence += 1
        return Message(f"{method} {uri} SIP/2.0", [*own, *headers], body)

    def _dialog(self, local: str, remote: str, source: Message) -> None:
        self._local_from, self._remote_to = local, remote
        self._remote_target = message.address(source.get("Contact") or "")

    def _talk_to(self, source: Message) -> None:
        """Starts or turns the voice to what an SDP says; holds it when the SDP does not want to hear."""
        host = re.search(rb"^c=IN IP4 (\S+)", source.body, re.M)
        media = re.search(rb"^m=audio (\d+) \S+ ([\d ]+)", source.body, re.M)
        if not host or not media:
            return
        types = [int(kind) for kind in media[2].split()]
        event = re.search(rb"^a=rtpmap:(\d+) telephone-event/8000", source.body, re.M)
        silent = re.search(rb"^a=(sendonly|inactive)", source.body, re.M)
        if silent or media[1] == b"0":
            self.voice.pause()
        else:
            law = next((kind for kind in types if kind in (0, 8)), 8)
            self.voice.start((host[1].decode(), int(media[1])), law, int(event[1]) if event else 101)

    def _answer_invite(self, code: int, reason: str, body: bytes) -> bytes:
        headers = [("Contact", self._contact()), *(self._content() if body else [])]
        return self.party.reply(self.request, self.peer, code, reason, headers, body, tag=self.tag)

    def _send(self, sent: Message, repeat: bool = False) -> None:
        with self.party.changed:
            self._note("sent", sent)
            data = bytes(sent)
            self._repeating = [(time.monotonic() + after, data) for after in REPEATS] if repeat else []
            self.party.send(data, self.peer)

    def _note(self, way: str, what: Message) -> None:
        self.messages.append((way, what))

    def _contact(self) -> str:
        return f"<sip:{self.party.name}@{self.party.address}:{self.party.port}>"

    @staticmethod
    def _content() -> list[tuple[str, str]]:
        return [("Content-Type", "application/sdp")]


_OWN = ("Via", "Max-Forwards", "Route", "From", "To", "Call-ID", "CSeq", "Contact")
