"""The prompts of a model become sound: texts by the voice of their language, hours as pieces, only what is new."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pbx.cli import main
from pbx.desired import speech_lock
from pbx.desired.source import LoadedSource, ModelRefused, load_source
from pbx.desired.speech import Said, SpeechRefused
from pbx.speech import engines

pytestmark = pytest.mark.row("R20")
SITE = """
version: pbx/v1
calendars: {end: {days: [{date: 2026-12-31, hours: ["10:00-14:30"]}]}}
"""
TENANT = """
version: pbx/v1
tenant: {id: %s, name: Acme, domain: %s.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
prompts:
  hello: {ru-RU: {say: "Здравствуйте, вы позвонили к нам."}}
  hours: {ru-RU: {say: "Мы работаем с {hours.open} до {hours.close}."}}
schedules:
  office: {open: [{days: [MO, TU], hours: ["09:00-13:00", "14:00-18:00"]}], calendars: [calendar/end]}
announcements:
  hello: {prompt: prompt/hello}
  hours: {prompt: prompt/hours, hours: schedule/office}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A controller that has made nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def loaded(root: Path, *more: str, site: str = SITE, ids: tuple[str, ...] = ("acme",)) -> LoadedSource:
    for folder, text in (("site", site), *((id_, TENANT % (id_, id_) + "".join(more)) for id_ in ids)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "all.yml").write_text(text, "utf-8")
    return load_source(str(root))


def new(source: LoadedSource) -> set[str]:
    return {one.text for one in source.said if one.is_new}


def test_only_what_is_new_is_made_and_of_hours_what_the_schedule_can_tell(tmp_path: Path) -> None:
    first = loaded(tmp_path / "model")
    pieces = {"Мы работаем с", "до", "девяти", "десяти", "тринадцати", "четырнадцати", "тридцати", "восемнадцати"}
    assert new(first) == {"Здравствуйте, вы позвонили к нам.", *pieces}  # the PBX's own are in the package
    tenant = first.source.model.tenants["acme"]
    assert "ru-RU" not in tenant.prompts["hours"].audio
    assert pieces <= set(tenant.spoken["ru-RU"]) and "семнадцати" not in tenant.spoken["ru-RU"]
    assert set(tenant.spoken["ru-RU"].values()) <= set(first.audio)
    second = loaded(tmp_path / "model")
    assert new(second) == set() and second.audio == first.audio and second.source == first.source
    assert main.run(["say", "--lock", str(tmp_path / "model")]) == 0
    (tmp_path / "model/acme/all.yml").write_text((TENANT % ("acme", "acme")).replace("Здравствуйте", "Добрый день"))
    with pytest.raises(ModelRefused, match=r"'Добрый день, вы позвонили к нам.': is not in it"):
        load_source(str(tmp_path / "model"))
    changed = load_source(str(tmp_path / "model"), locked=False)
    assert "Добрый день, вы позвонили к нам." in {one.text for one in changed.said}
    assert len(set(changed.audio) - set(first.audio)) == len(set(first.audio) - set(changed.audio)) == 1


def test_a_tenant_may_have_a_voice_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "model"
    loaded(root, ids=("acme", "other"))
    own = "voices: {ru-RU: {engine: espeak-ng, voice: ru+f3, speed: 90}}\n"
    (root / "other/voices.yml").write_text(own)
    source = load_source(str(root)).source
    acme, other = source.model.tenants["acme"], source.model.tenants["other"]
    assert acme.prompts["hello"].audio["ru-RU"] != other.prompts["hello"].audio["ru-RU"]
    assert acme.prompts["system-barred"].audio["ru-RU"] != other.prompts["system-barred"].audio["ru-RU"]
    assert acme.spoken["ru-RU"]["девяти"] != other.spoken["ru-RU"]["девяти"]
    assert "voices" not in source.site and "voices" not in source.tenants["other"]  # hosts need no program's name


def test_what_goes_wrong_is_named_by_its_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "model"
    with pytest.raises(ModelRefused, match=r"acme/more.yml:1:.*has '☎', which no voice can say"):
        (root / "acme").mkdir(parents=True)
        (root / "acme/more.yml").write_text('prompts: {bell: {ru-RU: {say: "Звонок ☎"}}}\n', "utf-8")
        loaded(root)
    (root / "acme/more.yml").write_text("prompts: {bell: {ru-RU: {file: bell.wav}}}\n", "utf-8")
    shutil.copy(__file__, root / "acme/bell.wav")
    with pytest.raises(ModelRefused, match=r"prompt acme/bell: bell.wav is no WAV file"):
        load_source(str(root))
    (root / "acme/more.yml").unlink()
    command = SITE + "voices: {ru-RU: {engine: command, command: [nothing-of-this-name]}}\n"
    with pytest.raises(ModelRefused, match=r"prompt acme/system-barred in ru-RU: .*needs nothing-of-this-name"):
        loaded(root, site=command)
    monkeypatch.setenv("PATH", str(tmp_path))
    engines.version.cache_clear()
    with pytest.raises(ModelRefused, match="apt install festival festvox-ru"):
        loaded(root)
    engines.version.cache_clear()


def test_a_lock_lets_no_other_sound_pass(tmp_path: Path) -> None:
    hello = Said("acme/hello", "ru-RU", "Привет", 1.0, "ab.alaw", True)
    built_in = Said("acme/system-barred", "ru-RU", "Нельзя", 1.0, "cd.alaw", False, is_built_in=True)
    speech_lock.check(tmp_path, [hello])  # without one whatever the engines say is right
    (tmp_path / "speech.lock").write_text(speech_lock.text_of([hello, built_in]), "utf-8")
    assert json.loads((tmp_path / "speech.lock").read_text("utf-8")) == {"ru-RU": {"Привет": "ab"}}
    speech_lock.check(tmp_path, [hello, built_in])
    with pytest.raises(SpeechRefused, match="ru-RU, 'Привет': sounds otherwise on this machine"):
        speech_lock.check(tmp_path, [replace(hello, audio="ef.alaw")])
    others = [replace(hello, text=f"Привет {number}") for number in range(7)]
    with pytest.raises(SpeechRefused) as refused:
        speech_lock.check(tmp_path, others)
    told = str(refused.value).splitlines()
    assert told[0] == f"{tmp_path}/speech.lock: ru-RU, 'Привет 0': is not in it"
    assert told[5:] == [
        f"{tmp_path}/speech.lock: and 2 more",
        f"{tmp_path}/speech.lock: listen, and write it anew: pbx say --lock {tmp_path}",
    ]
    for broken, why in (("[]", "is no lock of sounds"), ("{", "cannot be read")):
        (tmp_path / "speech.lock").write_text(broken, "utf-8")
        with pytest.raises(SpeechRefused, match=why):
            speech_lock.check(tmp_path, [hello])
