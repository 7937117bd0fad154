"""A scripted SIP party: the carrier, the outside mobile or the stranger of a test, with a voice that is measured.

It does on the wire what a test says, also what no phone would do, and shares no code with the PBX. One `WireParty` is
one address and port; each call is a `WireCall`. A thread reads the socket and repeats what UDP may lose.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from phones import digest, message, netns
from phones.message import Message
from phones.wirecall import WireCall

T1 = 0.5  # seconds, RFC 3261 §17.1.1.1
Peer = tuple[str, int]


class WireParty:
    """`hz` is the tone it sends in calls. `policy(request)` may answer an INVITE at once with a code (503, 486 …); None
    rings the test through `wait_call`. `challenge` = (user, password) asks for a digest with 407 first."""

    def __init__(
        self, namespace: str | None, address: str, port: int = 5060, *, name: str = "party", hz: float = 0.0
    ) -> None:
        self.namespace, self.address, self.port, self.name, self.hz = namespace, address, port, name, hz
        self.policy: Callable[[Message], int | None] = lambda request: None
        self.challenge: tuple[str, str] | None = None
        self.challenged: list[Message] = []
        self.received: list[tuple[float, Message]] = []
        self.changed = threading.Condition()
        self._calls: dict[str, WireCall] = {}
        self._incoming: list[WireCall] = []
        self._answers: dict[tuple[str, str], bytes] = {}
        self._nonce = os.urandom(8).hex()
        self._socket = netns.open_socket(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"wire-{address}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._open = False
        self._thread.join()
        for call in self._calls.values():
            call.voice.close()
        self._socket.close()

    def call(
        self,
        uri: str,
        to: Peer,
        *,
        from_: str,
        headers: Sequence[tuple[str, str]] = (),
        sdp: Callable[[bytes], bytes] = lambda sdp: sdp,
        credentials: tuple[str, str] | None = None,
    ) -> WireCall:
        """Sends an INVITE for `uri` to the host and port `to` and returns at once. `from_` is a name-addr or a URI;
        `sdp` may change the offer."""
        made = WireCall(self, to, outgoing=True, credentials=credentials)
        with self.changed:
            self._calls[made.call_id] = made
        made.send_invite(uri, from_, headers, sdp)
        return made

    def wait_call(self, deadline: float = 5.0, match: Callable[[Message], bool] = lambda request: True) -> WireCall:
        """The next incoming call (that fits `match`) which no one has taken yet; TimeoutError at the deadline."""

        def waiting() -> WireCall | None:
            return next((call for call in self._incoming if match(call.request)), None)

        with self.changed:
            if not self.changed.wait_for(lambda: waiting() is not None, deadline):
                raise TimeoutError(f"{self.name}: no call within {deadline} s")
            call = waiting()
            assert call is not None
            self._incoming.remove(call)
            return call

    def request(
        self, method: str, uri: str, to: Peer, *, aor: str, credentials: tuple[str, str] | None = None
    ) -> list[Message]:
        """Sends a request outside of calls (REGISTER, OPTIONS …) from and to `aor`; a challenge is answered once.

        The final answers, oldest first: one, or the challenge and what came after it. TimeoutError after 2 s.
        """
        call_id, finals = f"{os.urandom(8).hex()}@{self.address}", list[Message]()
        proof: list[tuple[str, str]] = []
        for sequence in (1, 2):
            own = {
                "Via": self.via(),
                "Max-Forwards": "70",
                "From": f"<{aor}>;tag={os.urandom(4).hex()}",
                "To": f"<{aor}>",
            }
            own |= {"Call-ID": call_id, "CSeq": f"{sequence} {method}", "Contact": f"<sip:{self.address}:{self.port}>"}
            self.send(bytes(Message(f"{method} {uri} SIP/2.0", [*own.items(), *proof])), to)
            finals.append(self._final(call_id, sequence))
            name = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}.get(finals[-1].status)
            asked = finals[-1].get(name) if name else None
            if not asked or not credentials:
                break
            answer = "Authorization" if finals[-1].status == 401 else "Proxy-Authorization"
            proof = [(answer, digest.answer(asked, *credentials, method, uri))]
        return finals

    def _final(self, call_id: str, sequence: int) -> Message:
        def found() -> Message | None:
            answers = (m for _, m in reversed(self.received) if m.status >= 200 and m.get("Call-ID") == call_id)
            return next((m for m in answers if m.sequence == sequence), None)

        with self.changed:
            if not self.changed.wait_for(lambda: found() is not None, 2.0):
                raise TimeoutError(f"{self.name}: no answer within 2 s")
            answer = found()
            assert answer is not None
            return answer

    def raw(self, data: bytes, to: Peer, deadline: float = 1.0) -> list[Message]:
        """Sends these octets; what came back by the first final answer, or by the deadline (seconds)."""
        with self.changed:
            place = len(self.received)
        self.send(data, to)
        with self.changed:
            self.changed.wait_for(lambda: any(m.status >= 200 for _, m in self.received[place:]), deadline)
            return [m for _, m in self.received[place:]]

    def send(self, data: bytes, to: Peer) -> None:
        self._socket.sendto(data, to)

    def via(self) -> str:
        return f"SIP/2.0/UDP {self.address}:{self.port};branch=z9hG4bK{os.urandom(8).hex()};rport"

    def _run(self) -> None:
        self._socket.settimeout(0.05)
        while self._open:
            try:
                data, source = self._socket.recvfrom(65536)
            except OSError:  # TimeoutError, or the ICMP error of a closed port
                data = b""
            if data.strip():
                self._receive(data, (source[0], source[1]))
            now = time.monotonic()
            for call in list(self._calls.values()):
                call.repeat(now)

    def _receive(self, data: bytes, source: Peer) -> None:
        try:
            received = message.parse(data)
        except ValueError:
            return
        with self.changed:
            self.received.append((time.monotonic(), received))
            with contextlib.suppress(KeyError, ValueError, IndexError):  # a broken message is only noted
                if not received.status:
                    self._on_request(received, source)
                elif call := self._calls.get(received.get("Call-ID") or ""):
                    call.on_response(received)
            self.changed.notify_all()

    def _on_request(self, request: Message, source: Peer) -> None:
        key = (request.branch, "INVITE" if request.method == "ACK" else request.method)
        call = self._calls.get(request["Call-ID"])
        if request.method != "ACK" and key in self._answers:
            self.send(self._answers[key], source)
        elif call and message.parameter(request["To"], "tag"):
            call.on_request(request, source)
        elif call and request.method == "CANCEL":
            call.on_cancel(request, source)
        elif request.method == "INVITE":
            self._on_invite(request, source)
        elif request.method in ("OPTIONS", "REGISTER"):
            self.reply(request, source, 200, "OK", [("Contact", value) for value in request.all("Contact")])
        elif request.method != "ACK":
            self.reply(request, source, 481, "Call/Transaction Does Not Exist")

    def _on_invite(self, request: Message, source: Peer) -> None:
        if self.challenge and not self._proven(request):
            self.challenged.append(request)
            proof = digest.challenge(self.name, self._nonce)
            self.reply(request, source, 407, "Proxy Authentication Required", [("Proxy-Authenticate", proof)])
            return
        code = self.policy(request)
        if code is not None:
            self.reply(request, source, code, "")
            return
        call = WireCall(self, source, outgoing=False, request=request)
        self._calls[call.call_id] = call
        self._incoming.append(call)
        self.reply(request, source, 100, "Trying", tag="")

    def _proven(self, request: Message) -> bool:
        given = request.get("Proxy-Authorization") or request.get("Authorization")
        assert self.challenge is not None
        user, password = self.challenge
        return bool(
            given
            and digest.fields(given).get("username") == user
            and digest.right(given, password, "INVITE", self._nonce)
        )

    def reply(
        self,
        request: Message,
        to: Peer,
        code: int,
        reason: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        tag: str | None = None,
    ) -> bytes:
        """Answers a request, to where it came from (RFC 3581), and keeps a final answer for its repetitions."""
        echo = [
            (name, value)
            for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
            for value in request.all(name)
        ]
        mark = os.urandom(4).hex() if tag is None else tag
        if mark and not message.parameter(request["To"], "tag"):
            echo = [(name, f"{value};tag={mark}" if name == "To" else value) for name, value in echo]
        data = bytes(Message(f"SIP/2.0 {code} {reason or 'Said So'}", [*echo, *headers], body))
        if code >= 200:
            self._answers[(request.branch, request.method)] = data
        self.send(data, to)
        return data
