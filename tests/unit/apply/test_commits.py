"""The model root's Git: what may follow what, and the files of an earlier commit."""

import subprocess
from pathlib import Path

import pytest

from pbx.desired import commits

pytestmark = pytest.mark.row("C07")


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=t@example.com", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _commit(root: Path, text: str) -> str:
    (root / "model").mkdir(exist_ok=True)
    (root / "model/one.yml").write_text(text)
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", text)
    return _git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "main")
    return folder


def test_who_may_follow_whom(root: Path) -> None:
    first, second = _commit(root, "1"), _commit(root, "2")
    _git(root, "checkout", "-q", "-b", "side", first)
    side = _commit(root, "3")
    model = str(root / "model")
    assert commits.successor(model, {"commit": first}, {"commit": second}) == ("", "")
    assert commits.successor(model, {}, {"commit": second}) == ("", "")
    problem, _remark = commits.successor(model, {"commit": second, "by": "olga"}, {"commit": side})
    assert problem == f"commit {second[:12]} is live, applied by olga, and {side[:12]} does not descend from it"
    problem, _remark = commits.successor(model, {"commit": "0" * 40}, {"commit": side})
    assert "does not have it (fetch it; a shallow clone is too short)" in problem


def test_a_root_without_git_is_used_with_a_remark(tmp_path: Path) -> None:
    found = commits.about(str(tmp_path))
    assert set(found) == {"by"}
    problem, remark = commits.successor(str(tmp_path), {"commit": "1" * 40}, found)
    assert problem == "" and "is not under Git" in remark
    with pytest.raises(commits.CommitError, match="is not under Git"):
        commits.resolve(str(tmp_path), "HEAD")


def test_uncommitted_changes_are_noted(root: Path) -> None:
    _commit(root, "1")
    assert commits.about(str(root / "model"))["dirty"] is False
    (root / "model/two.yml").write_text("")
    assert commits.about(str(root / "model"))["dirty"] is True


def test_an_earlier_commit_is_read_and_nothing_of_the_tree_is_touched(root: Path, tmp_path: Path) -> None:
    (root / ".gitattributes").write_text("model/one.yml export-ignore\n")  # git archive would leave it out
    first = _commit(root, "as it was")
    _commit(root, "as it is")
    (root / "model/mine.txt").write_text("not committed")
    before = _git(root, "status", "--porcelain")
    folder = tmp_path / "private/model"
    folder.mkdir(parents=True)
    found = commits.resolve(str(root / "model"), first[:8])
    assert found["commit"] == first and found["author"] == "Test"
    commits.extract(str(root / "model"), first, folder)
    assert [path.name for path in folder.iterdir()] == ["one.yml"]
    assert (folder / "one.yml").read_text() == "as it was"
    assert _git(root, "status", "--porcelain") == before


@pytest.mark.parametrize("name", ["nonsense", "--help", "HEAD~7", "model/one.yml"])
def test_what_is_no_commit(root: Path, name: str) -> None:
    _commit(root, "1")
    with pytest.raises(commits.CommitError, match="no such commit"):
        commits.resolve(str(root / "model"), name)


def test_a_commit_without_the_model(root: Path, tmp_path: Path) -> None:
    (root / "README").write_text("")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "before there was a model")
    empty = _git(root, "rev-parse", "HEAD")
    _commit(root, "1")
    folder = tmp_path / "private/model"
    folder.mkdir(parents=True)
    with pytest.raises(commits.CommitError, match="has no folder model"):
        commits.extract(str(root / "model"), empty, folder)
