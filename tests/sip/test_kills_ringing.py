"""SIGKILL of pbx-calls while a call rings: nobody notices, but for what the record says of it."""

import time
from typing import Any

import pytest
from phones.baresip import Baresip, Place
from phones.romashka import lab as romashka
from phones.romashka.carrier import call_in
from phones.romashka.example import number_for
from phones.romashka.faults import (
    CALLS,
    all_is_well,
    bye_answer,
    hang_up_both,
    kill,
    record_of,
    rtpengine,
    serves,
    they_talk,
    until,
)
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, TONES, Stage

pytestmark = [pytest.mark.lab, pytest.mark.row("R33")]

AGAIN = "the process was started again: the call goes on"


def rings(stage: Stage) -> tuple[Baresip, Baresip, Place, Place]:
    """201 calls 202, whose phone rings."""
    one, two = stage.phone("ivanov"), stage.phone("petrova")
    listening = two.place()
    place = one.dial(f"sip:202@{DOMAIN}")
    one.wait_ringing(place)
    return one, two, place, listening


def killed(pbx: Any) -> None:
    is_back = kill(pbx, CALLS)
    until(lambda: is_back() and serves(pbx), "pbx-calls serves again")


def invites(phone: Baresip) -> int:
    """How many calls the phone was rung for."""
    calls = {m["Call-ID"] for way, m in phone.messages() if way == "received" and m.method == "INVITE" and not m.status}
    return len(calls)


def test_the_phone_rings_on_and_is_answered(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place, listening = rings(stage)
    before = invites(two)
    for _ in range(2):
        killed(pbx)
    assert invites(two) == before  # it was rung once
    two.answer(since=listening)
    one.wait_established(place)
    they_talk(one, two)
    call = hang_up_both(one, two, place, listening)
    until(lambda: bye_answer(one, call) == 200, "BYE is answered by 200")
    record = record_of(started)
    assert record["path"] == ["user/petrova"] and record["reasons"].count(AGAIN) == 2
    assert [leg["leg"] for leg in record["facts"]["legs"]] == ["device petrova-desk"]
    until(lambda: record["id"] not in rtpengine(pbx, "list sessions all"), "the relay's session is deleted")
    all_is_well(pbx, stage)


def test_whoever_answers_while_the_process_is_dead_is_heard(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place, listening = rings(stage)
    is_back = kill(pbx, CALLS)
    two.answer(since=listening)
    one.wait_established(place)
    until(lambda: is_back() and serves(pbx), "pbx-calls serves again")
    they_talk(one, two)
    hang_up_both(one, two, place, listening)
    record_of(started)
    all_is_well(pbx, stage)


def test_a_caller_who_gives_up_afterwards_stops_the_ringing(stage: Stage, pbx: Any) -> None:
    started = time.time()
    one, two, place, listening = rings(stage)
    killed(pbx)
    one.hangup()
    one.wait_closed(place)
    two.wait_closed(listening)
    record_of(started, "cancelled")
    all_is_well(pbx, stage)


def test_a_caller_in_a_menu_whose_choice_rings_hears_the_menu_again_and_the_phone_stops(stage: Stage, pbx: Any) -> None:
    number, _ = number_for("ivr/main")
    started = time.time()
    call = call_in(stage, Report("calls killed while a choice rings", ("R33",)), number)
    call.wait_established()
    call.wait_tone(523, 0.1, 3.0, call.started)  # the chime of the welcome
    two = stage.phone("petrova")
    listening = two.place()
    call.digits("1")
    two.wait_incoming(since=listening)
    killed(pbx)
    two.answer(since=listening)  # the story is told from the group on, and the group rings the same phones
    call.wait_tone(TONES["petrova"], 0.4, 5.0, time.monotonic())
    call.bye()
    two.wait_closed(listening)
    record = romashka.wait_record(lambda r: r["started"] >= started * 1000 and r["number"] == number)
    assert record is not None and record["disposition"] == "answered"
    assert record["answered_by"] == "device petrova-desk"
    all_is_well(pbx, stage)
