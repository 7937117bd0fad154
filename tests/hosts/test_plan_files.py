"""A plan in a file and the apply that is held to it; what is refused before any effect; drift with times."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hosts.story import Site
from throwaway import CHECKOUT

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C02"), pytest.mark.row("C05")]

SCHEMA = json.loads((CHECKOUT / "schemas/output/plan.schema.json").read_text("utf-8"))
MODEL = ("--tags", "model")
BY_HAND = """import sqlite3
with sqlite3.connect("/var/lib/kamailio/pbx.sqlite") as rows:
    rows.execute("UPDATE ht_domain SET key_value = '%s'")"""


@pytest.fixture(scope="module", autouse=True)
def as_before(site: Site) -> Iterator[None]:
    """The model and the servers are left as they were found."""
    before = site.tenant_file.read_text()
    yield
    site.tenant_file.write_text(before)
    site.pbx("apply", "--allow-number-removal", expect=0)


@pytest.fixture(scope="module")
def plans(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plan of one change in every format."""
    folder = tmp_path_factory.mktemp("plans")
    site.edit("ring_timeout: 20s", "ring_timeout: 21s")
    outputs = [
        word for name in ("plan.json", "plan.md", "plan.sarif", "plan.xml") for word in ("-o", str(folder / name))
    ]
    site.pbx("plan", *MODEL, *outputs, expect=2)
    return folder


def stated(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "plan.json").read_text("utf-8"))
    return found


def test_the_plan_says_what_changes_and_what_it_touches(site: Site, plans: Path) -> None:
    document = stated(plans)
    jsonschema.validate(document, SCHEMA)
    (calls,) = [one for one in document["servers"] if one["items"]]
    assert [f"{one['op']} {one['kind']} {one['id']}" for one in calls["items"]] == [
        "update ring_group romashka/office",
        "load model calls1",
    ]
    assert (calls["items"][0]["live"], calls["items"][0]["wanted"]) == (
        {"ring_timeout": "20s"},
        {"ring_timeout": "21s"},
    )
    assert "romashka/+74951000100" in document["numbers"]  # by the menu behind it
    assert document["summary"]["live_calls"] == site.status()["calls"]
    assert calls["live"]["tenants"]["romashka"] != document["wanted"]["tenants"]["romashka"]
    assert calls["applied"]["time"] <= document["made"]


def test_no_secret_is_in_any_of_its_files(site: Site, plans: Path) -> None:
    for path in plans.iterdir():
        text = path.read_text("utf-8")
        assert [name for name, value in site.secret_values().items() if value in text] == [], path.name


def test_a_file_that_was_altered_is_refused(site: Site, plans: Path) -> None:
    document = stated(plans)
    document["servers"][0]["items"] = []
    document["wanted"]["digest"] = "000000000000"
    altered = plans / "altered.json"
    altered.write_text(json.dumps(document))
    done = site.pbx("apply", *MODEL, "--plan", str(altered), expect=1)
    assert "the file was altered" in done.stderr
    assert "— Compile" not in done.stderr  # no server was asked


def test_a_plan_of_other_servers_is_refused(site: Site, plans: Path) -> None:
    done = site.pbx("apply", *MODEL, "-l", "calls1", "--plan", str(plans / "plan.json"), expect=1)
    assert "it was made with --limit none, this is with calls1" in done.stderr


def test_an_edit_after_the_plan_is_refused(site: Site, plans: Path) -> None:
    site.edit("ring_timeout: 21s", "ring_timeout: 22s")
    done = site.pbx("apply", *MODEL, "--plan", str(plans / "plan.json"), expect=1)
    site.edit("ring_timeout: 22s", "ring_timeout: 21s")
    assert "wanted: romashka was " in done.stderr
    assert "nothing was touched" in done.stderr


def test_a_change_by_hand_after_the_plan_is_refused(site: Site, plans: Path) -> None:
    site.lab.exec("edge1", "python3", "-c", BY_HAND % "somebody")
    done = site.pbx("apply", *MODEL, "--plan", str(plans / "plan.json"), expect=1)
    site.lab.exec("edge1", "python3", "-c", BY_HAND % "romashka")
    assert "edge1: new: update htable/domain romashka.example (stored)" in done.stderr
    assert done.stdout == ""


def test_unchanged_it_is_applied(site: Site, plans: Path) -> None:
    done = site.changes("apply", *MODEL, "--plan", str(plans / "plan.json"), expect=0)
    assert done == {"calls1": ["~ ring_group romashka/office (ring_timeout)", "! load model calls1 (tenant romashka)"]}


@pytest.mark.row("R01")
def test_a_number_in_use_is_not_deleted_unasked(site: Site) -> None:
    """Not by plain ansible-playbook either; in quarantine first, it may go."""
    written = site.tenant_file.read_text()
    number = '"+74951000190": {trunk: trunk/ural, to: "+79220000002"}'
    site.edit(number, "")
    done = site.playbook("site.yml", *MODEL)
    assert done.returncode != 0
    assert "numbers in use would be deleted (1): +74951000190" in done.stdout
    site.tenant_file.write_text(written)
    site.edit(number, number.replace("}", ", state: quarantine}"))
    site.pbx("apply", *MODEL, expect=0)
    site.edit(number.replace("}", ", state: quarantine}"), "")
    assert "- number romashka/+74951000190" in site.changes("apply", *MODEL, expect=0)["calls1"]


def test_drift_says_since_when(site: Site, tmp_path: Path) -> None:
    site.lab.exec("relay1", "sh", "-c", "echo '# by hand' >> /etc/rtpengine/rtpengine.conf")
    site.lab.exec("calls1", "systemctl", "stop", "pbx-journal.service")
    site.lab.exec("edge1", "python3", "-c", BY_HAND % "somebody")
    words = ("-o", f"json:{tmp_path / 'drift'}", "-o", str(tmp_path / "drift.xml"), "--format", "sarif")
    sarif = json.loads(site.pbx("drift", *words, expect=2).stdout)
    assert "service" in {one["ruleId"] for one in sarif["runs"][0]["results"]}
    suite = ElementTree.parse(tmp_path / "drift.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "3")
    document = json.loads((tmp_path / "drift").read_text("utf-8"))
    jsonschema.validate(document, SCHEMA)
    since = {one["id"]: one["since"] for server in document["servers"] for one in server["items"]}
    today = document["made"][:10]
    assert since["/etc/rtpengine/rtpengine.conf"][:10] <= today
    assert since["pbx-journal.service"][:10] <= today
    assert since["romashka.example"].startswith("after the last apply of 20")
    assert {one["owner"] for server in document["servers"] for one in server["items"]} == {"git"}
