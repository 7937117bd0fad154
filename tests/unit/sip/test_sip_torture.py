"""RFC 4475's messages, each with the exact answer, and mutations of good messages: no fault, no odd answer."""

from __future__ import annotations

import os
import random

import pytest
from unit.sip.rfc4475_messages import ALL, CALL, SILENCE, VALID
from unit.sip.sip_network import ALICE, ANSWER, BOB, OFFER, Network, Phone
from unit.sip.test_sip_subscriptions import Watcher
from unit.sip.test_sip_transfer import Referrer, replacing

from pbx.sip import Address, InviteSession
from pbx.sip.message import BadMessage, parse
from pbx.sip.replaces import Replaces

MUTATIONS = int(os.environ.get("PBX_SIP_MUTATIONS", "10000"))


def early_and_answer(session: InviteSession) -> None:
    session.provisional(183, sdp=ANSWER)
    session.accept(ANSWER)


def ring(session: InviteSession) -> None:
    session.provisional(180)


def answers(phone: Phone) -> list[bytes]:
    return [data for _, data in phone.stack.take_output()]


def test_all_49_are_here() -> None:
    assert len(ALL) == 49


@pytest.mark.parametrize("name", ALL)
def test_answer_to_each(name: str) -> None:
    status, data = ALL[name]
    network = Network()
    bob = Phone(network, BOB)
    bob.on_call = ring
    bob.stack.receive(data, ALICE)
    found = answers(bob)
    assert [int(answer[8:11]) for answer in found] == ([] if status == SILENCE else [status])
    assert len(bob.sessions) == (1 if status == CALL else 0)
    assert bob.stack.faults == 0
    if status not in (400, 505):  # those echo what is broken
        assert [parse(answer) for answer in found] or status == SILENCE


@pytest.mark.parametrize("name", VALID)
def test_valid_ones_parse(name: str) -> None:
    parse(VALID[name][1])


def test_values_of_the_short_tortuous_invite() -> None:
    message = parse(VALID["wsinv"][1])
    assert (message.from_display, message.from_uri) == ('J Rosenberg \\"', "sip:jdrosen@example.com")
    assert (message.from_tag, message.to_tag) == ("98asjd8", "1918181833n")
    assert (message.cseq, message.cseq_method) == (9, "INVITE")
    assert (message.via.transport, message.via.host, message.via.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert len(message.values("via")) == 3
    assert message.contact_uri == "sip:jdrosen@example.com"
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.get("subject", "?") == ""


# --- mutations -------------------------------------------------------------------------------------------------------

SPLICES = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"%",
    b"\xff\xfe",
    b" ",
    b"\t",
    b"SIP/2.0",
]


def good_messages() -> list[bytes]:
    """All messages of a call with early media, a re-INVITE and refreshes, from both sides, of a transfer and of a
    subscription, and the valid torture ones."""
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    bob.on_call = early_and_answer
    session = alice.call(
        BOB, headers=[("P-Asserted-Identity", '"A" <sip:+7495@x>'), ("Record-Route", "<sip:192.0.2.9;lr>")]
    )
    network.run(1)
    session.reinvite(OFFER)
    network.run(1000)
    session.bye()
    network.run(1)
    alice.call(BOB).cancel()
    network.run(1)
    far, watcher = Referrer(), Watcher()
    far.refer(2, "Refer-To: <sip:301@x?Replaces=abc%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>", "Referred-By: <sip:201@x>")
    far.send(replacing(str(Replaces("raw", far.session.local_tag, "a"))))
    watcher.subscribe(1, "Expires: 600")
    watcher.subscribe(2, "Expires: 0")
    seen = [data for one in (network, far.network, watcher.network) for *_, data in one.log]
    return seen + [*far.sent, *watcher.sent] + [data for _, data in VALID.values()]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four random edits: bytes changed, pieces cut, doubled, moved or spliced in, lines swapped."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randint(1, 40))
        kind = rng.randrange(8)
        if kind == 0:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:at] + data[at:end] * rng.randint(2, 60) + data[end:]
        elif kind == 3:
            data = data[:at] + rng.choice(SPLICES) * rng.randint(1, 3) + data[at:]
        elif kind == 4:
            lines = data.split(b"\r\n")
            rng.shuffle(lines)
            data = b"\r\n".join(lines)
        elif kind == 5:
            lines = data.split(b"\r\n")
            line = rng.randrange(len(lines))
            lines[line:line] = [lines[line]] * rng.randint(1, 3)
            data = b"\r\n".join(lines)
        elif kind == 6:
            data = data[:at] + str(rng.choice([-1, 0, 2**31, 2**63, 10**40])).encode() + data[at:]
        else:
            data = data[:at]
    return data


def test_mutations_are_refused_or_served_and_never_a_fault() -> None:
    rng = random.Random(4475)
    seeds = good_messages()
    network = Network()
    bob = Phone(network, BOB, transfers=True, events={"dialog": lambda subscription: subscription.accept()})
    bob.on_call = early_and_answer
    sources = [ALICE, Address("tcp", "192.0.2.7", 40000), Address("udp", "192.0.2.8", 61000)]
    for index in range(MUTATIONS):
        data = mutated(rng.choice(seeds), rng)
        bob.stack.receive(data, rng.choice(sources))
        for answer in answers(bob):
            head = answer.split(b"\r\n\r\n")[0]
            assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n"), data
            assert answer.startswith((b"SIP/2.0 ", b"BYE ", b"ACK ", b"NOTIFY ", b"UPDATE ", b"INVITE ")), data
        if index % 50 == 0:
            network.clock.now += 0.5
            bob.stack.run_timers()
            bob.stack.take_output()
        assert bob.stack.faults == 0, (bob.faults, data)
    assert bob.sessions
    bob.on_call = lambda session: session.reject(486)
    network.run(4000)  # every subscription has expired, and every call met its session timer
    network.assert_nothing_left()


def test_mutations_raise_nothing_but_bad_message() -> None:
    rng = random.Random(3261)
    seeds = good_messages()
    refused = 0
    for _ in range(MUTATIONS):
        try:
            message = parse(mutated(rng.choice(seeds), rng))
        except BadMessage:
            refused += 1
            continue
        assert message.asserted is not None and message.privacy is not None and message.reasons is not None
        assert message.sdp is None or message.body
        message.contact_uri.encode()
        message.from_display.encode()
    assert 0 < refused < MUTATIONS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 2000,
        b"INVITE",
        b"INVITE sip:a SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: " + b'"\\' * 30000 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nFrom: " + b" " * 7000 + b"x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n" + b";" * 60000 + b"\r\n\r\n",
        b"x" * 70000,
    ],
)
def test_rubbish(data: bytes) -> None:
    network = Network()
    bob = Phone(network, BOB)
    bob.stack.receive(data, ALICE)
    assert bob.stack.faults == 0
    assert all(answer.startswith(b"SIP/2.0 4") for answer in answers(bob))


def test_calls_whose_messages_are_mutated_on_the_way() -> None:
    """A third of all packets of live calls is broken in flight: no fault, and every call ends at both sides."""
    rng = random.Random(5407)
    network = Network()
    alice, bob = Phone(network, ALICE), Phone(network, BOB)
    bob.on_call = lambda session: (session.provisional(180), session.accept(ANSWER))  # type: ignore[func-returns-value]
    network.filter = lambda data, source, destination: [mutated(data, rng) if rng.random() < 0.33 else data]
    for index in range(MUTATIONS // 50):
        session = alice.call(BOB, credentials=("a", "b"))
        network.run(1.5)
        if index % 3 == 0:
            session.reinvite(OFFER)
        elif index % 3 == 1:
            session.info("application/dtmf-relay", b"Signal=1")
        network.run(1.5)
        (session if index % 2 or not bob.sessions else bob.sessions[-1]).bye()
        network.run(0.5)
    network.filter = lambda data, source, destination: [data]
    network.run(60)
    for phone in (alice, bob):
        assert phone.faults == []
        for session in phone.sessions:
            session.bye()
    network.assert_nothing_left()
