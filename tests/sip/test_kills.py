"""SIGKILL of each process in the middle of a call: what both ends hear, what the record says, how it heals."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from phones.romashka import lab as romashka
from phones.romashka.carrier import call_in
from phones.romashka.example import number_for, recording
from phones.romashka.faults import (
    CALLS,
    CONTROL,
    EDGE,
    HEAL,
    MEDIA,
    RELAY,
    all_is_well,
    bye_answer,
    gap,
    hang_up_both,
    kill,
    offers,
    record_of,
    rtpengine,
    serves,
    status,
    stored_contacts,
    they_talk,
    until,
)
from phones.romashka.inside import MUSIC, call_up
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, TONES, Stage

pytestmark = pytest.mark.lab

FORGETS = 2  # seconds of silence after which the relay ends a session, in the test that waits for it


@contextmanager
def relay_forgets_soon(lab: Any) -> Iterator[None]:
    """The relay's timeout, shortened: as configured it would be a minute of waiting."""
    before = rtpengine(lab, "list timeout").partition("=")[2].strip()
    rtpengine(lab, f"set timeout {FORGETS}")
    try:
        yield
    finally:
        rtpengine(lab, f"set timeout {before}")
    assert rtpengine(lab, "list timeout").strip() == f"TIMEOUT={before}"


@pytest.mark.row("R33")
def test_pbx_calls_killed_twice_a_call_goes_on_is_held_and_hung_up(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    killed = time.monotonic()
    for _ in range(2):
        is_back = kill(pbx, CALLS)
        until(lambda is_back=is_back: is_back() and serves(pbx), "pbx-calls serves again")  # type: ignore[misc]
        said = status(pbx)
        assert said is not None and said["calls"] == 1
    they_talk(one, two, 2.0)  # the relay carries the sound, whoever signals
    assert gap(one.ear.track, killed, "201") < 0.5
    assert gap(two.ear.track, killed, "202") < 0.5
    two.hold()
    one.ear.wait_tone(MUSIC, 0.2, 4.0)  # held
    two.resume()
    they_talk(one, two, 3.0)
    call = hang_up_both(one, two, place, listening)
    until(lambda: bye_answer(one, call) == 200, "BYE is answered by 200")
    record = record_of(started, "answered")
    assert record["path"][-1] == "user/petrova" and record["hung_up_by"] == "caller"
    assert record["ended"] - record["answered"] > 2000
    assert record["reasons"].count("the process was started again: the call goes on") == 2
    all_is_well(pbx, stage)


@pytest.mark.row("R34")
def test_a_restart_of_pbx_calls_cuts_no_call(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    before = time.monotonic()
    pbx.exec(CALLS.host, "systemctl", "restart", CALLS.name)
    until(lambda: serves(pbx), "pbx-calls serves again")
    they_talk(one, two, 2.0)
    assert gap(one.ear.track, before, "201") < 0.5
    hang_up_both(one, two, place, listening)
    assert record_of(started, "answered")["hung_up_by"] == "caller"
    listening = two.place()
    _, _, place = call_up(stage, "ivanov", "petrova")
    pbx.exec(CALLS.host, "python3", "-c", CONTROL, '{"cmd":"cut"}')  # what is to end for good ends at both sides
    one.wait_closed(place)
    two.wait_closed(listening)
    pbx.exec(CALLS.host, "python3", "-c", CONTROL, '{"cmd":"undrain"}')
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_pbx_calls_killed_a_caller_in_the_menu_is_told_it_again_and_takes_a_key(stage: Stage, pbx: Any) -> None:
    number, _ = number_for("ivr/main")
    started = time.time()
    call = call_in(stage, Report("calls killed in a menu", ("R33",)), number)
    call.wait_established()
    call.wait_tone(523, 0.1, 3.0, call.started)  # the chime of the welcome
    killed = time.monotonic()
    is_back = kill(pbx, CALLS)
    until(lambda: is_back() and serves(pbx), "pbx-calls serves again")
    call.wait_said(recording("welcome"), 20.0, killed)
    ringing = stage.phone("petrova").place()
    call.digits("1")
    stage.phone("petrova").answer(since=ringing)
    call.wait_tone(TONES["petrova"], 0.4, 5.0, time.monotonic())
    call.bye()
    stage.phone("petrova").wait_closed(ringing)
    record = romashka.wait_record(lambda r: r["started"] >= started * 1000 and r["number"] == number)
    assert record is not None and record["disposition"] == "answered"
    assert record["path"][-4:] == ["ivr/main", "ivr/main", "ring_group/office", "user/petrova"]
    all_is_well(pbx, stage)


@pytest.mark.row("R19")
def test_pbx_media_killed_the_menu_is_heard_again_and_takes_a_key(stage: Stage, pbx: Any) -> None:
    number, _ = number_for("ivr/main")
    call = call_in(stage, Report("media killed", ("R19",)), number)
    call.wait_established()
    call.wait_tone(523, 0.1, 3.0, call.started)  # the chime of the welcome
    killed = time.monotonic()
    is_back = kill(pbx, MEDIA)
    until(is_back, "pbx-media is back")
    call.wait_said(recording("welcome"), 20.0, killed)  # it is told once more
    print("heard since the kill:", call.heard(killed))  # the rest of the first telling, too, from where it would be
    assert gap(call.voice.track, killed, "the caller") < HEAL
    ringing = stage.phone("petrova").place()
    call.digits("1")
    stage.phone("petrova").answer(since=ringing)
    call.wait_tone(TONES["petrova"], 0.4, 5.0, time.monotonic())
    assert not [
        m for way, m in call.messages if way == "received" and m.method in ("INVITE", "UPDATE") and not m.status
    ]
    call.bye()
    stage.phone("petrova").wait_closed(ringing)
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_kamailio_killed_registrations_and_the_calls_end_are_kept(stage: Stage, pbx: Any) -> None:
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    # what came within the last 10 s is written next: a registration of just now would be lost
    until(lambda: {"ivanov-desk", "petrova-desk"} <= stored_contacts(pbx), "the edge has written the registrations")
    killed = time.monotonic()
    is_back = kill(pbx, EDGE)
    until(is_back, "Kamailio answers again")
    they_talk(one, two, 2.0)
    assert gap(one.ear.track, killed, "201") < 0.5
    call = hang_up_both(one, two, place, listening)  # the BYE finds its way by the tenant's token, not by memory
    until(lambda: bye_answer(one, call) == 200, "BYE is answered by 200")
    all_is_well(pbx, stage)  # 202 did not register again: its contact was kept


@pytest.mark.row("R33")
def test_a_call_dialled_while_kamailio_is_away_rings_when_it_is_back(stage: Stage, pbx: Any) -> None:
    one, two = stage.phone("ivanov"), stage.phone("petrova")
    until(lambda: {"ivanov-desk", "petrova-desk"} <= stored_contacts(pbx), "the edge has written the registrations")
    kill(pbx, EDGE)
    began, ringing = time.monotonic(), two.place()
    place = one.dial(f"sip:202@{DOMAIN}")
    one.wait_ringing(place, HEAL)
    print(f"dialled while Kamailio was away: rings after {time.monotonic() - began:.2f} s")
    two.answer(since=ringing)
    one.wait_established(place)
    they_talk(one, two)
    hang_up_both(one, two, place, two.place())
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_rtpengine_killed_the_sound_comes_back_by_itself(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    before, killed = (offers(one), offers(two)), time.monotonic()
    is_back = kill(pbx, RELAY)
    until(is_back, "rtpengine is back")
    they_talk(one, two, HEAL)  # sessions from Redis
    gap(one.ear.track, killed, "201")
    gap(two.ear.track, killed, "202")
    assert (offers(one), offers(two)) == before  # on the same ports: nobody was told of others
    call = hang_up_both(one, two, place, listening)
    until(lambda: bye_answer(one, call) == 200, "BYE is answered by 200")
    record = record_of(started)
    until(lambda: record["id"] not in rtpengine(pbx, "list sessions all"), "the relay's session is deleted")
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_a_call_dialled_while_rtpengine_is_away_is_put_through(stage: Stage, pbx: Any) -> None:
    one, two = stage.phone("ivanov"), stage.phone("petrova")
    kill(pbx, RELAY)
    began, ringing = time.monotonic(), two.place()
    place = one.dial(f"sip:202@{DOMAIN}")
    one.wait_ringing(place, HEAL)
    print(f"dialled while rtpengine was away: rings after {time.monotonic() - began:.2f} s")
    two.answer(since=ringing)
    one.wait_established(place)
    they_talk(one, two)
    hang_up_both(one, two, place, two.place())
    all_is_well(pbx, stage)
