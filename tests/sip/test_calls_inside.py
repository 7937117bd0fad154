"""The calls of the demo between people of romashka, on the lab's hosts, each a test of its own."""

import pytest
from phones.romashka import inside
from phones.romashka.play import play
from phones.romashka.stage import Stage

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=call.row.__name__, marks=[pytest.mark.row(row) for row in call.behaviour])
        for call in inside.CALLS
    ],
)
def test_call(stage: Stage, call: inside.Told) -> None:
    report = play(stage, call)
    wrong = [f"{c.what}: expected {c.expected}, got {c.got}" for c in report.checks if not c.ok]
    assert report.as_told, "\n".join([report.trouble, *wrong])
