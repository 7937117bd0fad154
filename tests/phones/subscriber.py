"""A phone that watches: one scripted SIP party with one subscription through a real edge (RFC 6665, 4235, 3842)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from unit.edge.sip_peers import Message, Peer, authorization, build, ha1, md5, reply

NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


@dataclass(frozen=True)
class Notified:
    """What one NOTIFY said: `version` and `dialogs` (direction, state, remote URI) of dialog-info."""

    request: Message
    state: str  # the Subscription-State
    body: str

    @property
    def version(self) -> int:
        return int(ET.fromstring(self.body.encode()).attrib["version"])

    @property
    def entity(self) -> str:
        return ET.fromstring(self.body.encode()).attrib["entity"]

    @property
    def dialogs(self) -> list[tuple[str, str, str]]:
        found = []
        for dialog in ET.fromstring(self.body.encode()).iter(f"{NAMESPACE}dialog"):
            remote = dialog.find(f"{NAMESPACE}remote/{NAMESPACE}identity")
            state = dialog.find(f"{NAMESPACE}state")
            assert state is not None and state.text
            found.append((dialog.attrib["direction"], state.text, remote.text or "" if remote is not None else ""))
        return found

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(direction, state) for direction, state, _ in self.dialogs]


class Subscriber:
    """One phone on one socket, as `user` of `domain`."""

    def __init__(self, peer: Peer, user: str, domain: str, password: str) -> None:
        self.peer, self.user, self.domain = peer, user, domain
        self._ha1 = ha1(user, domain, password)
        self._aor = f"sip:{user}@{domain}"
        self._call_id = f"watch-{md5(f'{user}{peer.port}{id(self)}')[:12]}"
        self._cseq = 0
        self._event = "dialog"
        self._to = ""
        self._target = ""
        self._routes: list[str] = []
        self.ringing: Message | None = None  # the INVITE that it was called with
        self._waiting: list[Message] = []  # NOTIFYs that overtook an answer

    def register(self) -> None:
        registered = self._challenged(
            "REGISTER",
            f"sip:{self.domain}",
            f"<{self._aor}>",
            (f"Contact: {self.peer.contact(self.user)};expires=600",),
            call_id=f"reg-{self._call_id}",
        )
        assert registered.status == 200, registered.text

    def subscribe(
        self, resource: str, *, event: str = "dialog", expires: int = 600, headers: tuple[str, ...] = ()
    ) -> Message:
        """The final answer to the SUBSCRIBE for `resource` (a user part, or a whole URI)."""
        self._event = event
        uri = resource if ":" in resource else f"sip:{resource}@{self.domain}"
        lines = (f"Contact: {self.peer.contact(self.user)}", f"Event: {event}", f"Expires: {expires}", *headers)
        answer = self._challenged("SUBSCRIBE", uri, f"<{uri}>", lines)
        if answer.status == 200:
            self._to, self._target = answer.need("To"), answer.need("Contact").strip("<>")
            self._routes = answer.all("Record-Route")[::-1]
        return answer

    def refresh(self, expires: int = 600, headers: tuple[str, ...] = ()) -> Message:
        """Another SUBSCRIBE in the dialog; 0 ends it."""
        self._cseq += 1
        lines = (*[f"Route: {route}" for route in self._routes], f"Contact: {self.peer.contact(self.user)}")
        lines += (f"Event: {self._event}", f"Expires: {expires}", *headers)
        self.peer.send(self._build("SUBSCRIBE", self._target, self._to, lines))
        return self._final()

    def notified(self, timeout: float = 3.0, status: int = 200) -> Notified:
        """The next NOTIFY of the subscription, answered with `status`."""
        request = self._waiting.pop(0) if self._waiting else self.peer.request("NOTIFY", timeout)
        contact = f"Contact: {self.peer.contact(self.user)}"
        self.peer.send(reply(request, status, "Said So", headers=(contact,)), request.source)
        return Notified(request, request.need("Subscription-State"), request.body)

    def until(self, states: list[tuple[str, str]], timeout: float = 3.0) -> Notified:
        """The first NOTIFY that says these (direction, state), whatever others said before."""
        while True:
            told = self.notified(timeout)
            if told.states == states:
                return told

    def call(self, uri: str, sdp: str) -> None:
        """An INVITE with its challenge answered; what comes of it is for the test to receive."""
        self._challenged("INVITE", uri, f"<{uri}>", (f"Contact: {self.peer.contact(self.user)}",), body=sdp)

    def in_call(self, method: str, answer: Message) -> None:
        """The ACK (or BYE) of a call that `answer` accepted."""
        self._to, self._target = answer.need("To"), answer.need("Contact").strip("<>")
        routes = [f"Route: {route}" for route in answer.all("Record-Route")[::-1]]
        self._cseq += method != "ACK"
        self.peer.send(self._build(method, self._target, self._to, tuple(routes)))

    def send_on(self, digits: str) -> None:
        """REFER, by the called side, in the call of `ringing`."""
        invite = self.ringing
        assert invite is not None
        headers = tuple(f"Route: {route}" for route in invite.all("Record-Route"))
        headers += (f"Contact: {self.peer.contact(self.user)}", f"Refer-To: <sip:{digits}@{self.domain}>")
        target, local = invite.need("Contact").strip("<>"), f"{invite.need('To')};tag=uas"
        call_id = invite.need("Call-ID")
        self.peer.send(
            build("REFER", target, self.peer, from_=local, to=invite.need("From"), call_id=call_id, headers=headers)
        )

    def _challenged(
        self, method: str, uri: str, to: str, headers: tuple[str, ...], *, call_id: str = "", body: str = ""
    ) -> Message:
        self._cseq += 1
        self.peer.send(self._build(method, uri, to, headers, call_id=call_id, body=body))
        challenge = self._final()
        if challenge.status not in (401, 407):
            return challenge
        if method == "INVITE":
            ack = self._build("ACK", uri, challenge.need("To"), (), call_id=call_id, via=challenge.need("Via"))
            self.peer.send(ack)
        proof = authorization(challenge, user=self.user, secret_ha1=self._ha1, method=method, uri=uri)
        self._cseq += 1
        self.peer.send(self._build(method, uri, to, (*headers, proof), call_id=call_id, body=body))
        return self._final() if method != "INVITE" else challenge

    def _final(self) -> Message:
        """The final answer to the last request; a late answer to one before is passed over."""

        def is_it(message: Message) -> bool:
            if message.method == "NOTIFY":
                self._waiting.append(message)
            return message.status >= 200 and message.need("CSeq").startswith(f"{self._cseq} ")

        return self.peer.receive(is_it)

    def _build(self, method: str, uri: str, to: str, headers: tuple[str, ...], **more: Any) -> str:
        call_id = more.pop("call_id", "") or self._call_id
        from_ = f"<{self._aor}>;tag={call_id[-6:]}"
        return build(
            method, uri, self.peer, from_=from_, to=to, call_id=call_id, cseq=self._cseq, headers=headers, **more
        )
