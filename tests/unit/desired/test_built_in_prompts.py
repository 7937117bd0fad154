"""What the PBX itself says is in the repository as sound: whole, in Russian and English, without any speech engine."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pbx.desired import built_in
from pbx.desired.source import load_source
from pbx.model import system_prompts
from pbx.speech import audio, wav
from pbx.speech.made import FOLDER, INDEX, normal

LANGUAGES = ("ru-RU", "en-US")


def brought(language: str) -> dict[str, Any]:
    sounds: dict[str, Any] = json.loads((FOLDER / language / INDEX).read_text("utf-8"))["sounds"]
    return sounds


@pytest.mark.row("R20")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_and_every_piece_is_there(language: str) -> None:
    """A text without its sound: run `make prompts`."""
    there = {name: one["text"] for name, one in brought(language).items()}
    assert there == {name: normal(language, words) for name, words in built_in.wanted(language).items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_is_what_was_made_and_can_be_heard(language: str) -> None:
    for name, one in brought(language).items():
        data = (FOLDER / language / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one["sha256"], name
        read = wav.read(data)
        loudness = 20 * np.log10(np.sqrt(np.mean(np.square(read.samples))))
        assert (read.code, read.rate) == (6, audio.RATE), name
        assert 0.1 <= read.seconds <= 20, name  # of a menu, as the rule prompt-too-long has it
        assert -30 < loudness < -14, f"{name}: {loudness:.1f} dBFS"
    assert {path.name for path in (FOLDER / language).glob("*.wav")} == set(brought(language))


def test_each_is_said_by_some_feature() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(system_prompts.__file__).parents[1].rglob("*.py"))
    assert [prompt for prompt in system_prompts.texts() if f'"{prompt}"' not in source] == []


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*/*.wav")) < 6_000_000


@pytest.mark.row("R20")
def test_a_model_with_recordings_needs_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: Path
) -> None:
    text = (examples / "romashka/romashka.yml").read_text("utf-8").replace("{say:", "{file: prompts/closed_ru.wav} # ")
    (examples / "romashka/romashka.yml").write_text(text, "utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    loaded = load_source(str(examples))
    names = set(loaded.audio)
    assert {prompt["ru-RU"].get("audio") for prompt in loaded.source.tenants["romashka"]["prompts"].values()} - {
        None
    } <= names
    pieces = loaded.source.site["spoken"]
    assert {"ru-RU", "en-US"} == set(pieces)
    assert {sound for words in pieces.values() for sound in words.values()} <= names
    assert pieces["ru-RU"]["третий"] != pieces["ru-RU"]["три"]
    assert not any(one.is_new for one in loaded.said)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return Path(shutil.copytree(Path(__file__).parents[3] / "examples", tmp_path / "examples"))
