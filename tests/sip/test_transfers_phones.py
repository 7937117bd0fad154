"""Transfers, parking and pickup with real phones behind the edge: everybody hears whom they should, and nobody else."""

import time
from typing import Any
from urllib.parse import quote

import pytest
from phones import message
from phones.baresip import Baresip, Place
from phones.romashka.faults import all_is_well, they_talk, until
from phones.romashka.inside import MUSIC, call_up
from phones.romashka.stage import DOMAIN, TONES, Stage

pytestmark = [pytest.mark.lab, pytest.mark.row("R09")]

TALK = 0.4  # seconds of a tone that count as hearing it


def transfer(phone: Baresip, to: str) -> None:
    """REFER of the call that the phone is in."""
    phone.control.command("transfer", to)


def hear_each_other(one: Baresip, first: str, two: Baresip, second: str) -> None:
    since = time.monotonic()
    one.ear.wait_tone(TONES[second], TALK, 5.0, since)
    two.ear.wait_tone(TONES[first], TALK, 5.0, since)


def replaces(phone: Baresip, call_id: str) -> str:
    """The leg of a call that the phone answered, as a Replaces names it for us."""
    answer = next(m for way, m in phone.messages(call_id) if way == "sent" and m.status == 200 and m.method == "INVITE")
    tags = (message.parameter(answer["From"], "tag"), message.parameter(answer["To"], "tag"))
    return f"{call_id};to-tag={tags[0]};from-tag={tags[1]}"


def requests(phone: Baresip, method: str) -> list[message.Message]:
    return [m for way, m in phone.messages() if way == "received" and not m.status and m.method == method]


def test_blind_transfer(stage: Stage, pbx: Any) -> None:
    ivanov, petrova, place = call_up(stage, "ivanov", "petrova")
    sidorov = stage.phone("sidorov")
    they_talk(ivanov, petrova)
    invites, ringing, leaving = len(requests(ivanov, "INVITE")), sidorov.place(), petrova.place()
    transfer(petrova, f"sip:301@{DOMAIN}")
    sidorov.wait_incoming(since=ringing)
    ivanov.ear.wait_tone(425, 0.3, 5.0, ringing.at)  # that it rings
    sidorov.answer(since=ringing)
    petrova.wait_closed(leaving)
    hear_each_other(ivanov, "ivanov", sidorov, "sidorov")
    assert len(requests(ivanov, "INVITE")) == invites, "a re-INVITE to who was sent on"
    told = [m.body.split()[1] for m in requests(petrova, "NOTIFY")]
    assert told[-1] == b"200" and b"180" in told
    sidorov.hangup()
    ivanov.wait_closed(place)
    all_is_well(pbx, stage)


def test_blind_transfer_by_the_caller(stage: Stage, pbx: Any) -> None:
    """Whoever was called stays, and is rung through."""
    ivanov, petrova, place = call_up(stage, "ivanov", "petrova")
    sidorov = stage.phone("sidorov")
    they_talk(ivanov, petrova)
    ringing, staying = sidorov.place(), petrova.place()
    transfer(ivanov, f"sip:301@{DOMAIN}")
    sidorov.wait_incoming(since=ringing)
    petrova.ear.wait_tone(425, 0.3, 5.0, ringing.at)
    sidorov.answer(since=ringing)
    ivanov.wait_closed(place)
    hear_each_other(petrova, "petrova", sidorov, "sidorov")
    petrova.hold()
    sidorov.ear.wait_tone(MUSIC, 0.2, 5.0)
    petrova.resume()
    hear_each_other(petrova, "petrova", sidorov, "sidorov")
    sidorov.hangup()
    petrova.wait_closed(staying)
    all_is_well(pbx, stage)


def test_attended_transfer(stage: Stage, pbx: Any) -> None:
    """Petrova, who talks with ivanov, asks sidorov in a second call, and joins the two."""
    ivanov, petrova, place = call_up(stage, "ivanov", "petrova")
    they_talk(ivanov, petrova)
    first = requests(petrova, "INVITE")[-1]["Call-ID"]
    petrova.hold()
    ivanov.ear.wait_tone(MUSIC, 0.2, 5.0)
    sidorov = stage.phone("sidorov")
    ringing, asking = sidorov.place(), petrova.dial(f"sip:301@{DOMAIN}")
    sidorov.answer(since=ringing)
    petrova.wait_established(asking)
    hear_each_other(petrova, "petrova", sidorov, "sidorov")
    invites = len(requests(ivanov, "INVITE")), len(requests(sidorov, "INVITE"))
    transfer(petrova, f"<sip:201@{DOMAIN}?Replaces={quote(replaces(petrova, first), safe='')}>")
    hear_each_other(ivanov, "ivanov", sidorov, "sidorov")
    until(lambda: len(requests(petrova, "BYE")) >= 2, "both calls of petrova are ended")
    assert (len(requests(ivanov, "INVITE")), len(requests(sidorov, "INVITE"))) == invites
    ivanov.hangup()
    ivanov.wait_closed(place)
    sidorov.wait_closed(ringing)
    all_is_well(pbx, stage)


def park(stage: Stage) -> tuple[Baresip, Place]:
    """Petrova parks ivanov, who hears music."""
    ivanov, petrova, place = call_up(stage, "ivanov", "petrova")
    they_talk(ivanov, petrova)
    leaving = petrova.place()
    transfer(petrova, f"sip:*68@{DOMAIN}")
    petrova.wait_closed(leaving)
    ivanov.ear.wait_tone(MUSIC, 0.2, 5.0, leaving.at)
    return ivanov, place


def test_a_parked_call_is_taken_from_another_phone(stage: Stage, pbx: Any) -> None:
    ivanov, place = park(stage)
    sidorov = stage.phone("sidorov")
    taking = sidorov.dial(f"sip:*69@{DOMAIN}")
    sidorov.wait_established(taking)
    hear_each_other(ivanov, "ivanov", sidorov, "sidorov")
    sidorov.hangup()
    ivanov.wait_closed(place)
    all_is_well(pbx, stage)


def test_a_call_that_rings_is_picked_up_at_another_phone(stage: Stage, pbx: Any) -> None:
    ivanov, petrova, sidorov = (stage.phone(name) for name in ("ivanov", "petrova", "sidorov"))
    ringing = petrova.place()
    place = ivanov.dial(f"sip:202@{DOMAIN}")
    petrova.wait_incoming(since=ringing)
    taking = sidorov.dial(f"sip:**202@{DOMAIN}")
    sidorov.wait_established(taking)
    ivanov.wait_established(place)
    petrova.wait_closed(ringing)
    hear_each_other(ivanov, "ivanov", sidorov, "sidorov")
    ivanov.hangup()
    sidorov.wait_closed(taking)
    all_is_well(pbx, stage)


def test_both_hold_each_other_and_nobody_hears_anything_until_both_resume(stage: Stage, pbx: Any) -> None:
    ivanov, petrova, place = call_up(stage, "ivanov", "petrova")
    they_talk(ivanov, petrova)
    ivanov.hold()
    petrova.ear.wait_tone(MUSIC, 0.2, 5.0)
    petrova.hold()
    assert ivanov.ear.listen(0.6).silent and petrova.ear.listen(0.2).silent
    ivanov.resume()
    ivanov.ear.wait_tone(MUSIC, 0.2, 5.0)  # held still, by the other one
    petrova.resume()
    hear_each_other(ivanov, "ivanov", petrova, "petrova")
    ivanov.hangup()
    ivanov.wait_closed(place)
    all_is_well(pbx, stage)
