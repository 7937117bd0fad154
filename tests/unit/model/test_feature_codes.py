"""Feature codes: built in, replaced by the site and by a tenant, never two alike; the page for people lists them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pbx.model.feature_codes import BUILT_IN, IN_CALL, in_force, read
from pbx.model.load import load
from pbx.model.problems import ModelErrors
from pbx.model.schemas import bundle

ROOT = Path(__file__).parents[3]
SITE = "version: pbx/v1\ntrunks: {mtt: {proxy: 'sip:mtt.example'}}\n"
TENANT = """version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
"""


@pytest.fixture
def codes(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The codes in force of a tenant with these words in its own and in the site's file."""

    def make(tenant: str = "", site: str = "") -> dict[str, str]:
        for folder, text in (("site", SITE + site), ("acme", TENANT + tenant)):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / "all.yml").write_text(text)
        return dict(load(tmp_path, whole=True).model.tenants["acme"].feature_codes)

    return make


def test_a_tenant_that_says_nothing_has_what_is_built_in(codes: Callable[..., dict[str, str]]) -> None:
    assert codes() == BUILT_IN


def test_the_tenants_word_comes_before_the_sites(codes: Callable[..., dict[str, str]]) -> None:
    site = 'feature_codes: {echo_test: "*430"}'
    assert codes(site=site)["echo_test"] == "*430"
    assert codes('feature_codes: {echo_test: "*44"}', site)["echo_test"] == "*44"


def test_none_takes_a_code_away(codes: Callable[..., dict[str, str]]) -> None:
    assert "echo_test" not in codes("feature_codes: {echo_test: none}")
    assert codes('feature_codes: {echo_test: "*43"}', "feature_codes: {echo_test: none}")["echo_test"] == "*43"


def test_the_sites_code_that_a_tenant_has_given_to_a_switch_is_told_in_the_tenants_file(
    codes: Callable[..., dict[str, str]],
) -> None:
    with pytest.raises(ModelErrors) as told:
        codes('overrides: {night: {code: "*430", users: [user/x]}}', 'feature_codes: {echo_test: "*430"}')
    clashes = [problem for problem in told.value.problems if "is the code of" in problem.message]
    assert [(Path(one.file).parts[-2:], one.pointer) for one in clashes] == [
        (("acme", "all.yml"), "overrides.night.code")
    ]


@pytest.mark.parametrize("code", ["112", "201", "#43", "*", "43", "*43000"])
def test_a_code_can_be_no_extension_and_no_emergency_number(codes: Callable[..., dict[str, str]], code: str) -> None:
    with pytest.raises(ModelErrors):
        codes(f'feature_codes: {{echo_test: "{code}"}}')


def test_the_built_in_codes_pass_their_own_rules() -> None:
    all_codes = in_force({}, {})
    assert len(set(all_codes.values())) == len(all_codes)
    assert all(read(all_codes, code) == (name, "") for name, code in all_codes.items())


def test_the_schema_and_the_page_for_people_list_them_all() -> None:
    properties = bundle()["feature_codes.schema.json"]["properties"]
    built_in = {name: one["x-built-in"] for name, one in properties.items() if name != "use" and name not in IN_CALL}
    assert built_in == BUILT_IN and set(properties) >= IN_CALL
    page = (ROOT / "docs/how-to/feature-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| `([*0-9]+)`.*\| `([a-z_]+)` \|$", page, re.MULTILINE)
    assert {name: code for code, name in rows} == BUILT_IN
    assert set(re.findall(r"^\| `(in_call_[a-z]+)` \|", page, re.MULTILINE)) == IN_CALL


def test_what_is_typed_during_a_call_is_apart_from_what_is_dialled(
    codes: Callable[..., dict[str, str]],
) -> None:
    typed = 'feature_codes: {in_call_transfer: "*43", in_call_next: "*0"}'
    assert codes(typed) == BUILT_IN
    for clash in ('{in_call_transfer: "*6", in_call_park: "*61"}', '{in_call_park: "*6", in_call_next: "*6"}'):
        with pytest.raises(ModelErrors, match="code of"):
            codes(f"feature_codes: {clash}")
