"""Whatever valid model comes, every rule ends and tells places that are there: cases with words and lines mixed."""

from __future__ import annotations

import random
import re
from datetime import date
from pathlib import Path

from unit.analysis.lint_case import FIXTURES, lay

from pbx.analysis.lint import lint
from pbx.model.load import load
from pbx.model.problems import ModelErrors

SEED = 20261124
WORDS = re.compile(
    r"(?:flow|ivr|user|ring_group|announcement)/\w+|\{hang_up: true\}|\{reject: \d+\}|\{(?:open|closed|caller)[^{}]*\}"
)


def mixed(text: str, chance: random.Random) -> str:
    """A few words and lines of one sort in the places of others; a line left out."""
    for _ in range(chance.randint(1, 4)):
        words = list(WORDS.finditer(text))
        kind = chance.randrange(4)
        lines = text.split("\n")
        if kind < 3 and words:
            one, other = chance.choice(words), chance.choice(words)
            if one.group().startswith(("{open", "{closed", "{caller")) == other.group().startswith(
                ("{open", "{closed", "{caller")
            ):
                text = text[: one.start()] + other.group() + text[one.end() :]
        else:
            del lines[chance.randrange(len(lines))]
            text = "\n".join(lines)
    return text


def test_mixed_cases(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    read = 0
    for case in sorted(FIXTURES.glob("*/*/case.yml")):
        folder = tmp_path / case.parent.parent.name / case.parent.name
        lay(folder, case.parent)
        original = case.read_text("utf-8")
        for _ in range(6):
            (folder / "case.yml").write_text(mixed(original, chance), "utf-8")
            try:
                loaded = load(folder)
            except ModelErrors:
                continue
            read += 1
            for found in lint(loaded, folder, date(2026, 11, 24)).findings:
                lines = Path(found.file).read_text("utf-8").splitlines()
                assert 1 <= found.line <= len(lines)
                assert 1 <= found.column <= len(lines[found.line - 1]) + 1
                assert found.message
    assert read >= 60
