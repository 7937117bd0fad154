"""`pbx graph`: every way out of every object is in the picture, with what no test takes and what no call reaches."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pbx.analysis.graph import graph
from pbx.cli import main
from pbx.model.load import load

EXAMPLES = Path(__file__).parents[3] / "examples"
REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = pytest.mark.row("C09")


def texts(svg: Path) -> list[str]:
    return [element.text or "" for element in ElementTree.parse(svg).iter(f"{SVG}text")]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES, tmp_path / "model")
    return tmp_path / "model"


def test_every_way_out_leads_to_a_node_of_the_picture() -> None:
    drawn = graph(load(EXAMPLES).model.tenants["romashka"])
    ways = {(node.name, branch.label, branch.to) for node in drawn.nodes.values() for branch in node.branches}
    assert {to for _, _, to in ways} <= set(drawn.nodes)
    assert ("flow/main", "closed schedule/office", "announcement/closed") in ways
    assert ("ivr/main", "key 9 (en-US)", "ring_group/office") in ways
    assert ("ring_group/ekb", "no answer", "ring_group/office") in ways
    assert ("ring_group/ekb", "rings", "+79220000002") in ways
    assert ("announcement/closed", "then", "hang_up") in ways
    assert drawn.unreached == []


def test_whatever_the_grammar_knows_is_in_the_picture() -> None:
    drawn = graph(load(REFERENCE, whole=True).model.tenants["romashka"])
    ways = {(node.name, branch.label, branch.to): branch for node in drawn.nodes.values() for branch in node.branches}
    assert {to for _, _, to in ways} <= set(drawn.nodes)
    assert not any(branch.dead for branch in ways.values())
    assert {
        ("flow/main", "asks for crm", "lookup/bitrix"),
        ("flow/main", "crm.owner is present, for 15 s", "fact/crm.owner"),
        ("override/night", "switches", "flow/main"),
        ("ivr/main", "key 2, asks for order_no", "queue/sales"),
        ("queue/sales", "rings", "user/petrova"),
        ("queue/sales", "nobody in 300 s", "voicemail/ivanov"),
        ("queue/sales", "30 wait already", "voicemail/ivanov"),
        ("queue/sales", "nobody logged in", "voicemail/ivanov"),
        ("user/ivanov", "no answer in 20 s", "voicemail/ivanov"),
        ("user/ivanov", "busy", "voicemail/ivanov"),
    } <= set(ways)
    assert ways["queue/sales", "nobody in 300 s", "voicemail/ivanov"].place == ("queues", "sales", "on_timeout")
    assert drawn.unreached == []  # the room has an extension


def test_a_number_that_comes_back_is_not_dead(model: Path) -> None:
    (model / "romashka/more.yml").write_text(
        "numbers:\n"
        '  "+74951000198": {to: {hang_up: true}, state: suspended, until: 2030-01-31}\n'
        '  "+74951000199": {to: {hang_up: true}, state: suspended}\n'
    )
    drawn = graph(load(model).model.tenants["romashka"]).nodes
    assert drawn["number/+74951000198"].lines == ("suspended until 2030-01-31",)
    assert [drawn[f"number/+7495100019{end}"].branches[0].dead for end in "89"] == [False, True]


def test_graphviz_draws_the_whole_grammar(tmp_path: Path) -> None:
    svg = tmp_path / "reference.svg"
    assert main.run(["graph", str(REFERENCE), "-o", str(svg)]) == 0
    drawn = " ".join(texts(svg))
    assert {"queue/sales", "voicemail/ivanov", "lookup/bitrix", "code *28"} <= set(map(str.strip, texts(svg)))
    assert "crm.example" in drawn and "crm.example/lookup" not in drawn  # the rest of a URL may hold a key


def test_from_one_number_only_what_it_reaches() -> None:
    drawn = graph(load(EXAMPLES).model.tenants["romashka"], ["+74951000113"])
    assert set(drawn.nodes) == {"number/+74951000113", "announcement/closed", "hang_up"}


def test_graphviz_draws_it(tmp_path: Path) -> None:
    svg = tmp_path / "romashka.svg"
    assert main.run(["graph", str(EXAMPLES), "-o", str(svg)]) == 0
    drawn = texts(svg)
    assert {"+74951000100", "key 1", "no key", "Анна Петрова", "hang_up"} <= set(map(str.strip, drawn))
    assert "no test" not in " ".join(drawn)


def test_what_no_test_takes_and_no_number_reaches_is_marked(model: Path, tmp_path: Path) -> None:
    (model / "romashka/tests.yml").write_text(
        'tests: [{at: "2026-11-09T12:00+03:00", from: "+79161234567", to: "+74951000100"}]\n'
    )
    (model / "romashka/more.yml").write_text(
        "ring_groups: {night: {members: [user/ivanov], on_no_answer: {hang_up: true}}}\n"
    )
    svg = tmp_path / "romashka.svg"
    assert main.run(["graph", str(model / "romashka"), "-o", str(svg)]) == 0
    drawn = " ".join(texts(svg))
    assert "no test" in drawn
    assert "no number leads to" in drawn and "ring_group/night" in drawn


def test_names_that_mean_something_to_graphviz_do_not_break_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = model / "romashka/romashka.yml"
    file.write_text(file.read_text().replace("Анна Петрова", "'\"<B>&]'").replace("ООО «Ромашка»", "'a \"<b>\\ & c'"))
    assert main.run(["graph", str(model)]) == 0
    done = subprocess.run(
        ["dot", "-Tplain"], input=capsys.readouterr().out, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--number", "+74951000199"], "+74951000199 is no number of tenant romashka"),
        (["-o", "/tmp/picture.gif"], "/tmp/picture.gif: a picture's name ends with .svg, .png, .pdf, .dot"),
        (["-o", "/nowhere/picture.svg"], "/nowhere: no such folder"),
        (["--tenant", "x"], "there is no tenant x; known are romashka"),
    ],
)
def test_what_cannot_be_drawn_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["graph", str(EXAMPLES), *words]) == 1
    assert message in capsys.readouterr().err
