"""The test kit against itself, on loopback and without a PBX: what it says of sound, digits and messages is true."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from phones import g711, message, tone
from phones.baresip import Baresip, PhoneError
from phones.sipp import SCENARIOS, Sipp
from phones.wire import WireParty

CALLER, CALLEE, WIRE, CARRIER = "127.0.78.1", "127.0.78.2", "127.0.78.3", "127.0.78.4"


@pytest.fixture
def phones() -> Iterator[tuple[Baresip, Baresip]]:
    with (
        Baresip("one@kit.example", address=CALLER, hz=600) as one,
        Baresip("two@kit.example", address=CALLEE, hz=750) as two,
    ):
        yield one, two


def test_measure_names_tones_silence_and_their_lengths(tmp_path: Path) -> None:
    parts = [tone.sine(600, 0.5), np.zeros(4000, np.int16), tone.sine(750, 1.0), tone.sine(800, 0.4)]
    tone.write_wav(tmp_path / "said.wav", np.concatenate(parts))
    heard = tone.measure(tone.read_wav(tmp_path / "said.wav"))
    assert heard.sequence() == [600, 750, 800]
    assert heard.tone(750) == pytest.approx(1.0, abs=0.05)
    assert heard.silence == pytest.approx(0.5, abs=0.05)
    assert not heard.silent
    assert tone.measure(np.zeros(8000, np.int16)).silent
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)
    assert tone.measure(noise).sequence() == []


def test_a_recording_is_known_again_and_others_are_not() -> None:
    said, other = (np.random.default_rng(seed).normal(0, 2500, 4000).astype(np.int16) for seed in (1, 2))
    line = g711.decode(g711.encode(said, g711.PCMA), g711.PCMA)
    around = np.concatenate([tone.sine(425, 1.0), line, np.zeros(3000, np.int16)])
    assert tone.likeness(around, said) > 0.95
    assert tone.likeness(around, other) < 0.3
    assert tone.likeness(np.zeros(8000, np.int16), said) == 0.0


@pytest.mark.parametrize("law", [g711.PCMA, g711.PCMU])
def test_g711_keeps_a_tone(law: int) -> None:
    said = tone.sine(1050, 0.5)
    heard = g711.decode(g711.encode(said, law), law)
    assert tone.level(heard - said) < tone.level(said) - 30
    assert tone.measure(heard).sequence() == [1050]


def test_phone_calls_phone_with_hold_and_digits(phones: tuple[Baresip, Baresip]) -> None:
    one, two = phones
    place = one.dial(f"sip:two@{CALLEE}")
    one.wait_ringing(place)
    two.answer()
    one.wait_established(place)
    one.ear.wait_tone(750, 0.4, 3)
    two.ear.wait_tone(600, 0.4, 3)
    one.digits("12#")
    two.ear.track.wait_digits("12#", 3)
    one.hold()
    assert one.ear.listen(0.4).silent
    assert two.ear.listen(0.2).silent
    one.resume()
    one.ear.wait_tone(750, 0.4, 3)
    one.hangup()
    closed = two.wait_closed()
    assert one.final(closed.call) == 200
    assert [m.method for way, m in two.messages(closed.call) if way == "received" and m.method == "BYE"] == ["BYE"]


def test_phone_that_is_busy_and_phone_that_gives_up(phones: tuple[Baresip, Baresip]) -> None:
    one, two = phones
    place = one.dial(f"sip:two@{CALLEE}")
    two.wait_incoming()
    two.hangup()
    assert one.final(one.wait_closed(place).call) == 486
    again = one.dial(f"sip:two@{CALLEE}")
    one.wait_ringing(again)
    one.hangup()
    call = one.wait_closed(again).call
    two.wait_closed(two.control.mark() - 1)
    assert "CANCEL" in [m.method for way, m in two.messages(call) if way == "received" and not m.status]


def test_waiting_in_vain_says_what_happened(phones: tuple[Baresip, Baresip]) -> None:
    one, _ = phones
    with pytest.raises(PhoneError, match=r"CALL_INCOMING within 0\.1 s"):
        one.wait_incoming(0.1)
    with pytest.raises(TimeoutError, match=r"no 750 Hz .* heard silence"):
        one.ear.wait_tone(750, 0.2, 0.2)


def test_scripted_party_calls_a_phone() -> None:
    with Baresip("one@kit.example", address=CALLER, hz=600) as phone, WireParty(None, WIRE, hz=900) as wire:
        call = wire.call(f"sip:one@{CALLER}", (CALLER, 5060), from_=f"sip:outside@{WIRE}")
        call.wait_ringing()
        phone.answer()
        call.wait_established()
        call.wait_tone(600, 0.4, 3)
        phone.ear.wait_tone(900, 0.4, 3)
        call.digits("5")
        phone.ear.track.wait_digits("5", 3)
        call.bye()
        phone.wait_closed()
        assert (call.final, call.ended_by) == (200, "us")


def test_phone_calls_a_scripted_party_that_proves_it_by_digest() -> None:
    account = {"address": CALLER, "hz": 600.0, "proxy": f"{WIRE}:5060"}
    with WireParty(None, WIRE, hz=900) as wire:
        wire.challenge = ("one", "right-horse")
        with Baresip("one@kit.example", password="right-horse", **account) as phone:  # type: ignore[arg-type]
            place = phone.dial("sip:100@kit.example")
            call = wire.wait_call()
            call.ring()
            phone.wait_ringing(place)
            call.answer()
            call.wait_tone(600, 0.4, 3)
            phone.digits("7")
            call.wait_digits("7", 3)
            phone.hold()
            assert call.heard(time.monotonic() - 0.1).seconds > 0
            phone.hangup()
            call.wait_ended()
        assert len(wire.challenged) == 1
        with Baresip("one@kit.example", password="wrong", **account) as phone:  # type: ignore[arg-type]
            place = phone.dial("sip:100@kit.example")
            phone.wait_closed(place)
        assert len(wire.challenged) >= 2


def test_scripted_party_and_a_caller_who_gives_up() -> None:
    with WireParty(None, WIRE) as one, WireParty(None, CALLER) as two:
        call = one.call(f"sip:two@{CALLER}", (CALLER, 5060), from_=f"sip:one@{WIRE}")
        other = two.wait_call()
        other.ring()
        call.wait_ringing()
        call.cancel()
        call.wait_ended()
        assert (call.final, other.final, other.ended_by) == (487, 487, "them")
        two.policy = lambda request: 503
        assert one.call(f"sip:two@{CALLER}", (CALLER, 5060), from_=f"sip:one@{WIRE}").ended_code() == 503


def test_stranger_sends_what_no_phone_would() -> None:
    with WireParty(None, WIRE) as one, WireParty(None, CALLER) as two:
        assert one.raw(b"HELLO\r\n\r\n", (CALLER, 5060), 0.1) == []
        fields = {"Via": one.via(), "From": "<sip:a@b>;tag=1", "To": "<sip:x>", "Call-ID": "1", "CSeq": "1 OPTIONS"}
        options = bytes(message.Message("OPTIONS sip:x SIP/2.0", list(fields.items())))
        assert [m.status for m in one.raw(options, (CALLER, 5060))] == [200]
        assert two.received


@pytest.mark.parametrize("scenario", sorted(path.stem for path in SCENARIOS.glob("uas_*.xml")))
def test_sipp_answers_by_scenario(scenario: str) -> None:
    with Sipp(scenario, address=CARRIER, keys={"realm": "carrier.example"}) as carrier, WireParty(None, WIRE) as party:
        call = party.call(
            f"sip:79161234567@{CARRIER}",
            (CARRIER, 5060),
            from_=f"sip:74951000100@{WIRE}",
            headers=[("P-Asserted-Identity", f"<sip:+74951000100@{WIRE}>")],
            credentials=("romashka", "trunk password"),
        )
        code = call.ended_code(answered_is_enough=True)
        assert code == {"uas_busy": 486, "uas_503": 503}.get(scenario, 200)
        if code == 200:
            call.bye()
        assert carrier.wait(5) == 0, carrier.errors()
        invite = carrier.received("INVITE")[-1]
        assert message.user(invite["P-Asserted-Identity"]) == "+74951000100"
        assert message.user(invite.uri) == "79161234567"
        if scenario == "uas_challenge_407":
            assert carrier.proved("romashka", "trunk password")
            assert not carrier.proved("romashka", "another")


def test_an_options_of_the_edge_does_not_use_up_the_answering_sipp() -> None:
    with Sipp("uas_answer", address=CARRIER, options=("-aa",)) as carrier, WireParty(None, WIRE) as party:
        (answer,) = party.request("OPTIONS", f"sip:{CARRIER}", (CARRIER, 5060), aor=f"sip:edge@{WIRE}")
        assert answer.status == 200
        call = party.call(f"sip:79161234567@{CARRIER}", (CARRIER, 5060), from_=f"sip:74951000100@{WIRE}")
        assert call.ended_code(answered_is_enough=True) == 200
        call.bye()
        assert carrier.wait(5) == 0, carrier.errors()


@pytest.mark.parametrize("scenario", ["uac_call", "uac_cancel"])
def test_sipp_calls_by_scenario(scenario: str) -> None:
    keys = {"called": "74951000100", "caller": "79161234567", "host": "edge.example"}
    with (
        WireParty(None, WIRE, hz=900) as party,
        Sipp(scenario, address=CARRIER, remote=f"{WIRE}:5060", keys=keys, options=("-d", "300")) as carrier,
    ):
        call = party.wait_call()
        call.ring()
        if scenario == "uac_call":
            call.answer()
        call.wait_ended()
        assert carrier.wait(5) == 0, carrier.errors()
        assert message.user(call.request.uri) == "74951000100"
        assert call.final == (200 if scenario == "uac_call" else 487)
