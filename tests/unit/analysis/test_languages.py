"""Every reason and every event of a story has a text in each language, with the same arguments."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from pbx.cli._telling import LANGUAGES, spoken
from pbx.routing.reason import ENGLISH, Reason

SOURCE = Path(__file__).parents[3] / "src" / "pbx"


def arguments(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.row("C06")
@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_every_text_with_the_same_arguments(name: str) -> None:
    language = LANGUAGES[name]
    assert {code: arguments(text) for code, text in language.reasons.items()} == {
        code: arguments(text) for code, text in ENGLISH.items()
    }
    english = LANGUAGES["en"]
    assert language.events.keys() == english.events.keys()
    assert language.ends.keys() == english.ends.keys()
    assert {key: arguments(text) for key, text in language.replay.items()} == {
        key: arguments(text) for key, text in english.replay.items()
    }
    for part in ("heading", "path", "answer"):
        assert arguments(getattr(language, part)) >= arguments(getattr(english, part)), part


def reasons_made() -> Iterator[tuple[str, str, set[str]]]:
    """Place, code and names of arguments of every `Reason("code", …)` in the source."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason"):
                continue
            if node.args and isinstance(node.args[0], ast.Constant):
                place = f"{file.relative_to(SOURCE)}:{node.lineno}"
                yield place, node.args[0].value, {word.arg for word in node.keywords if word.arg}


def test_every_reason_that_is_made_has_a_text_for_its_arguments() -> None:
    wrong = [
        f"{place}: Reason({code!r}) with {sorted(given)}, its text wants {sorted(arguments(ENGLISH.get(code, '')))}"
        for place, code, given in reasons_made()
        if code not in ENGLISH or arguments(ENGLISH[code]) != given
    ]
    assert wrong == []
    assert len(list(reasons_made())) > 40


def test_a_reason_is_the_english_text_of_the_record() -> None:
    hidden = Reason("caller_not_meant", caller=Reason("caller_hidden"))
    assert str(Reason("step_not_taken", flow="main", step=2, why=hidden)) == (
        "flow/main step 2 not taken: caller hidden is not meant"
    )


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "ru_RU"}, "ru"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert spoken(environment) == language
