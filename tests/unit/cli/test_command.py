"""The `pbx` command as a process: exit codes, where words go, and what it does not import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbx.cli import main

ROOT = Path(__file__).parents[3]
TENANT = """\
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
"""


def pbx(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pbx.cli.main import main; main()", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_valid_model() -> None:
    done = pbx("validate", "examples")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("examples: valid: 1 tenant, 4 users, ")


def test_mistakes_go_to_stdout_and_their_count_to_stderr() -> None:
    done = pbx("validate", "tests/fixtures/wrong/several_mistakes_in_one")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "tests/fixtures/wrong/several_mistakes_in_one: 3 errors\n"


@pytest.mark.parametrize("words", [[], ["validate"], ["validated", "examples"], ["validate", "--fast", "examples"]])
def test_a_wrong_use_of_the_command_line_is_1(words: list[str]) -> None:
    done = pbx(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "usage: pbx" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_verb() -> None:
    done = pbx("--help")
    assert done.returncode == 0
    for verb in main.verbs():
        assert f"\n    {verb}" in done.stdout


def test_every_verb_describes_itself() -> None:
    for verb in main.verbs():
        done = pbx(verb, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"usage: pbx {verb}")


def test_a_schema_is_json() -> None:
    done = pbx("schema", "user")
    assert done.returncode == 0
    assert json.loads(done.stdout)["properties"]["extension"]


def test_schemas_by_name() -> None:
    lines = pbx("schema").stdout.splitlines()
    assert "tenant" in {line.split("\t")[0] for line in lines}
    assert all(Path(line.split("\t")[1]).is_file() for line in lines)
    assert pbx("schema", "usr").stderr == 'there is no schema usr; did you mean "user"?\n'


def test_validate_imports_nothing_heavy(tmp_path: Path) -> None:
    """The bar of `pbx validate` counts the whole process."""
    (tmp_path / "acme.yml").write_text(TENANT, "utf-8")
    code = (
        "import sys; from pbx.cli import main\n"
        f"assert main.run(['validate', {str(tmp_path)!r}]) == 0\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'ansible', 'typer', 'rich', 'numpy', 'soxr', 'jsonschema', 'cryptography', 'asyncio', 'pydantic'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
