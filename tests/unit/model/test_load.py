"""Model roots and tenant folders: what is read, merged, and what a revision is made of."""

import shutil
from pathlib import Path

import pytest

from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.system_texts import TEXTS

EXAMPLES = Path(__file__).parents[3] / "examples"
TENANT = """\
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
"""


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy that a test may write to."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def messages(path: Path) -> list[str]:
    with pytest.raises(ModelErrors) as caught:
        load(path)
    return [problem.message for problem in caught.value.problems]


def test_examples_are_valid() -> None:
    loaded = load(EXAMPLES)
    assert loaded.warnings == ()
    assert list(loaded.model.tenants) == ["romashka"]
    assert loaded.model.tenants["romashka"].revision == loaded.revisions["romashka"]
    assert loaded.folders == {"romashka": EXAMPLES / "romashka"}


def test_a_tenant_folder_sees_the_site_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(EXAMPLES)
    alone = load(EXAMPLES / "romashka")
    assert alone.model == whole.model
    assert alone.revisions == whole.revisions
    monkeypatch.chdir(EXAMPLES / "romashka")
    assert load(".").revisions == whole.revisions


def test_the_site_alone() -> None:
    loaded = load(EXAMPLES / "site")
    assert loaded.model.tenants == {}
    assert set(loaded.model.site_trunks) == {"mtt", "ural"}
    assert loaded.site_revision == load(EXAMPLES).site_revision


def test_a_tenant_without_a_site(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "acme.yml", TENANT)
    loaded = load(tmp_path / "acme")
    assert loaded.site_plain == {}
    assert loaded.model.tenants["acme"].trunks == {}


@pytest.mark.parametrize("what", ["nothing", "file"])
def test_no_folder(tmp_path: Path, what: str) -> None:
    if what == "file":
        write(tmp_path / "file", "")
    (message,) = messages(tmp_path / what)
    assert "give" in message


def test_kinds_merge_over_files(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "a.yml", 'lists:\n  one: {anonymous: true}\n  two: {numbers: ["+7495*"]}\n')
    write(tmp_path / "acme" / "b.yml", TENANT + "lists:\n  three: {}\n")
    assert list(load(tmp_path / "acme").model.tenants["acme"].lists) == ["one", "two", "three"]


def test_the_site_is_merged_and_what_a_tenant_owns_has_its_own_key(tmp_path: Path) -> None:
    write(tmp_path / "site" / "site.yml", 'version: pbx/v1\ntrunks:\n  mtt: {proxy: "sip:mtt.example"}\n')
    write(tmp_path / "acme" / "acme.yml", TENANT + 'trunks:\n  own: {proxy: "sip:own.example"}\n')
    model = load(tmp_path).model
    assert {trunk.id: trunk.key for trunk in model.tenants["acme"].trunks.values()} == {"mtt": "mtt", "own": "acme.own"}
    assert set(model.site_trunks) == {"mtt"}


@pytest.mark.row("R23")
def test_ranges_are_expanded(tmp_path: Path) -> None:
    numbers = 'numbers:\n  "+74951000198..+74951000201": {to: {reject: 603}, state: suspended}\n'
    write(tmp_path / "acme" / "acme.yml", TENANT + numbers)
    found = load(tmp_path / "acme").model.tenants["acme"].numbers
    assert list(found) == ["+74951000198", "+74951000199", "+74951000200", "+74951000201"]
    assert {number.state for number in found.values()} == {"suspended"}


@pytest.mark.parametrize(
    ("country", "code", "national", "international"),
    [
        ("RU", "7", "8", "810"),
        ("DE", "49", "0", "00"),
        ("GB", "44", "0", "00"),
        ("US", "1", "1", "011"),
        ("IT", "39", "", "00"),
    ],
)
def test_what_the_country_says(tmp_path: Path, country: str, code: str, national: str, international: str) -> None:
    write(tmp_path / "acme" / "acme.yml", TENANT.replace("country: RU", f"country: {country}"))
    tenant = load(tmp_path / "acme").model.tenants["acme"]
    assert (tenant.calling_code, tenant.national_prefix, tenant.international_prefix) == (code, national, international)


def test_what_the_tenant_says_about_dialling_wins(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "acme.yml", TENANT.replace("languages", 'dialling: {national: ""}, languages'))
    tenant = load(tmp_path / "acme").model.tenants["acme"]
    assert (tenant.national_prefix, tenant.international_prefix) == ("", "810")


def test_built_in_prompts_stand_beside_the_tenants(examples: Path) -> None:
    prompts = load(examples).model.tenants["romashka"].prompts
    assert {"system-barred", "system-confirm", "system-invalid", "system-suspended", "welcome"} <= set(prompts)
    assert set(prompts["system-barred"].says) == {"ru-RU", "en-US"}


def test_a_tenant_replaces_a_built_in_prompt(examples: Path) -> None:
    own = "prompts:\n  system-barred: {ru-RU: {file: prompts/closed_ru.wav}, en-US: {file: prompts/closed_en.wav}}\n"
    write(examples / "romashka" / "own.yml", own)
    prompts = load(examples).model.tenants["romashka"].prompts
    assert prompts["system-barred"].files == {"ru-RU": "prompts/closed_ru.wav", "en-US": "prompts/closed_en.wav"}


def test_a_language_without_texts_is_spoken_in_english(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "acme.yml", TENANT.replace("[ru-RU]", "[de-DE]"))
    prompt = load(tmp_path / "acme").model.tenants["acme"].prompts["system-barred"]
    assert prompt.says == {"de-DE": TEXTS["barred"]["en-US"]}
    assert prompt.spoken == {"de-DE": "en-US"}


# --- revisions -------------------------------------------------------------------------------------------------------


def test_a_revision_is_twelve_hex_digits() -> None:
    loaded = load(EXAMPLES)
    for revision in [loaded.site_revision, *loaded.revisions.values()]:
        assert len(revision) == 12
        int(revision, 16)


def test_comments_order_files_and_notation_change_no_revision(examples: Path) -> None:
    before = load(EXAMPLES)
    tenant = examples / "romashka" / "romashka.yml"
    text = tenant.read_text("utf-8")
    head, rest = text.split("locations:\n", 1)
    parts = ("locations:\n" + rest).split("\nusers:\n", 1)
    write(examples / "romashka" / "zz.yml", "# moved\n" + head)
    write(tenant, "users:\n" + parts[1] + "\n" + parts[0].replace('"112"', "'112'") + "\n")
    write(examples / "romashka" / "README.md", "words")
    write(examples / "README.md", "words")
    after = load(examples)
    assert (after.revisions, after.site_revision) == (before.revisions, before.site_revision)


def test_a_default_written_out_changes_no_revision(examples: Path) -> None:
    tenant = examples / "romashka" / "romashka.yml"
    write(tenant, tenant.read_text("utf-8").replace("ring: simultaneous, ring_timeout: 20s, ", ""))
    assert load(examples).revisions == load(EXAMPLES).revisions


def test_a_change_changes_the_revision(examples: Path) -> None:
    before = load(EXAMPLES)
    tenant = examples / "romashka" / "romashka.yml"
    write(tenant, tenant.read_text("utf-8").replace("ring_timeout: 15s", "ring_timeout: 16s"))
    after = load(examples)
    assert after.revisions != before.revisions
    assert after.site_revision == before.site_revision


def test_a_new_recording_changes_the_revision(examples: Path) -> None:
    shutil.copy(examples / "romashka/prompts/closed_en.wav", examples / "romashka/prompts/welcome_en.wav")
    assert load(examples).revisions != load(EXAMPLES).revisions


# --- many mistakes at once -------------------------------------------------------------------------------------------


def test_all_errors_in_one_run(tmp_path: Path) -> None:
    write(tmp_path / "site" / "site.yml", "version: pbx/v1\ntrunks:\n  mtt: {}\n")
    write(tmp_path / "acme" / "a.yml", TENANT + "numbers:\n  '12': {to: flow/main}\nlists: {one: {x: 1}}\n")
    write(tmp_path / "acme" / "b.yml", "flows:\n  main: [\n")
    write(tmp_path / "brick" / "b.yml", TENANT.replace("id: acme", "id: brick"))
    said = "\n".join(messages(tmp_path))
    for words in ("proxy is missing", "no E.164 number", "unknown key", "this is not YAML", "is taken by"):
        assert words in said


def test_what_may_stand_in_a_broken_file_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "a.yml", TENANT + 'numbers:\n  "+74951000100": {to: flow/main}\n')
    write(tmp_path / "acme" / "b.yml", "flows:\n  main: [\n")
    assert len(messages(tmp_path / "acme")) == 1


def test_problems_are_in_the_order_of_their_places(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "a.yml", TENANT + "lists: {one: {x: 1}, two: {y: 1}, Three: {}}\n")
    with pytest.raises(ModelErrors) as caught:
        load(tmp_path / "acme")
    places = [(problem.file, problem.line, problem.column) for problem in caught.value.problems]
    assert places == sorted(places)
    assert len(places) == 3


def test_a_link_out_of_the_folder_is_refused(examples: Path, tmp_path: Path) -> None:
    recording = examples / "romashka/prompts/welcome_en.wav"
    outside = tmp_path / "outside.wav"
    recording.rename(outside)
    recording.symlink_to(outside)
    assert messages(examples) == ["prompts/welcome_en.wav lies outside the tenant's folder; copy it into the folder"]
