"""A device that answers by 302: sent on to colleagues and, as its owner may dial, outside, once, and nowhere else."""

from __future__ import annotations

import pytest

from pbx.calls.simulated.world import Person

pytestmark = pytest.mark.row("R05")


def moved(to: str) -> Person:
    return Person(status=302, redirect=to)


def test_to_a_colleague(call) -> None:
    told = call("202", caller="201", petrova=moved("301"), sidorov=Person(answers=2, talks=5))
    assert (told.answer, told.record.disposition) == (200, "answered")
    assert told.record.answered_by == "device sidorov-desk"
    assert "device petrova-desk sends the caller on to 301" in told.record.reasons
    assert told.record.facts["legs"][0]["redirect"] == "301"


def test_outside_as_its_owner_may_dial(call) -> None:
    told = call("202", caller="201", petrova=moved("89161112233"), mtt=Person(answers=2, talks=5))
    assert told.record.answered_by == "trunk mtt"


@pytest.mark.parametrize(
    "to",
    ["", "299", "112", "202", "810442012345678"],
    ids=["a host of others", "nobody", "an emergency number", "itself", "further than its class allows"],
)
def test_not_followed(call, to: str) -> None:
    told = call("202", caller="201", petrova=moved(to), mtt=Person(answers=1), ural=Person(answers=1))
    assert (told.answer, told.record.disposition) == (480, "no_answer")
    assert any("where its owner may send nobody" in reason for reason in told.record.reasons)


def test_only_once(call) -> None:
    told = call("202", caller="201", petrova=moved("301"), sidorov=moved("201"), ivanov=Person(answers=1))
    assert told.answer == 480
    assert "device sidorov-desk sends the caller on to 201, where its owner may send nobody" in told.record.reasons


def test_one_of_a_group_sends_on_while_the_others_ring(call) -> None:
    told = call("640", ivanov=moved("301"), petrova=Person(answers=4, talks=5), sidorov=Person(answers=9), caller="301")
    assert told.record.answered_by == "device petrova-desk"
    assert [leg for _, leg in told.stopped] == ["device sidorov-desk"]
