"""One folder a mistake, named after it; `expected.txt` beside it is what `pbx validate` says, word for word."""

from pathlib import Path

import pytest

from pbx.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures" / "model"
FOLDERS = sorted(str(path.parent.relative_to(FIXTURES)) for path in FIXTURES.glob("**/expected.txt"))


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


def test_there_are_many() -> None:
    assert len(FOLDERS) >= 80


def test_every_mistake_has_its_place() -> None:
    """Errors of a value name file, line and column; only those of a whole file or folder do not."""
    without = {
        folder
        for folder in FOLDERS
        for line in (FIXTURES / folder / "expected.txt").read_text("utf-8").splitlines()
        if ": valid: " not in line and not any(part.isdigit() for part in line.split(":")[1:3])
    }
    of_a_file = {"yaml_by_its_long_name"}
    of_a_folder = {"no_tenant", "no_version"}
    of_a_root = {"roots/folder_without_yaml", "roots/no_tenants", "roots/yaml_beside_folders"}
    assert without == of_a_file | of_a_folder | of_a_root
