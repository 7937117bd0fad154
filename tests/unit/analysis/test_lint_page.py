"""docs/reference/lint.md is as the rules are."""

from unit.analysis.lint_page import PAGE, page


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page()
