"""Lists of callers in text files: they are numbers to everybody else."""

from pathlib import Path

import pytest

from pbx.model.load import Loaded, load
from pbx.model.problems import ModelErrors

TENANT = """\
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
emergency: {numbers: ["112"]}
locations: {msk: {emergency: {caller_id: "+74951000112", trunks: [trunk/mtt]}}}
trunks: {mtt: {proxy: "sip:mtt.example"}}
lists:
"""

pytestmark = pytest.mark.row("R22")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "acme/lists").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "acme"


def loaded(folder: Path, lists: str, data: bytes = b"") -> Loaded:
    (folder / "acme.yml").write_text(TENANT + lists, "utf-8")
    (folder / "lists/blocked.txt").write_bytes(data)
    return load("acme")


def refused(folder: Path, lists: str, data: bytes = b"") -> list[str]:
    with pytest.raises(ModelErrors) as caught:
        loaded(folder, lists, data)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_is_as_if_written_out(folder: Path) -> None:
    data = b"\xef\xbb\xbf# from the carrier\r\n+79990000001\r\n\r\n  +7495*   # Moscow\r\n+79990000000\r\n"
    kept = loaded(folder, '  blocked: {file: lists/blocked.txt, numbers: ["+79990000000"]}\n', data)
    out = loaded(folder, '  blocked: {numbers: ["+79990000000", "+79990000001", "+7495*"]}\n')
    assert kept.tenant_plain == out.tenant_plain
    assert kept.revisions == out.revisions
    callers = kept.model.tenants["acme"].lists["blocked"]
    assert callers.numbers == {"+79990000000", "+79990000001"}
    assert callers.prefixes == ("+7495",)


def test_another_line_is_another_revision(folder: Path) -> None:
    first = loaded(folder, "  blocked: {file: lists/blocked.txt}\n", b"+79990000000\n").revisions
    assert loaded(folder, "  blocked: {file: lists/blocked.txt}\n", b"+79990000001\n").revisions != first


def test_the_site_has_files_of_its_own(folder: Path) -> None:
    site = folder.parent / "site"
    site.mkdir()
    (site / "robots.txt").write_text("+7800*\n", "utf-8")
    (site / "site.yml").write_text("version: pbx/v1\nlists: {robots: {file: robots.txt}}\n", "utf-8")
    (folder / "acme.yml").write_text(TENANT.removesuffix("lists:\n"), "utf-8")
    assert load(".").tenant_plain["acme"]["lists"]["robots"]["numbers"] == ["+7800*"]


def test_a_wrong_line_is_told_where_it_stands(folder: Path) -> None:
    assert refused(folder, "  blocked: {file: lists/blocked.txt}\n", b"+79990000000\n  8999\nIvan # boss\n") == [
        'acme/lists/blocked.txt:2:3: "8999" is no number or prefix; right would be +79990000000 or +7495*',
        'acme/lists/blocked.txt:3:1: "Ivan" is no number or prefix; right would be +79990000000 or +7495*',
    ]


def test_many_wrong_lines_are_counted(folder: Path) -> None:
    said = refused(folder, "  blocked: {file: lists/blocked.txt}\n", b"x\n" * 1000)
    assert said[0] == "acme/lists/blocked.txt: 1000 lines are no number or prefix, the first are told"
    assert len(said) == 6


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("lists/bloked.txt", b"", 'lists/bloked.txt is not there; did you mean "lists/blocked.txt"?'),
        ("../secret.txt", b"", "../secret.txt lies outside the tenant's folder; copy it into the folder"),
        ("lists/blocked.txt", b"\xff\xfe", "lists/blocked.txt is not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read(folder: Path, name: str, data: bytes, said: str) -> None:
    assert refused(folder, f"  blocked: {{file: {name}}}\n", data) == [
        f"acme/acme.yml:7:13: lists.blocked.file: {said}"
    ]


def test_a_large_file_is_refused(folder: Path) -> None:
    (said,) = refused(folder, "  blocked: {file: lists/blocked.txt}\n", b"+79990000000\n" * 400_000)
    assert said == "acme/lists/blocked.txt: the file has 5200000 bytes; at most 5000000 are read: split it over lists"
