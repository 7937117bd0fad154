"""docs/reference/sip.md says what the stack serves: its tests exist, its methods and options are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from pbx.sip.admission import SUPPORTED
from pbx.sip.stack import ALLOW

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "sip.md"


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    written = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert named and named - written == set()


def test_methods_and_options_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^Methods: (.*)\. Options: (.*)\.$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert line[0] == ALLOW
    assert set(re.findall(r"`(\w+)`", line[1])) == SUPPORTED
