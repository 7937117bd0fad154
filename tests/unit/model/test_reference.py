"""The reference PBX, which has every kind of the grammar, is what the grammar accepts as a whole."""

import shutil
from pathlib import Path

import pytest

from pbx.model.load import load
from pbx.model.problems import ModelErrors
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


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        (
            "{override: override/night}",
            "{queue: {queue/sale: full}}",
            'flows.main[1].when.queue.queue/sale: queue/sale does not exist; did you mean "queue/sales"?',
        ),
        (
            "en-US: [sales]",
            "de-DE: [Verkauf]",
            "ivrs.main.keys.1.phrases.de-DE: de-DE is no language of this tenant; write one of ru-RU, en-US, or add it "
            "to tenant.languages",
        ),
    ],
)
def test_keys_that_name_something(tmp_path: Path, written: str, instead: str, said: str) -> None:
    root = shutil.copytree(REFERENCE, tmp_path / "reference")
    file = root / "romashka/romashka.yml"
    file.write_text(file.read_text("utf-8").replace(written, instead), "utf-8")
    with pytest.raises(ModelErrors) as caught:
        load(root, whole=True)
    assert [f"{problem.pointer}: {problem.message}" for problem in caught.value.problems] == [said]
