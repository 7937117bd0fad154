"""The seam between what makes a recording and what keeps it: a folder is whole or is nobody's yet."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from pbx.media import recorded
from pbx.media.recorded import Gap, NotARecording, Recording

SAID = Recording(
    id="0a1b-outside",
    tenant="romashka",
    call_id="0a1b",
    policy="outside",
    started=datetime(2026, 11, 9, 12, 0, 1, 250_000, tzinfo=UTC),
    length=63.5,
    direction="inbound",
    caller="+79161234567",
    called="+74951000100",
    people=("petrova",),
    gaps=(Gap(10.0, 12.5, "paused"),),
    announced=True,
    retain=180 * 86400.0,
    listen=("supervisor",),
)


@pytest.mark.row("R17")
def test_what_is_told_is_read_again_as_it_was() -> None:
    assert Recording.from_json(SAID.to_json()) == SAID
    assert orjson.loads(SAID.to_json())["gaps"] == [{"from": 10.0, "to": 12.5, "why": "paused"}]


@pytest.mark.row("R17")
def test_a_folder_is_whole_only_when_it_is_finished(tmp_path: Path) -> None:
    folder = recorded.begin(tmp_path, SAID.id)
    (folder / recorded.SOUND).write_bytes(b"half")
    assert list(recorded.whole(tmp_path)) == []
    with pytest.raises(NotARecording, match="No such file"):
        recorded.read(folder)
    folder = recorded.begin(tmp_path, SAID.id)  # the process was killed and makes it again
    assert not (folder / recorded.SOUND).exists()
    (folder / recorded.SOUND).write_bytes(b"whole")
    recorded.finish(folder, SAID)
    assert list(recorded.whole(tmp_path)) == [folder] and recorded.read(folder) == SAID
    assert sorted(each.name for each in folder.iterdir()) == ["about.json", "sound.wav"]
    with pytest.raises(FileExistsError, match="is whole"):
        recorded.begin(tmp_path, SAID.id)


@pytest.mark.row("R17")
def test_an_id_names_no_other_folder(tmp_path: Path) -> None:
    for wrong in ("", ".", "..", "../x", "a/b", "a\0b", "-x", "x" * 200):
        with pytest.raises(NotARecording):
            recorded.begin(tmp_path, wrong)
        with pytest.raises(NotARecording):
            dataclasses.replace(SAID, id=wrong)


@pytest.mark.row("R17")
@pytest.mark.parametrize(
    "change",
    [{"started": "2026-11-09T12:00:00"}, {"store": "tape"}, {"gaps": [{}]}, {"length": "long"}, {"id": "../x"}],
)
def test_what_says_less_than_it_must_is_refused(change: dict[str, object]) -> None:
    told = orjson.loads(SAID.to_json())
    with pytest.raises(NotARecording):
        Recording.from_json(orjson.dumps({**told, **change}))
    for name in told:
        with pytest.raises(NotARecording):
            Recording.from_json(orjson.dumps({key: value for key, value in told.items() if key != name}))
