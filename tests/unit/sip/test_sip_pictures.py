"""The state diagrams of docs/reference/sip.md have the arrows of the code."""

from __future__ import annotations

import pytest
from unit.sip.state_pictures import drawn, machines


@pytest.mark.parametrize("name", machines())
def test_the_picture_is_of_the_code(name: str) -> None:
    assert drawn(name) == {arrow: set(events) for arrow, events in machines()[name].items()}, (
        "PYTHONPATH=tests:src python tests/unit/sip/state_pictures.py draws them anew"
    )
