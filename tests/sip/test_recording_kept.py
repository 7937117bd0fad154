"""A recorded call on real hosts, from the carrier's call to the file that the API gives out (R17, R18)."""

from typing import Any

import pytest
from phones.romashka.carrier import call_in, talk
from phones.romashka.faults import until
from phones.romashka.report import Report
from phones.romashka.stage import Stage

pytestmark = [pytest.mark.lab, pytest.mark.row("R17"), pytest.mark.row("R18")]

NUMBER = "+74951000117"


def test_a_call_is_recorded_sealed_and_kept(stage: Stage, pbx: Any) -> None:
    def spool() -> str:
        return str(pbx.exec("relay1", "find", "/var/spool/pbx", "-type", "f").stdout)

    def kept() -> str:
        return str(pbx.exec("calls1", "find", "/var/lib/pbx/recordings", "-type", "f").stdout)

    before = kept()
    report = Report("a recorded call", ("R17", "R18"))
    petrova = stage.phone("petrova")
    place = petrova.place()
    call = call_in(stage, report, NUMBER)
    petrova.wait_incoming(12.0, since=place)
    petrova.answer(since=place)
    call.wait_established()
    talk(report, call, petrova, "petrova")
    call.bye()
    petrova.wait_closed(place)

    until(lambda: kept() != before and not spool(), "it is kept, and nothing is left in clear")
    assert [f"{one.what}: {one.got}" for one in report.checks if not one.ok] == []
