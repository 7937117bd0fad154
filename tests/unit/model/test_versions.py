"""An older version of the grammar is read and rewritten, a newer one refused. The older one here is made up."""

from pathlib import Path

import pytest

from pbx.cli import main
from pbx.model import versions
from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.schemas import bundle
from pbx.model.versions import Older, Renamed, Reworded

OLD = """\
# what was called otherwise in v0
version: pbx/v0   # the first
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, tongues: [ru-RU]}
locations: {msk: {emergency: {caller_id: "+74951000112", trunks: [trunk/mtt]}}}
emergency: {numbers: ["112"]}
numbers: {"+74951000100": {to: group/office}}
users: {a: {}, b: {}}
groups:                # renamed as a whole
  office:
    # Анна first
    strategy: "all"    # it was quoted
    members: [user/a, user/b]
    on_no_answer: {hang_up: true}
  night: {use: calm, strategy: turns, members: [user/b], on_no_answer: group/office}
templates:
  groups: {calm: {strategy: turns, ring_timeout: 30s}}
  tenant: {x: {tongues: [ru-RU]}}
"""
NEW = (
    OLD.replace("pbx/v0 ", "pbx/v1 ")
    .replace("tongues", "languages")
    .replace("groups:", "ring_groups:")
    .replace('strategy: "all"', "ring: simultaneous")
    .replace("strategy: turns", "ring: sequential")
    .replace("group/office", "ring_group/office")
)
SITE = "version: pbx/v1\ntrunks: {mtt: {proxy: 'sip:mtt.example'}}\n"

pytestmark = pytest.mark.row("C01")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model root of a version before, which this pbx knows for the length of a test."""
    for folder, text in {"acme": OLD, "site": SITE}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "base.yml").write_text(text, "utf-8")
    changes = (
        Renamed("tenant.tongues", "languages"),
        Renamed("groups", "ring_groups"),
        Renamed("ring_groups.*.strategy", "ring"),
        Reworded("ring_groups.*.ring", {"all": "simultaneous", "turns": "sequential"}),
        Reworded("numbers.*.to", {"group/office": "ring_group/office"}),
        Reworded("ring_groups.*.on_no_answer", {"group/office": "ring_group/office"}),
    )
    monkeypatch.setitem(versions.OLDER, "pbx/v0", Older("pbx/v1", changes))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_schemas_are_of_the_present_version() -> None:
    for file in ("tenant", "site"):
        assert bundle()[f"{file}.schema.json"]["properties"]["version"]["enum"] == [versions.CURRENT]


def test_no_older_version_is_made_up() -> None:
    assert versions.OLDER == {}


def test_an_older_version_is_the_same_model(root: Path) -> None:
    old = load(root)
    (root / "acme/base.yml").write_text(NEW, "utf-8")
    new = load(root)
    assert old.model == new.model
    assert old.revisions == new.revisions
    assert not new.warnings


def test_it_is_told_what_to_write(root: Path) -> None:
    assert [str(warning) for warning in load(".").warnings] == [
        "acme/base.yml:2:1: warning: version: pbx/v0 is read as pbx/v1; let pbx migrate acme rewrite the files",
        "acme/base.yml:3:92: warning: tongues is called languages since pbx/v1; write languages"
        " (also at 1 other place)",
        "acme/base.yml:6:28: warning: group/office is called ring_group/office since pbx/v1; "
        "write to: ring_group/office",
        "acme/base.yml:8:1: warning: groups is called ring_groups since pbx/v1; write ring_groups"
        " (also at 1 other place)",
        "acme/base.yml:11:5: warning: all is called simultaneous since pbx/v1; write ring: simultaneous",
        "acme/base.yml:11:5: warning: strategy is called ring since pbx/v1; write ring (also at 2 other places)",
        "acme/base.yml:14:22: warning: turns is called sequential since pbx/v1; write ring: sequential"
        " (also at 1 other place)",
        "acme/base.yml:14:58: warning: group/office is called ring_group/office since pbx/v1; "
        "write on_no_answer: ring_group/office",
    ]


def test_mistakes_have_their_places_in_the_older_text(root: Path) -> None:
    (root / "acme/base.yml").write_text(OLD.replace("strategy: turns, members", "strategy: turn, members"), "utf-8")
    with pytest.raises(ModelErrors) as caught:
        load(".")
    (error,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert str(error).startswith('acme/base.yml:14:22: ring_groups.night.ring: "turn" is not one of sequential')


def test_files_are_rewritten_and_the_rest_of_them_stays(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["migrate", ".", "--check"]) == 1
    assert (root / "acme/base.yml").read_text("utf-8") == OLD
    assert main.run(["migrate", "."]) == 0
    assert (root / "acme/base.yml").read_text("utf-8") == NEW
    assert (root / "site/base.yml").read_text("utf-8") == SITE
    capsys.readouterr()
    assert main.run(["migrate", ".", "--check"]) == 0
    assert capsys.readouterr().out == ".: pbx/v1, nothing to do\n"


def test_files_without_a_version_and_with_windows_line_ends(root: Path) -> None:
    data = b"\xef\xbb\xbfgroups: {\r\n"
    data += b"  more: {strategy: turns, members: [user/a], on_no_answer: {hang_up: true}} } # x\r\n"
    (root / "acme/more.yml").write_bytes(data)
    assert main.run(["migrate", "acme"]) == 0
    written = data.replace(b"groups", b"ring_groups").replace(b"strategy: turns", b"ring: sequential")
    assert (root / "acme/more.yml").read_bytes() == written
    load(root)


def test_both_names_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "acme/base.yml").write_text(OLD.replace("strategy: turns, members", "strategy: turns, ring: all, members"))
    said = "acme/base.yml:14:22: strategy is called ring since pbx/v1, and both stand here; take one out"
    with pytest.raises(ModelErrors) as caught:
        load(".")
    assert said in [str(problem) for problem in caught.value.problems]
    before = (root / "acme/base.yml").read_bytes()
    assert main.run(["migrate", "."]) == 1
    assert capsys.readouterr().out == said + "\n"
    assert (root / "acme/base.yml").read_bytes() == before


def test_a_newer_version_is_all_that_is_told(root: Path) -> None:
    (root / "acme/base.yml").write_text("version: pbx/v2\nholograms: {}\n", "utf-8")
    with pytest.raises(ModelErrors) as caught:
        load(".")
    assert [str(problem) for problem in caught.value.problems] == [
        "acme/base.yml:1:1: version: pbx/v2 is newer than this pbx, which reads pbx/v1; install a newer pbx"
    ]
    assert main.run(["migrate", "."]) == 1


@pytest.mark.parametrize("written", ["pbx/1", "1", "[]", "pbx/v", "{a: b}"])
def test_no_version_at_all(root: Path, written: str) -> None:
    (root / "acme/base.yml").write_text(OLD.replace("pbx/v0   ", f"{written}   "), "utf-8")
    with pytest.raises(ModelErrors) as caught:
        load(".")
    assert "is not known; this pbx reads pbx/v1" in caught.value.problems[0].message
    assert main.run(["migrate", "."]) == 1
