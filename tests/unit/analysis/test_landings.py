"""Who would land elsewhere after a change of the model, and when."""

import shutil
from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest

from pbx.analysis.landings import Moved, moved
from pbx.analysis.times import in_words
from pbx.model.load import load

EXAMPLES = Path(__file__).parents[3] / "examples"
REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"
TUESDAY = date(2026, 11, 24)

pytestmark = pytest.mark.row("C05")

Changed = Callable[[str, str], list[Moved]]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """`changed(old, new)`: the example before and after one piece of its text is replaced."""

    def compare(old: str, new: str) -> list[Moved]:
        shutil.copytree(EXAMPLES, tmp_path / "model")
        file = tmp_path / "model/romashka/romashka.yml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        tenants = [load(root).model.tenants["romashka"] for root in (EXAMPLES, tmp_path / "model")]
        return moved(tenants[0], tenants[1], TUESDAY)

    return compare


def told(found: list[Moved]) -> list[tuple[list[str], str, str, str, str]]:
    days = [date.fromordinal(TUESDAY.toordinal() + number) for number in range(14)]
    return [(one.numbers, one.callers, one.before, one.after, in_words(one.times, days)) for one in found]


def test_later_hours_move_callers_at_both_ends(changed: Changed) -> None:
    main = ["+74951000100"]
    assert told(changed("09:00-18:00", "10:00-19:00")) == [
        (main, "other callers", "ivr/main", "announcement/closed", "MO–FR 09:00–10:00"),
        (main, "other callers", "announcement/closed", "ivr/main", "MO–FR 18:00–19:00"),
    ]


def test_a_number_that_leads_elsewhere_does_so_always(changed: Changed) -> None:
    found = told(
        changed('"+74951000112": {trunk: trunk/mtt, to: ring_group/office}', '"+74951000112": {to: user/ivanov}')
    )
    assert found == [(["+74951000112"], "other callers", "ring_group/office", "user/ivanov", "always")]


def test_only_listed_callers_are_named_when_only_they_are_meant(changed: Changed) -> None:
    found = told(changed("to: {reject: 603}}", "to: announcement/closed}"))
    assert [(one[1], one[2], one[3], one[4]) for one in found] == [
        ("callers of list/blocked", "reject/603", "announcement/closed", "always"),
        ("hidden callers", "reject/603", "announcement/closed", "always"),
    ]


def test_a_calendar_day_is_named_by_its_date(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "model")
    site = tmp_path / "model/site/site.yml"
    text = site.read_text()
    assert "ru-2026:" in text and "days:\n" in text
    site.write_text(text.replace("days:\n", "days:\n      - {date: 2026-12-01, closed: true}\n", 1))
    tenants = [load(root).model.tenants["romashka"] for root in (EXAMPLES, tmp_path / "model")]
    (one,) = told(moved(tenants[0], tenants[1], TUESDAY))
    assert one[1:] == ("other callers", "ivr/main", "announcement/closed", "2026-12-01 09:00–18:00")


def test_what_changes_no_decision_moves_nobody(changed: Changed) -> None:
    assert changed('extension: "201"', 'extension: "209"') == []


def test_a_step_that_rings_first_is_part_of_the_landing(changed: Changed) -> None:
    found = told(changed("- {to: ivr/main}", "- {to: user/petrova, for: 15s, otherwise: next}\n    - {to: ivr/main}"))
    assert [(one[2], one[3]) for one in found] == [("ivr/main", "user/petrova for 15 s → ivr/main")]


def test_hours_in_few_words() -> None:
    days = [date.fromordinal(TUESDAY.toordinal() + number) for number in range(14)]
    evening = [(time(18), time(20))]
    assert in_words({day: evening for day in days if day.weekday() in (0, 2)}, days) == "MO, WE 18:00–20:00"
    assert in_words({days[0]: [(time(9), None)]}, days) == "2026-11-24 09:00–24:00"


@pytest.fixture
def whole(tmp_path: Path) -> Changed:
    """The same for the reference PBX, which has all of the grammar."""

    def compare(old: str, new: str) -> list[Moved]:
        shutil.copytree(REFERENCE, tmp_path / "model")
        file = tmp_path / "model/romashka/romashka.yml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        tenants = [load(root, whole=True).model.tenants["romashka"] for root in (REFERENCE, tmp_path / "model")]
        return moved(tenants[0], tenants[1], TUESDAY)

    return compare


def test_a_switch_is_told_by_who_calls_while_it_is_on(whole: Changed) -> None:
    found = told(
        whole("{override: override/night}, to: announcement/closed", "{override: override/night}, to: ivr/main")
    )
    assert [one[1:4] for one in found] == [
        ("other callers while override/night is on", "announcement/closed", "ivr/main"),
    ]


def test_a_fact_is_told_by_what_the_crm_knows(whole: Changed) -> None:
    found = told(whole("to: {from: crm.owner}, for: 15s, otherwise: next", "to: queue/sales"))
    assert found == [
        (["+74951000100"], "other callers with crm.owner user/ivanov", "user/ivanov for 15 s → ivr/main", "queue/sales",
         "MO–FR 09:00–18:00"),
    ]  # fmt: skip


def test_a_larger_share_names_whom_it_moves(whole: Changed) -> None:
    canary = "    - {when: {share: 10%}, to: queue/sales}\n    - {to: ivr/main}"
    found = told(whole("    - {to: ivr/main}", canary))
    assert [one[1:] for one in found] == [
        ("other callers whose lot in flow/main/1 is 1 to 10 of 100", "ivr/main", "queue/sales", "MO–FR 09:00–18:00"),
    ]  # fmt: skip
