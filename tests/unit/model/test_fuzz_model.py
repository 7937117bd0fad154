"""Rubbish in, a list of problems out: no traceback, whatever stands in the files, in bounded time and memory.

`PBX_FUZZ=10000` in the environment asks for so many mutations in place of the few that each run of the tests has.
"""

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx.cli import main
from pbx.model.format import formatted
from pbx.model.load import Loaded, load
from pbx.model.problems import LONGEST, ModelErrors
from pbx.model.yaml_events import YamlError, parse

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SEED = 20261124
MUTATIONS = int(os.environ.get("PBX_FUZZ", "280"))
ROUNDS = 20
_spec = importlib.util.spec_from_file_location("mutations", HERE / "mutations.py")
assert _spec is not None
assert _spec.loader is not None
mutations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mutations)

pytestmark = pytest.mark.row("R22")


def loaded(path: Path, whole: bool) -> Loaded | None:
    """The model, or None when it is refused in the way that people are told."""
    try:
        return load(path, whole=whole)
    except ModelErrors as errors:
        assert errors.problems
        for problem in errors.problems:
            assert problem.message
            assert str(problem).isprintable()
            assert len(str(problem)) < 3 * LONGEST
        return None


@pytest.fixture(params=["examples", "tests/fixtures/reference"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(ROOT / request.param, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_mutated_files(round_: int, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No step of the loader falls, and what it takes no verb falls over that needs no server."""
    chance = random.Random(f"{SEED} {round_} {model.parent.parent.name}")
    originals = {file: file.read_bytes() for file in sorted(model.glob("*/*.yml"))}
    values = {file: parse(data).value for file, data in originals.items()}
    for count in range(max(1, MUTATIONS // (2 * ROUNDS))):
        file = chance.choice(list(originals))
        data = mutations.mutated(originals[file], values[file], chance)
        file.write_bytes(data)
        loaded(model, whole=False)
        if (valid := loaded(model, whole=True)) and count % 5 == 0:
            every_verb(valid, model, chance)
            capsys.readouterr()
        in_one_way(data)
        file.write_bytes(originals[file])


def every_verb(valid: Loaded, model: Path, chance: random.Random) -> None:
    """Exit codes are 0 or 1, and nothing is raised."""
    numbers = [number for tenant in valid.tenant_plain.values() for number in tenant.get("numbers", {})] or ["+7"]
    number = chance.choice(numbers)
    at = chance.choice(["2026-11-09T12:00+03:00", "2026-01-01T00:00+03:00", "2028-02-29T23:59+03:00"])
    asked = ["explain", str(model), "--from", "+79161234567", "--to", number, "--at", at]
    drawn = ["graph", str(model), "--number", number]
    for words in chance.sample([["lint", str(model)], ["test", str(model)], asked, drawn, ["fmt", str(model)]], 3):
        assert main.run(words) in (0, 1)


def in_one_way(data: bytes) -> None:
    """`pbx fmt` leaves it, or says the same in text that it then leaves."""
    try:
        out = formatted(data)
    except YamlError:
        return
    assert formatted(out.encode()) == out


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.binary(max_size=400) | st.text("a:-[]{}#,'\"\n \\|>?&*!%@`~1", max_size=60).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    try:
        parse(data)
    except YamlError as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        in_one_way(data)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(mutations.WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KINDS = [
    "tenant", "emergency", "users", "locations", "numbers", "flows", "prompts", "ivrs", "schedules", "tests", "trunks",
    "queues", "lookups", "overrides", "recordings", "voicemails", "conferences", "templates",
]  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(st.sampled_from([*KINDS, "version", "plans", "x"]), TREES, max_size=5))
def test_any_values_under_known_kinds(tmp_path_factory: pytest.TempPathFactory, top: dict[str, object]) -> None:
    folder = tmp_path_factory.mktemp("any") / "acme"
    folder.mkdir()
    (folder / "acme.yml").write_text(json.dumps(top), "utf-8")
    assert loaded(folder, whole=True) is None


HEAD = """\
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
"""
NEVER = '{rrule: "DTSTART:20260101T000000\\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", hours: ["09:00-10:00"]}'
RANGE = '"+7{0}0000000..+7{0}0009999": {{to: {{hang_up: true}}}}'


def lines(form: str, count: int) -> str:
    return "".join(f"  {form.format(1000 + number)}\n" for number in range(count))


BOMBS: dict[str, Callable[[], bytes]] = {
    "brackets in brackets": lambda: b"a: " + b"[" * 1_000_000,
    "dashes in dashes": lambda: b"- " * 9_000_000,
    "six million lists": lambda: b"lists: [" + b"[]," * 6_000_000 + b"1]",
    "100,000 lists": lambda: b"lists: [" + b"[]," * 100_000 + b"1]",
    "aliases of aliases": lambda: b"a: &a [x,x,x]\n" + b"".join(b"b: &b [*a,*a,*a]\n" for _ in range(1000)),
    "a text of 19 MB": lambda: HEAD.encode() + b"users: {a: {extension: '" + b"1" * 19_000_000 + b"'}}",
    "a key of 19 MB": lambda: HEAD.encode() + b"users: {? '" + b"x" * 19_000_000 + b"' : {name: a}}",
    "a tag of 9 MB": lambda: b"a: !" + b"x" * 9_000_000 + b" b",
    "100 MB": lambda: b"# x\n" * 25_000_000,
    "random bytes": lambda: random.Random(SEED).randbytes(1_000_000),
    "only NUL": lambda: b"\0" * 19_000_000,
    "UTF-16": lambda: HEAD.encode("utf-16"),
    "100,000 unknown kinds": lambda: (HEAD + "".join(f"kind{n}: 1\n" for n in range(100_000))).encode(),
    "10,000 wrong users": lambda: (HEAD + "users:\n" + lines("u{}: {{nmae: x}}", 10_000)).encode(),
    "two million numbers": lambda: (HEAD + "numbers:\n" + lines(RANGE, 200)).encode(),
    "rules without a day": lambda: (HEAD + f"schedules: {{a: {{open: [{', '.join([NEVER] * 10)}]}}}}").encode(),
}  # fmt: skip
ASK = """
import resource, sys, time
from pbx.cli import main
code = main.run(["validate", sys.argv[1]])
usage = resource.getrusage(resource.RUSAGE_SELF)
# its own peak: ru_maxrss begins with that of the process that started this one
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(code, usage.ru_utime + usage.ru_stime, peak // 1024, file=sys.stderr)
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path) -> None:
    """A process of its own, so that its CPU time and memory are known: seconds and MiB, not minutes and GiB."""
    (tmp_path / "acme.yml").write_bytes(BOMBS[name]())
    words = [sys.executable, "-c", ASK, str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    code, seconds, memory = done.stderr.splitlines()[-1].split()
    assert "Traceback" not in done.stderr
    assert code == "1"
    assert done.stdout.startswith(f"{tmp_path}")
    assert max(map(len, done.stdout.splitlines())) < 3 * LONGEST
    assert float(seconds) < 10
    assert int(memory) < 500


def test_what_is_no_file_of_text(tmp_path: Path) -> None:
    """A pipe that nobody writes, a device without end, a folder, a link to itself."""
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "zero.yml").symlink_to("/dev/zero")
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "round.yml").symlink_to("round.yml")
    begun = time.monotonic()
    with pytest.raises(ModelErrors) as caught:
        load(tmp_path)
    assert time.monotonic() - begun < 5
    said = {Path(problem.file).name: problem.message for problem in caught.value.problems}
    no_text = "this is no file with text; take it out of the folder, or give it another name"
    assert said["pipe.yml"] == said["zero.yml"] == said["folder.yml"] == no_text
    assert said["round.yml"].startswith("cannot be read: ")
