"""The scenarios that are also run live (tests/sip/test_scenarios_live.py), simulated: what each comes to."""

from datetime import UTC, datetime

import pytest
from phones.scripted.scenarios import SCENARIOS
from phones.scripted.simulation import simulated

pytestmark = pytest.mark.row("C03")

NOON = datetime(2026, 11, 9, 9, tzinfo=UTC)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    scenario = SCENARIOS[name]
    record = simulated(scenario, NOON).record
    assert (record.path or [""])[-1] == scenario.ends, record.path
    assert (record.disposition, record.code) == (scenario.disposition, scenario.code)
    assert (record.answered_by, record.hung_up_by) == (scenario.answered_by, scenario.hung_up_by)
    assert (record.answered is not None) == (record.disposition == "answered")


def test_there_are_sixty_and_more_each_another() -> None:
    assert len(SCENARIOS) >= 60
    assert len({(s.dialled, s.caller, s.keys, s.trunk, s.patience, str(s.people)) for s in SCENARIOS.values()}) >= 60


@pytest.mark.row("R09")
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.told])
def test_what_became_of_the_transfers(name: str) -> None:
    told = simulated(SCENARIOS[name], NOON)
    assert tuple(told.transfers) == SCENARIOS[name].told
    noted = [one["status"] for one in told.record.facts.get("sent_on", [])]
    assert noted == [status for status in SCENARIOS[name].told if status not in (403, 404, 482)]
