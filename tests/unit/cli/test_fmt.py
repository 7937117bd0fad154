"""`pbx fmt` on files: what it writes, what it leaves, and its exit codes."""

import os
from pathlib import Path

import pytest

from pbx.cli import main

UGLY = 'users:\n    a: {extension: "1", name: "Ann"} # boss\nversion: pbx/v1\n'
NEAT = 'version: pbx/v1\nusers:\n  a: {name: Ann, extension: "1"}  # boss\n'
WRONG = "users: [\n"

pytestmark = pytest.mark.row("C01")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("acme/acme.yml", "site/site.yml", "acme/.hidden.yml", "acme/notes.yaml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(NEAT if name.startswith("site") else UGLY, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_writes_what_differs_and_nothing_else(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (model / "site/site.yml").stat().st_mtime_ns
    assert main.run(["fmt", "."]) == 0
    assert capsys.readouterr() == ("acme/acme.yml: formatted\n", "2 files, 1 formatted\n")
    assert (model / "acme/acme.yml").read_text("utf-8") == NEAT
    assert (model / "site/site.yml").stat().st_mtime_ns == before
    assert (model / "acme/.hidden.yml").read_text("utf-8") == UGLY
    assert (model / "acme/notes.yaml").read_text("utf-8") == UGLY
    assert sorted(os.listdir("acme")) == [".hidden.yml", "acme.yml", "notes.yaml"]
    assert main.run(["fmt", "."]) == 0
    assert capsys.readouterr() == ("", "2 files, 0 formatted\n")


def test_check_writes_nothing_and_fails_when_a_file_would_change(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["fmt", "--check", "."]) == 1
    assert capsys.readouterr() == ("acme/acme.yml: would be formatted\n", "2 files, 1 to format\n")
    assert (model / "acme/acme.yml").read_text("utf-8") == UGLY
    assert main.run(["fmt", "--check", "site"]) == 0


def test_diff_shows_and_writes_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["fmt", "--diff", "acme/acme.yml"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("--- acme/acme.yml\n+++ acme/acme.yml\n@@ ")
    assert '\n+  a: {name: Ann, extension: "1"}  # boss\n' in said
    assert (model / "acme/acme.yml").read_text("utf-8") == UGLY
    assert main.run(["fmt", "--diff", "--check", "acme"]) == 1


def test_a_file_that_is_no_yaml_is_told_and_left_and_the_others_are_formatted(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "acme/wrong.yml").write_text(WRONG, "utf-8")
    assert main.run(["fmt", "."]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "acme/acme.yml: formatted"
    assert said[1].startswith("acme/wrong.yml:2:1: this is not YAML: ")
    assert (model / "acme/wrong.yml").read_text("utf-8") == WRONG


def test_mode_and_link_stay(model: Path) -> None:
    file = model / "acme/acme.yml"
    file.chmod(0o640)
    (model / "link").mkdir()
    (model / "link/acme.yml").symlink_to(file)
    assert main.run(["fmt", "link"]) == 0
    assert (model / "link/acme.yml").is_symlink()
    assert file.read_text("utf-8") == NEAT
    assert file.stat().st_mode & 0o7777 == 0o640


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main.run(["fmt", "acme"]) == 1
    assert capsys.readouterr().out == "acme/acme.yml: No space left on device; it is left as it was\n"
    assert (model / "acme/acme.yml").read_text("utf-8") == UGLY
    assert sorted(os.listdir("acme")) == [".hidden.yml", "acme.yml", "notes.yaml"]


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_no_files_is_an_error(path: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "empty").mkdir()
    assert main.run(["fmt", path]) == 1
    assert capsys.readouterr().err == f"{path}: holds no *.yml; give a model root, a folder or a file\n"


def test_a_folder_of_the_site_has_the_order_of_the_site(model: Path) -> None:
    (model / "site/site.yml").write_text("lists: {}\ntrunks: {}\nversion: pbx/v1\n", "utf-8")
    assert main.run(["fmt", "site"]) == 0
    assert (model / "site/site.yml").read_text("utf-8") == "version: pbx/v1\ntrunks: {}\nlists: {}\n"
