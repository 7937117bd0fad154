"""One INVITE, several answers: a fork behind us (RFC 3261 §13.2.2.4, RFC 6026)."""

from __future__ import annotations

from unit.sip.sip_network import ALICE, ANSWER, BOB, CAROL, Network, Phone, Wire, answer_to

from pbx.sip import InviteSession

BOB_CONTACT = "Contact: <sip:bob@192.0.2.2>"
CAROL_CONTACT = "Contact: <sip:carol@192.0.2.2>"


def forked(network: Network) -> tuple[Phone, Wire, InviteSession, bytes]:
    alice, wire = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB)
    network.run(0.1)
    return alice, wire, session, wire.take("INVITE")[0]


def test_each_early_dialog_is_told() -> None:
    network = Network()
    alice, wire, session, invite = forked(network)
    wire.send(answer_to(invite, 180, "b", BOB_CONTACT), ALICE)
    wire.send(answer_to(invite, 183, "c", CAROL_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    assert alice.events == [("progressed", 180, None), ("progressed", 183, ANSWER)]
    wire.send(answer_to(invite, 200, "b", BOB_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    assert session.remote_tag == "b"
    assert session.remote_target == "sip:bob@192.0.2.2"


def test_a_180_without_a_tag_makes_no_early_dialog() -> None:
    network = Network()
    alice, wire, _, invite = forked(network)
    wire.send(answer_to(invite, 180, ""), ALICE)
    network.run(0.1)
    assert alice.events == []


def test_first_200_wins_and_the_others_are_acked_and_hung_up() -> None:
    network = Network()
    alice, wire, session, invite = forked(network)
    for tag, contact in (("b", BOB_CONTACT), ("c", CAROL_CONTACT), ("d", CAROL_CONTACT)):
        wire.send(answer_to(invite, 200, tag, contact, body=ANSWER), ALICE)
    network.run(0.1)
    assert alice.events == [("answered", 200, ANSWER)]
    acks, byes = wire.take("ACK"), wire.take("BYE")
    assert [b";tag=" + tag in ack for ack, tag in zip(acks, (b"b", b"c", b"d"), strict=True)] == [True] * 3
    assert [b";tag=" + tag in bye for bye, tag in zip(byes, (b"c", b"d"), strict=True)] == [True] * 2
    assert acks[1].startswith(b"ACK sip:carol@192.0.2.2 ") and byes[0].startswith(b"BYE sip:carol@192.0.2.2 ")
    for bye in byes:
        wire.send(answer_to(bye, 200, ""), ALICE)
    network.run(0.1)
    assert session.is_established and session.remote_tag == "b"


def test_repeated_200s_of_each_fork_get_their_own_ack_again() -> None:
    network = Network()
    _, wire, _, invite = forked(network)
    wire.send(answer_to(invite, 200, "b", BOB_CONTACT, body=ANSWER), ALICE)
    wire.send(answer_to(invite, 200, "c", CAROL_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    first, second = wire.take("ACK")
    wire.take("BYE")
    wire.send(answer_to(invite, 200, "c", CAROL_CONTACT, body=ANSWER), ALICE)
    wire.send(answer_to(invite, 200, "b", BOB_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    assert wire.take("ACK") == [second, first]
    assert wire.take("BYE") == []


def test_fork_that_answers_after_we_hung_up() -> None:
    network = Network()
    _, wire, session, invite = forked(network)
    wire.send(answer_to(invite, 200, "b", BOB_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    session.bye()
    network.run(0.1)
    wire.send(answer_to(wire.take("BYE")[0], 200, ""), ALICE)
    network.run(2)
    wire.received.clear()
    wire.send(answer_to(invite, 200, "c", CAROL_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    acks, byes = wire.take("ACK"), wire.take("BYE")
    assert len(acks) == len(byes) == 1 and b";tag=c" in byes[0]
    wire.send(answer_to(byes[0], 200, ""), ALICE)
    network.assert_nothing_left()


def test_two_200s_that_cross_the_cancel() -> None:
    network = Network()
    alice, wire, session, invite = forked(network)
    wire.send(answer_to(invite, 180, "b", BOB_CONTACT), ALICE)
    network.run(0.1)
    session.cancel()
    network.run(0.1)
    wire.send(answer_to(wire.take("CANCEL")[0], 200, "b"), ALICE)
    wire.send(answer_to(invite, 200, "b", BOB_CONTACT, body=ANSWER), ALICE)
    wire.send(answer_to(invite, 200, "c", CAROL_CONTACT, body=ANSWER), ALICE)
    network.run(0.1)
    assert alice.events[-1] == ("failed", 487) and alice.names.count("failed") == 1
    byes = wire.take("BYE")
    assert len(byes) == 2
    for bye in byes:
        wire.send(answer_to(bye, 200, ""), ALICE)
    network.assert_nothing_left()


def test_200_without_contact_or_tag_is_still_a_call() -> None:
    network = Network()
    alice, wire, session, invite = forked(network)
    wire.send(answer_to(invite, 200, "", body=ANSWER), ALICE)
    network.run(0.1)
    assert alice.events == [("answered", 200, ANSWER)]
    session.bye()
    network.run(0.1)
    assert wire.take("BYE")[0].startswith(b"BYE sip:202@192.0.2.2:5060 SIP/2.0\r\n")


def test_merged_request_gets_482() -> None:
    network = Network()
    bob, alice, carol = Phone(network, BOB), Wire(network, ALICE), Wire(network, CAROL)
    bob.on_call = lambda session: session.provisional(180)
    invite = (
        "INVITE sip:202@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n"
        "From: <sip:a@x.example>;tag=1\r\nTo: <sip:202@x.example>\r\nCall-ID: m@x\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:a@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"
    )
    alice.send(invite.format(host="192.0.2.1", branch="one").encode(), BOB)
    carol.send(invite.format(host="192.0.2.3", branch="two").encode(), BOB)
    network.run(0.2)
    assert len(alice.take("SIP/2.0 180")) == 1
    assert len(carol.take("SIP/2.0 482")) == 1
    assert len(bob.sessions) == 1
