"""The states of a call leg, row by row: role, path, event → state, what is sent by whoever has the leg."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, HOLD, Address, Network, Phone, losing

from pbx.sip import InviteSession
from pbx.sip.session_state import SessionState as State

UAS = [
    # path, event, state after, requests and final responses that the leg sent
    ([], "180", State.EARLY, []),
    ([], "200", State.ANSWERED, ["200 INVITE"]),
    ([], "486", State.ENDED, ["486 INVITE"]),
    (["180"], "CANCEL", State.ENDED, ["200 CANCEL", "487 INVITE"]),
    (["180"], "hang up", State.ENDED, ["480 INVITE"]),
    (["200"], "ACK", State.ESTABLISHED, []),
    (["200"], "BYE", State.ENDED, ["200 BYE"]),
    (["200"], "hang up", State.ANSWERED, []),  # a BYE has to wait for the ACK
    (["200", "hang up"], "ACK", State.ENDED, ["BYE"]),
    (["200"], "nothing for 32 s", State.ENDED, ["BYE"]),
    (["200", "ACK"], "re-INVITE", State.ESTABLISHED, ["200 INVITE"]),
    (["200", "ACK"], "BYE", State.ENDED, ["200 BYE"]),
    (["200", "ACK"], "hang up", State.ENDED, ["BYE"]),
]
UAC = [
    ([], "180", State.EARLY, []),
    ([], "200", State.ESTABLISHED, ["ACK"]),
    ([], "486", State.ENDED, ["ACK"]),
    ([], "nothing for 32 s", State.ENDED, []),
    ([], "hang up", State.EARLY, []),  # a CANCEL has to wait for a provisional response
    (["180"], "hang up", State.ENDED, ["ACK", "CANCEL"]),
    (["200"], "BYE", State.ENDED, ["200 BYE"]),
    (["200"], "hang up", State.ENDED, ["BYE"]),
    (["200"], "re-INVITE", State.ESTABLISHED, ["200 INVITE"]),
]


class Leg:
    """One leg of a call between two phones; the other phone does what the events say."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.network = Network()
        self.alice, self.bob = Phone(self.network, ALICE), Phone(self.network, BOB)
        self.bob.on_call = lambda session: None
        self.caller = self.alice.call(BOB)
        if role == "uas":
            self.network.filter = losing("ACK", 1000)  # until it is told to come
        self.network.run(0.01)
        self.called = self.bob.sessions[0]

    @property
    def session(self) -> InviteSession:
        return self.called if self.role == "uas" else self.caller

    @property
    def other(self) -> InviteSession:
        return self.caller if self.role == "uas" else self.called

    def play(self, event: str) -> list[str]:
        """What the leg sent because of it, in alphabetical order, repetitions once."""
        start = len(self.network.log)
        if event == "180":
            self.called.provisional(180)
        elif event == "200":
            self.called.accept(ANSWER)
        elif event == "486":
            self.called.reject(486)
        elif event in ("CANCEL", "BYE"):
            self.other.bye()
        elif event == "hang up":
            self.session.bye()
        elif event == "re-INVITE":
            self.other.reinvite(HOLD)
        elif event == "ACK":
            self.network.filter = lambda data, source, destination: [data]
            self.network.run(2)  # with the next 200
        if event == "nothing for 32 s":
            self.bob.stack.receive = lambda data, source: None  # type: ignore[method-assign]
            self.network.run(33)
        self.network.run(0.1)
        mine: Address = BOB if self.role == "uas" else ALICE
        sent = {_named(data) for _, source, _, data in self.network.log[start:] if source.host == mine.host}
        again = {"200 INVITE"} if event in ("ACK", "nothing for 32 s") else set()
        return sorted(sent - again - {""})


def _named(data: bytes) -> str:
    head = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
    if not head[0].startswith("SIP/2.0"):
        return head[0].split(" ")[0].replace("INVITE", "")
    method = next(line.split(" ")[-1] for line in head if line.startswith("CSeq: "))
    status = head[0].split(" ")[1]
    return "" if status < "200" else f"{status} {method}"


@pytest.mark.parametrize(
    ("role", "path", "event", "after", "sent"), [("uas", *row) for row in UAS] + [("uac", *row) for row in UAC]
)
def test_leg(role: str, path: list[str], event: str, after: State, sent: list[str]) -> None:
    leg = Leg(role)
    for step in path:
        leg.play(step)
    assert leg.play(event) == sent
    assert leg.session.state is after
