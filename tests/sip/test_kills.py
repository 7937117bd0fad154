"""SIGKILL of each process in the middle of a call: what both ends hear, what the record says, how it heals."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from phones.baresip import Baresip, Place
from phones.romashka import lab as romashka
from phones.romashka.carrier import call_in
from phones.romashka.example import number_for, recording
from phones.romashka.inside import call_up, dialled
from phones.romashka.report import Report
from phones.romashka.stage import TONES, Stage

pytestmark = pytest.mark.lab

HEAL = 15.0  # seconds, generous: what it really takes stands in docs/reference/faults.md


def main_pid(lab: Any, host: str, unit: str) -> str:
    return str(lab.exec(host, "systemctl", "show", "-p", "MainPID", "--value", unit).stdout.strip())


def kill(lab: Any, host: str, unit: str) -> str:
    """SIGKILL to every process of a unit, as the OOM killer or a crash would; returns the old main process."""
    before = main_pid(lab, host, unit)
    lab.exec(host, "systemctl", "kill", "--signal=SIGKILL", unit)
    return before


def until(holds: Callable[[], bool], what: str, deadline: float = HEAL) -> float:
    """Ask until it holds; the seconds it took. AssertionError at the deadline."""
    began = time.monotonic()
    while time.monotonic() - began < deadline:
        if holds():
            taken = time.monotonic() - began
            print(f"{what}: {taken:.2f} s")  # for docs/reference/faults.md: pytest -s
            return taken
        time.sleep(0.05)  # another host's state: there is no event to wait on
    raise AssertionError(f"{what}: not within {deadline} s")


def is_back(lab: Any, host: str, unit: str, before: str) -> bool:
    state = lab.exec(host, "systemctl", "is-active", unit, check=False).stdout.strip()
    return state == "active" and main_pid(lab, host, unit) not in ("0", before)


def answers(lab: Any) -> bool:
    """pbx-calls answers its control socket and serves romashka."""
    ask = (
        "import socket,json\ns=socket.socket(socket.AF_UNIX)\ns.connect('/run/pbx-calls/control.sock')\n"
        's.sendall(b\'{"cmd":"status"}\\n\')\nprint(s.makefile().readline())'
    )
    done = lab.exec("calls1", "python3", "-c", ask, check=False)
    return done.returncode == 0 and "romashka" in json.loads(done.stdout)["epochs"]


def they_talk(one: Baresip, two: Baresip, deadline: float = 5.0) -> None:
    """From now on each hears the other: 201 sends one tone, 202 another."""
    since = time.monotonic()
    one.ear.wait_tone(TONES["petrova"], 0.4, deadline, since)
    two.ear.wait_tone(TONES["ivanov"], 0.4, deadline, since)


def hang_up_both(one: Baresip, two: Baresip, place: Place, listening: Place) -> None:
    one.hangup()
    one.wait_closed(place)
    two.wait_closed(listening)


def a_call_works(stage: Stage) -> None:
    """A new call is answered, heard at both ends and hung up; its record says so."""
    started = time.time() * 1000
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    hang_up_both(one, two, place, listening)
    record = romashka.wait_record(lambda r: r["started"] >= started and dialled("202", "device ivanov-desk")(r))
    assert record is not None and record["disposition"] == "answered"


@pytest.mark.row("R33")
def test_pbx_calls_killed_the_audio_goes_on_and_the_record_says_interrupted(stage: Stage, pbx: Any) -> None:
    started = time.time() * 1000
    one, two, place = call_up(stage, "ivanov", "petrova")
    they_talk(one, two)
    before = kill(pbx, "calls1", "pbx-calls@1.service")
    they_talk(one, two, 2.0)  # the relay carries the sound, whoever signals
    until(lambda: is_back(pbx, "calls1", "pbx-calls@1.service", before) and answers(pbx), "pbx-calls serves again")
    they_talk(one, two, 2.0)
    until(
        lambda: [r["disposition"] for r in romashka.records(50) if r["started"] >= started] == ["interrupted"],
        "one record, and it says interrupted",
    )
    # Recovery of dialogs is a later issue: the new process knows neither; each phone hangs up for itself.
    listening = two.place()
    one.hangup()
    one.wait_closed(place)
    two.hangup()
    two.wait_closed(listening)
    a_call_works(stage)


@pytest.mark.row("R19")
def test_pbx_media_killed_the_menu_is_heard_again_and_takes_a_key(stage: Stage, pbx: Any) -> None:
    number, _ = number_for("ivr/main")
    call = call_in(stage, Report("media killed", ("R19",)), number)
    call.wait_established()
    call.wait_tone(523, 0.1, 3.0, call.started)  # the chime of the welcome
    before = kill(pbx, "calls1", "pbx-media@1.service")
    killed = time.monotonic()
    until(lambda: is_back(pbx, "calls1", "pbx-media@1.service", before), "pbx-media is back")
    call.wait_said(recording("welcome"), 20.0, killed)  # the rest of it was lost; it is told once more
    ringing = stage.phone("petrova").place()
    call.digits("1")
    stage.phone("petrova").answer(since=ringing)
    call.wait_tone(TONES["petrova"], 0.4, 5.0, time.monotonic())
    call.bye()
    stage.phone("petrova").wait_closed(ringing)


@pytest.mark.row("R33")
def test_kamailio_killed_registrations_and_the_calls_end_are_kept(stage: Stage, pbx: Any) -> None:
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    before = kill(pbx, "edge1", "kamailio.service")
    they_talk(one, two, 2.0)
    until(lambda: is_back(pbx, "edge1", "kamailio.service", before), "Kamailio answers again")
    hang_up_both(one, two, place, listening)  # the BYE finds its way by the token of the tenant, not by memory
    a_call_works(stage)  # 202 did not register again: its contact was kept


@pytest.mark.row("R33")
def test_rtpengine_killed_the_sound_comes_back_by_itself(stage: Stage, pbx: Any) -> None:
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    before = kill(pbx, "relay1", "rtpengine-daemon.service")
    until(lambda: is_back(pbx, "relay1", "rtpengine-daemon.service", before), "rtpengine is back")
    until(lambda: one.ear.listen(0.2).tone(TONES["petrova"]) > 0.1, "201 hears 202 again")
    they_talk(one, two, 5.0)  # sessions from Redis, on the same ports
    hang_up_both(one, two, place, listening)
    a_call_works(stage)
