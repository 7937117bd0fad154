"""What a host knew is overwritten and gone; what a link names stays; the second run changes nothing."""

import os
from pathlib import Path

import pytest
from unit.apply.module_run import lines, run


def test_files_folders_and_links(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "secrets"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/key").write_text("a secret")
    kept = tmp_path / "kept"
    kept.mkdir()
    (folder / "link").symlink_to(kept)
    single = tmp_path / "single.json"
    single.write_text("another")
    other_name = tmp_path / "other-name"
    os.link(single, other_name)
    wanted = [str(folder), str(single), str(tmp_path / "never")]
    planned = run("pbx_shredded", capsys, check=True, paths=wanted)
    assert lines(planned) == [f"delete path {folder}", f"delete path {single}"] and folder.exists()
    done = run("pbx_shredded", capsys, paths=wanted)
    assert lines(done) == lines(planned)
    assert not folder.exists() and not single.exists() and kept.exists()
    assert other_name.read_bytes() == bytes(7)
    assert run("pbx_shredded", capsys, paths=wanted)["changed"] is False
