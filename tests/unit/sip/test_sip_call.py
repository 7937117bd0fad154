"""Two stacks and a network between them: how calls begin and end."""

from __future__ import annotations

from unit.sip.sip_network import ALICE, ANSWER, BOB, OFFER, Network, Phone


def pair(network: Network) -> tuple[Phone, Phone]:
    return Phone(network, ALICE), Phone(network, BOB)


def test_base_call_hung_up_by_the_caller() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: (session.provisional(100), session.provisional(180), session.accept(ANSWER))
    session = alice.call(BOB)
    network.run(1)
    assert alice.events == [("progressed", 180, None), ("answered", 200, ANSWER)]
    assert bob.events == [("confirmed",)]
    assert bob.sessions[0].remote_sdp == OFFER
    assert session.remote_sdp == ANSWER
    session.bye()
    network.run(1)
    assert bob.events == [("confirmed",), ("ended", "bye")]
    assert alice.names == ["progressed", "answered"]
    network.assert_nothing_left()


def test_base_call_hung_up_by_the_called() -> None:
    network = Network()
    alice, bob = pair(network)
    alice.call(BOB)
    network.run(1)
    bob.sessions[0].bye([("Reason", "Q.850;cause=16")])
    network.run(1)
    assert alice.events[-1] == ("ended", "bye")
    assert bob.names == ["confirmed"]
    network.assert_nothing_left()


def test_busy() -> None:
    network = Network()
    alice, bob = pair(network)
    bob.on_call = lambda session: session.reject(486)
    alice.call(BOB)
    network.run(1)
    assert alice.events == [("failed", 486)]
    assert bob.events == []
    network.assert_nothing_left()
