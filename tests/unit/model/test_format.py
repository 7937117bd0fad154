"""`pbx fmt`: the meaning stays, every comment stays with what it speaks of, and a second time changes nothing."""

import importlib.util
import random
import shutil
from pathlib import Path

import pytest

from pbx.model.format import formatted
from pbx.model.load import load
from pbx.model.schemas import kinds_of
from pbx.model.yaml_events import YamlError, parse

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FORMAT = ROOT / "tests" / "fixtures" / "format"
REAL = sorted(
    file
    for folder in ("examples", "tests/fixtures", "src/pbx/cli/new_repository/pbx")
    for file in (ROOT / folder).glob("**/*.yml")
    if not file.is_symlink()
)
_spec = importlib.util.spec_from_file_location("layouts", HERE / "layouts.py")
assert _spec is not None
assert _spec.loader is not None
layouts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(layouts)

pytestmark = pytest.mark.row("C01")


def role_of(file: Path) -> str:
    return "site" if file.parent.name == "site" else "tenant"


def order_of_ids(value: object) -> object:
    """What the author orders: ids of a kind, items of a list."""
    if not isinstance(value, dict):
        return value
    with_ids = [
        kind.plural for role in ("tenant", "site") for kind in kinds_of(role).values() if kind.shape == "mapping"
    ]
    return {kind: list(ids) if isinstance(ids, dict) else ids for kind, ids in value.items() if kind in with_ids}


@pytest.mark.parametrize("name", sorted(path.name for path in FORMAT.iterdir()))
def test_cases(name: str) -> None:
    before, after = ((FORMAT / name / file).read_bytes() for file in ("before.yml", "after.yml"))
    assert formatted(before) == after.decode("utf-8")
    assert formatted(after) == after.decode("utf-8")
    assert parse(before).value == parse(after).value


@pytest.mark.parametrize("file", REAL, ids=[str(file.relative_to(ROOT)) for file in REAL])
def test_every_file_of_this_repository(file: Path) -> None:
    """Also the wrong ones: as long as they are YAML their mistakes stay what they are."""
    data = file.read_bytes()
    try:
        value = parse(data).value
    except YamlError:
        with pytest.raises(YamlError):
            formatted(data, role_of(file))
        return
    out = formatted(data, role_of(file))
    assert parse(out.encode()).value == value
    assert order_of_ids(parse(out.encode()).value) == order_of_ids(value)
    assert formatted(out.encode(), role_of(file)) == out
    assert sorted(words_after_hashes(out)) == sorted(words_after_hashes(data.decode("utf-8-sig")))


def words_after_hashes(text: str) -> list[str]:
    """All that may be a comment, by a rough look: the last # of a line and what follows."""
    return [line[line.rindex("#") :].strip(" ]},") for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize("model", ["examples", "tests/fixtures/reference"])
def test_the_model_and_its_revisions_stay(model: str, tmp_path: Path) -> None:
    before = load(ROOT / model, whole=True)
    shutil.copytree(ROOT / model, tmp_path, dirs_exist_ok=True)
    for file in tmp_path.glob("*/*.yml"):
        file.write_text(formatted(file.read_bytes(), role_of(file)), "utf-8")
    after = load(tmp_path, whole=True)
    assert after.model == before.model
    assert after.revisions == before.revisions
    assert after.site_revision == before.site_revision
    assert [test.name for test in after.tests["romashka"]] == [test.name for test in before.tests["romashka"]]


@pytest.mark.parametrize("file", [f for f in REAL if "examples" in f.parts], ids=lambda file: file.name)
def test_the_examples_are_formatted(file: Path) -> None:
    assert formatted(file.read_bytes(), role_of(file)) == file.read_text("utf-8")


VALUES = [parse(file.read_bytes()).value for file in REAL if {"examples", "reference"} & set(file.parts)]


@pytest.mark.parametrize("round_", range(20))
def test_however_it_is_written(round_: int) -> None:
    """500 files of parts of the examples and of the reference, written by chance, with comments everywhere."""
    for seed in range(round_ * 25, round_ * 25 + 25):
        chance = random.Random(seed)
        whole = chance.choice(VALUES)
        value = {kind: whole[kind] for kind in chance.sample(list(whole), min(len(whole), 4))}
        file = layouts.written(value, chance)
        before = parse(file.text.encode()).value
        assert before == value
        out = formatted(file.text.encode())
        again = parse(out.encode())
        assert again.value == value
        assert order_of_ids(again.value) == order_of_ids(before)
        assert formatted(out.encode()) == out
        comments_stand(file, out)


def comments_stand(file: "layouts.Written", out: str) -> None:
    """Each once: above its key, or on a line of it, not above that."""
    lines = out.split("\n")
    document = parse(out.encode())
    line_of = {path: document.place(inside, path[-1])[0] for path, inside in layouts.paths(document.value)}
    for comment in [*file.before, *file.behind, *file.others]:
        assert [comment in line for line in lines].count(True) == 1
    for comment, path in file.before.items():
        number = next(number for number, line in enumerate(lines, 1) if comment in line) + 1
        while not lines[number - 1].strip() or lines[number - 1].lstrip().startswith("#"):
            number += 1
        assert line_of[path] == number
    for comment, path in file.behind.items():
        number = next(number for number, line in enumerate(lines, 1) if comment in line)
        assert not lines[number - 1].lstrip().startswith("#")
        assert line_of[path] <= number


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"a: [1", 2, "not YAML"),
        (b"a: &x 1", 1, "anchor"),
        (b"%YAML 1.2\n---\na: 1\n", 1, "may not begin with %"),
        ("a: 1\nb: 'x\u2028y'\n".encode(), 2, "U+2028"),
        (b"\xff", 1, "UTF-8"),
    ],
)
def test_what_is_left_alone(data: bytes, line: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        formatted(data)
    assert caught.value.line == line
    assert words in caught.value.message
