"""What a server keeps of its applies: documents, what was noted about them, and the configuration, put back whole."""

import json
import os
from pathlib import Path

import pytest
from ansible_collections.pbx.core.plugins.module_utils import history, snapshot

pytestmark = pytest.mark.row("C07")


def _staged(tmp_path: Path, text: str) -> str:
    folder = tmp_path / "staged"
    folder.mkdir(exist_ok=True)
    (folder / "calls.json").write_text(text)
    (folder / "server.key").write_text("not kept here: it is part of the configuration")
    return str(folder)


def _about(site: str, tenant: str) -> dict[str, object]:
    return {"by": "ops", "revisions": {"site": site, "tenants": {"acme": tenant}}}


def test_ten_are_kept_and_found_by_digest_site_or_tenant(tmp_path: Path) -> None:
    store = str(tmp_path / "history")
    for number in range(12):
        history.keep(store, _staged(tmp_path, f"{number}"), _about(f"aaaaaa{number:06d}", f"bbbbbb{number:06d}"))
    kept = history.kept(store)
    assert len(kept) == history.KEEP and kept == sorted(kept)
    assert os.listdir(kept[-1]).count("server.key") == 0
    assert history.find(store, "aaaaaa000011") == kept[-1]
    assert history.find(store, "bbbbbb000005") == kept[3]
    assert history.find(store, kept[4].rpartition("-")[2][:6]) == kept[4]
    assert history.find(store, "aaaaaa") == kept[-1]  # the newest that fits
    assert history.find(store, "aaaaaa000001") is None  # no longer kept
    assert history.last_good(store)["revisions"]["site"] == "aaaaaa000011"


def test_a_revision_that_changed_nothing_here_is_found_here(tmp_path: Path) -> None:
    store, staged = str(tmp_path / "history"), _staged(tmp_path, "same")
    first = history.keep(store, staged, _about("aaaaaa000001", "bbbbbb000001"))
    assert history.keep(store, staged, _about("aaaaaa000001", "bbbbbb000002")) == first
    assert history.find(store, "bbbbbb000001") == history.find(store, "bbbbbb000002") == first
    assert history.last_good(store)["revisions"]["tenants"] == {"acme": "bbbbbb000002"}


def test_an_apply_is_unfinished_until_something_ended_it(tmp_path: Path) -> None:
    store = str(tmp_path)
    assert history.unfinished(store) is None
    history.note(store, "begin", {"run": "a"})
    with open(tmp_path / "journal.jsonl", "a") as stream:
        stream.write('{"event": "ver')  # the disk was full
    found = history.unfinished(store)
    assert found is not None and found["run"] == "a"
    history.note(store, "restored", {"run": "a"})
    assert history.unfinished(store) is None


def test_configuration_comes_back_with_mode_and_content(tmp_path: Path) -> None:
    store, place = str(tmp_path / "history"), tmp_path / "etc"
    place.mkdir()
    (place / "one.cfg").write_text("before")
    (place / "two.key").write_text("secret")
    (place / "two.key").chmod(0o640)
    kept = history.keep(store, _staged(tmp_path, "1"), _about("a", "b"))
    snapshot.keep_configuration(store, kept, [f"{place}/*"], ["no-such-unit.service"])
    assert snapshot.plan(kept) == []
    (place / "one.cfg").write_text("after")
    (place / "two.key").unlink()
    changes = snapshot.plan(kept)
    assert [(Path(one["path"]).name, fields) for one, fields in changes] == [
        ("one.cfg", ["content"]),
        ("two.key", ["absent"]),
    ]
    snapshot.put_back(kept, [one for one, _fields in changes])
    assert (place / "one.cfg").read_text() == "before"
    assert (place / "two.key").stat().st_mode & 0o777 == 0o640
    assert snapshot.plan(kept) == []


def test_contents_that_no_kept_revision_names_go(tmp_path: Path) -> None:
    store, place = str(tmp_path / "history"), tmp_path / "etc"
    place.mkdir()
    for number in range(history.KEEP + 2):
        (place / "one.cfg").write_text(f"{number}")
        kept = history.keep(store, _staged(tmp_path, f"{number}"), _about("a", f"{number}"))
        snapshot.keep_configuration(store, kept, [f"{place}/*"], [])
    assert len(os.listdir(f"{store}/files")) == history.KEEP
    modes = {path.stat().st_mode & 0o077 for path in Path(store).rglob("*")}
    assert modes == {0}
    assert json.loads((Path(kept) / snapshot.NAME).read_text())["files"][0]["path"] == f"{place}/one.cfg"
