"""The calls of the demo, on the lab's hosts, each a test of its own."""

import pytest
from phones.romashka import inside, inward, outward
from phones.romashka.play import Told, play
from phones.romashka.stage import Stage

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(told, id=told.place.__name__, marks=[pytest.mark.row(row) for row in told.behaviour])
        for told in (*inside.CALLS, *inward.CALLS, *outward.CALLS)
    ],
)
def test_call(stage: Stage, told: Told) -> None:
    report = play(stage, told)
    wrong = [f"{c.what}: expected {c.expected}, got {c.got}" for c in report.checks if not c.ok]
    assert report.as_told, "\n".join([report.trouble, *wrong])
