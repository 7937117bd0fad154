"""The reference PBX, which has every kind of the grammar, is what the grammar accepts as a whole."""

from pathlib import Path

import pytest

from pbx.model.load import load
from pbx.model.schemas import kinds_of

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"

pytestmark = pytest.mark.row("C01")


def test_the_whole_reference_is_accepted() -> None:
    loaded = load(REFERENCE, whole=True)
    assert not loaded.warnings
    assert len(loaded.tests["romashka"]) == 3


def test_it_has_every_kind_of_the_grammar() -> None:
    loaded = load(REFERENCE, whole=True)
    there = {kind for source in loaded.sources.values() for kind in source.entries}
    assert set(kinds_of("tenant")) | set(kinds_of("site")) == there | {"class_of_service"}
