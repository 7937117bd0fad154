"""Rubbish in, a list of problems out: no traceback, whatever is done to the files of the examples."""

import json
import random
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.yaml_events import YamlError, parse

EXAMPLES = Path(__file__).parents[3] / "examples"
SEED = 20261124
WORDS = [
    "true", "~", "-1", "99999999999999999999", "[]", "{}", "[[]]", "{a: {b: c}}", '""', '"+7"', "user/", "/x", "*x",
    "&x", "!x", "<<", "flow/main", "{from: crm.owner}", "{reject: 603}", "\t", "'", '"', "- ", "?", "|", "\x00",
    "0s", "99999999d", "2026-02-30", '"24:00-24:00"', "system-x", "trunk/mtt", "x" * 300, "+74951000100..+74951000100",
]  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    """One to three changes of words, lines and characters."""
    for _ in range(chance.randint(1, 3)):
        kind = chance.randrange(6)
        at = chance.randrange(len(text) + 1)
        if kind == 0:
            text = text[:at] + chance.choice(WORDS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 30) :]
        elif kind == 2:
            word = chance.choice([*re.finditer(r"[\w+/.\"-]+", text)] or [re.search("", text)])
            text = text[: word.start()] + chance.choice(WORDS) + text[word.end() :]
        elif kind == 3:
            lines = text.split("\n")
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            text = "\n".join(lines)
        elif kind == 4:
            lines = text.split("\n")
            del lines[chance.randrange(len(lines)) :]
            text = "\n".join(lines)
        else:
            one, other = (
                chance.choice(list(re.finditer(r"\{[^{}]*\}|\[[^\[\]]*\]", text)) or [None]) for _ in range(2)
            )
            if one and other:
                text = text[: one.start()] + other.group() + text[one.end() :]
    return text


@pytest.mark.parametrize("round_", range(20))
def test_mutated_examples(round_: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + round_)
    originals = {path.relative_to(EXAMPLES): path.read_text("utf-8") for path in EXAMPLES.glob("*/*.yml")}
    for folder in ("romashka", "site"):
        (tmp_path / folder).mkdir()
    shutil.copytree(EXAMPLES / "romashka" / "prompts", tmp_path / "romashka" / "prompts")
    for _ in range(25):
        changed = chance.choice(sorted(originals))
        for name, text in originals.items():
            said = mutated(text, chance) if name == changed else text
            (tmp_path / name).write_bytes(said.encode("utf-8", "surrogatepass"))
        try:
            load(tmp_path)
        except ModelErrors as errors:
            assert errors.problems
            for problem in errors.problems:
                assert "\n" not in problem.file
                assert problem.message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    try:
        parse(data)
    except YamlError as error:
        assert error.line >= 1
        assert error.column >= 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KINDS = [
    "tenant",
    "emergency",
    "users",
    "locations",
    "numbers",
    "flows",
    "prompts",
    "ivrs",
    "schedules",
    "tests",
    "trunks",
    "templates",
]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(st.sampled_from([*KINDS, "version", "plans", "x"]), VALUES, max_size=5))
def test_any_values_under_known_kinds(tmp_path_factory: pytest.TempPathFactory, top: dict[str, object]) -> None:
    folder = tmp_path_factory.mktemp("any") / "acme"
    folder.mkdir()
    (folder / "acme.yml").write_text(json.dumps(top), "utf-8")
    with pytest.raises(ModelErrors):
        load(folder)
