"""The calls of the demo, on the lab's hosts, each a test of its own: as told, and recorded as its simulation is."""

import pytest
from phones.romashka import inside, inward, messages, outward, rehearsed
from phones.romashka.play import Told, play
from phones.romashka.stage import Stage

pytestmark = [pytest.mark.lab, pytest.mark.row("C03")]

CALLS = (*inside.CALLS, *inward.CALLS, *messages.CALLS, *outward.CALLS)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(told, id=told.place.__name__, marks=[pytest.mark.row(row) for row in told.behaviour])
        for told in CALLS
    ],
)
def test_call(stage: Stage, told: Told) -> None:
    report = play(stage, told)
    wrong = [f"{c.what}: expected {c.expected}, got {c.got}" for c in report.checks if not c.ok]
    assert report.as_told, "\n".join([report.trouble, *wrong])
    if told.place.__name__ in rehearsed.SCRIPTS:
        assert report.record is not None
        assert rehearsed.differences(told.place.__name__, report.record) == []


def test_every_call_that_is_recorded_has_a_rehearsal() -> None:
    refused_at_the_edge = {"wrong_password", "strangers_invite"}
    by_the_clock = {"as_the_clock_says"}  # what the caller does depends on the hour
    names = {told.place.__name__ for told in CALLS}
    assert names - refused_at_the_edge - by_the_clock == set(rehearsed.SCRIPTS)
