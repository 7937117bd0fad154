"""Faults in the lab's hosts: processes killed, what they say afterwards, and how long an ear heard nothing."""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from phones.baresip import Baresip, Place
from phones.romashka import lab as romashka
from phones.romashka.inside import call_up, dialled
from phones.romashka.stage import TONES, Stage
from phones.track import Track

HEAL = 15.0  # seconds, generous: what it really takes stands in docs/reference/faults.md


class Unit(NamedTuple):
    """A systemd unit of one of the lab's hosts."""

    host: str
    name: str


CALLS = Unit("calls1", "pbx-calls@1.service")
MEDIA = Unit("calls1", "pbx-media@1.service")
JOURNAL = Unit("calls1", "pbx-journal.service")
EDGE = Unit("edge1", "kamailio.service")
RELAY = Unit("relay1", "rtpengine-daemon.service")
REDIS = Unit("relay1", "redis-server.service")

CONTROL = """import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/pbx-calls/control.sock")
s.sendall(sys.argv[1].encode() + b"\\n")
print(s.makefile().readline())"""
RTPENGINE = """import socket, sys
s = socket.create_connection(("127.0.0.1", 2224), 5)
s.sendall(sys.argv[1].encode() + b"\\n")
print(s.makefile().read())"""
CONTACTS = """import sqlite3
print(*(row[0] for row in sqlite3.connect("/run/kamailio/location.sqlite").execute("SELECT username FROM location")))"""


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


# --- processes --------------------------------------------------------------------------------------------------------


def kill(lab: Any, *units: Unit) -> Callable[[], bool]:
    """SIGKILL to every process of the units, as the OOM killer or a crash; the answer tells whether all are back."""
    before = {unit: _main_pid(lab, unit) for unit in units}
    for host in {unit.host for unit in units}:
        names = [unit.name for unit in units if unit.host == host]
        lab.exec(host, "systemctl", "kill", "--signal=SIGKILL", *names)
    return lambda: all(is_active(lab, unit) and _main_pid(lab, unit) not in ("0", before[unit]) for unit in units)


def is_active(lab: Any, unit: Unit) -> bool:
    return str(lab.exec(unit.host, "systemctl", "is-active", unit.name, check=False).stdout).strip() == "active"


def _main_pid(lab: Any, unit: Unit) -> str:
    return str(lab.exec(unit.host, "systemctl", "show", "-P", "MainPID", unit.name).stdout).strip()


def status(lab: Any) -> dict[str, Any] | None:
    """What pbx-calls says of itself; None while it does not answer."""
    done = lab.exec("calls1", "python3", "-c", CONTROL, '{"cmd":"status"}', check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
    return found


def serves(lab: Any) -> bool:
    """pbx-calls answers and holds the lease of romashka."""
    said = status(lab)
    return said is not None and "romashka" in said["epochs"]


def rtpengine(lab: Any, command: str) -> str:
    """The answer of rtpengine's own command line."""
    return str(lab.exec("relay1", "python3", "-c", RTPENGINE, command).stdout)


def stored_contacts(lab: Any) -> set[str]:
    """Devices whose registration the edge has written down: these survive its SIGKILL."""
    return set(lab.exec("edge1", "python3", "-c", CONTACTS).stdout.split())


# --- what is heard ----------------------------------------------------------------------------------------------------


def gap(track: Track, since: float, name: str) -> float:
    """The longest time from `since` until now without a packet, in seconds."""
    now = time.monotonic()
    times = [since, *(packet.at for packet in track.packets(since)), now]
    longest = max(after - before for before, after in pairwise(times))
    print(f"{name}: longest gap {longest:.2f} s")
    return longest


def they_talk(one: Baresip, two: Baresip, deadline: float = 5.0) -> None:
    """From now on each hears the other: 201 sends one tone, 202 another."""
    since = time.monotonic()
    one.ear.wait_tone(TONES["petrova"], 0.4, deadline, since)
    two.ear.wait_tone(TONES["ivanov"], 0.4, deadline, since)


def offers(phone: Baresip) -> int:
    """How many offers the phone was sent, in all its calls."""
    return sum(way == "received" and m.method in ("INVITE", "UPDATE") and not m.status for way, m in phone.messages())


def bye_answer(phone: Baresip, call: str) -> int:
    """The final answer that the phone got to its BYE of this call, 0 before it."""
    answers = [m.status for way, m in phone.messages(call) if way == "received" and m.status and m.method == "BYE"]
    return answers[-1] if answers else 0


# --- calls ------------------------------------------------------------------------------------------------------------


def hang_up_both(one: Baresip, two: Baresip, place: Place, listening: Place) -> str:
    """`one` hangs up, both ends close; the Call-ID of `one`."""
    one.hangup()
    call = one.wait_closed(place).call
    two.wait_closed(listening)
    return call


def record_of(started: float, disposition: str = "answered") -> romashka.Record:
    """The one record of 201's calls to 202 since `started` (seconds of UTC)."""
    record = romashka.wait_record(lambda r: r["started"] >= started * 1000 and dialled("202", "device ivanov-desk")(r))
    assert record is not None
    assert record["disposition"] == disposition
    return record


def a_call_works(stage: Stage) -> None:
    """A new call is answered, heard at both ends and hung up; its record says so."""
    started = time.time()
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    hang_up_both(one, two, place, listening)
    record_of(started)


def all_is_well(lab: Any, stage: Stage) -> None:
    """Each service runs and a call works: no test leaves anything behind for the next."""
    idle = [unit.name for unit in (CALLS, MEDIA, JOURNAL, EDGE, RELAY, REDIS) if not is_active(lab, unit)]
    assert not idle
    a_call_works(stage)
