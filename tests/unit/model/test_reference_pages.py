"""The pages of docs/reference that are made from code and fixtures are fresh."""

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("reference_pages", HERE / "reference_pages.py")
assert _spec is not None
assert _spec.loader is not None
pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pages)


def test_not_served_is_fresh() -> None:
    assert (pages.PAGES / "not-served.md").read_text("utf-8") == pages.not_served()


def test_errors_is_fresh() -> None:
    assert (pages.PAGES / "errors.md").read_text("utf-8") == pages.errors()


def test_every_mistake_has_a_chapter() -> None:
    told = {name for names in pages.CHAPTERS.values() for name in names.split()}
    there = {str(path.parent.relative_to(pages.FIXTURES)) for path in pages.FIXTURES.glob("**/expected.txt")}
    assert told == there
