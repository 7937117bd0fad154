"""One folder a mistake, named after it; `expected.txt` beside it is what `pbx validate` says, word for word.

All but the mistake is `base/tenant.yml`, to which `tenant.yml` of a folder is a link, and the site beside them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from pbx.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures" / "wrong"
FOLDERS = sorted(str(path.parent.relative_to(FIXTURES)) for path in FIXTURES.glob("**/expected.txt"))
LINES = [
    (folder, line)
    for folder in FOLDERS
    for line in (FIXTURES / folder / "expected.txt").read_text("utf-8").splitlines()
    if ": valid: " not in line
]


@pytest.mark.row("R22")
@pytest.mark.row("R23")
@pytest.mark.parametrize("folder", FOLDERS)
def test_mistake_is_told(folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(FIXTURES)
    code = main.run(["validate", folder])
    said = capsys.readouterr().out
    assert said == (FIXTURES / folder / "expected.txt").read_text("utf-8")
    refused = any(": warning: " not in line and ": valid: " not in line for line in said.splitlines())
    assert code == (1 if refused else 0)


def test_all_of_them_by_one_process_as_ci_runs_it() -> None:
    """Standard output of a process of its own; what argparse, encodings and buffers add would be seen here."""
    code = f"from pbx.cli import main\nfor folder in {FOLDERS!r}: main.run(['validate', folder])"
    environment = {"PYTHONPATH": str(Path(main.__file__).parents[2]), "LC_ALL": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-c", code], cwd=FIXTURES, env=environment, capture_output=True, check=True)
    expected = b"".join((FIXTURES / folder / "expected.txt").read_bytes() for folder in FOLDERS)
    assert done.stdout == expected
    assert b"Traceback" not in done.stderr


def test_there_are_many_and_the_base_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(FOLDERS) >= 120
    assert main.run(["validate", str(FIXTURES / "base")]) == 0
    assert capsys.readouterr().out.endswith(": valid: 1 tenant, 0 users, 0 numbers\n")


def test_every_mistake_has_its_place() -> None:
    """Errors of a value name file, line and column; only those of a whole file or folder do not."""
    without = {folder for folder, line in LINES if not any(part.isdigit() for part in line.split(":")[1:3])}
    of_a_file = {"yaml_by_its_long_name"}
    of_a_folder = {"no_tenant", "no_version"}
    of_a_root = {"roots/folder_without_yaml", "roots/no_tenants", "roots/yaml_beside_folders"}
    assert without == of_a_file | of_a_folder | of_a_root


def test_every_message_says_what_to_do() -> None:
    """What is wrong; what would be right."""
    assert [line for _, line in LINES if "; " not in line] == []


def test_a_secret_is_not_repeated() -> None:
    """What validate says stands in the logs of CI."""
    for folder in ("secret_in_clear", "secret_in_the_place_of_its_name", "password_of_a_telephone_in_clear"):
        said = (FIXTURES / folder / "expected.txt").read_text("utf-8")
        assert "hunter2" not in said
        assert "horse" not in said
