"""A voicemail box of a real host: message, lamp and listening, and a process killed while somebody speaks (R12)."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from phones import netns
from phones.romashka import lab, messages
from phones.romashka.carrier import hears_prompt
from phones.romashka.faults import CALLS, all_is_well, kill, serves, until
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, Stage
from phones.subscriber import Subscriber
from unit.edge.sip_peers import Peer

pytestmark = [pytest.mark.lab, pytest.mark.row("R12")]

WITHIN = 6.0  # seconds, generous: a lamp is lit in one


@contextmanager
def lamp_of_ivanov(stage: Stage) -> Iterator[tuple[Subscriber, int, int]]:
    """His desk phone stands at phone5 for as long, and does nothing but watch his box; how many new and old messages
    the box has now."""
    address = lab.addresses()["phone5"]
    peer = netns.run_inside(lab.namespace("phone5"), lambda: Peer(threading.get_native_id(), address, 0, stage.edge))
    try:
        phone = Subscriber(peer, "ivanov-desk", DOMAIN, lab.password("ivanov", "desk"))
        phone.register()
        assert phone.subscribe("ivanov-desk", event="message-summary").status == 200
        count = re.search(r"Voice-Message: (\d+)/(\d+) ", phone.notified().body)
        assert count is not None
        yield phone, int(count[1]), int(count[2])
        assert phone.refresh(0).status == 200
    finally:
        peer.close()
        stage.phone("ivanov").register()


def shows(lamp: Subscriber, new: int, old: int) -> None:
    """Until a NOTIFY says that many; one that we answered late comes again."""
    while f"Voice-Message: {new}/{old} " not in lamp.notified(WITHIN).body:
        continue


def wrong(report: Report) -> list[str]:
    return [f"{one.what}: expected {one.expected}, got {one.got}" for one in report.checks if not one.ok]


@pytest.mark.row("R33")
def test_what_was_said_before_a_kill_lights_the_lamp_and_is_heard_from_another_phone(stage: Stage, pbx: Any) -> None:
    report = Report("a message, and pbx-calls is killed while it is left", ("R12", "R33"))
    with lamp_of_ivanov(stage) as (lamp, new, old):
        call = messages.at_the_beep(stage, report)
        time.sleep(messages.SPOKEN)  # that long is spoken
        killed, is_back = time.monotonic(), kill(pbx, CALLS)
        until(lambda: is_back() and serves(pbx), "pbx-calls serves again")
        shows(lamp, new + 1, old)
        hears_prompt(report, call, "system-voicemail", killed)  # it is asked anew
        call.bye()
        petrova = stage.phone("petrova")
        place = messages.listen(report, petrova, "petrova", "*98201")
        messages.delete(petrova, place)
        shows(lamp, new, old)
    assert wrong(report) == []
    all_is_well(pbx, stage)
