"""A word in place of a key (behaviour R15): the simulated recogniser is certain, or has not understood."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from pbx.calls.simulated.replay import replay
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.spoken_choice import phrases_of
from pbx.features.story import story
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R15")

Office = Callable[..., Tenant]
NOON = datetime.fromisoformat("2026-11-09T12:00+03:00")
MENU = """
ivrs:
  main:
    prompt: prompt/hello
    input: [keys, speech]
    timeout: 2s
    max_retries: 1
    keys:
      "1": {phrases: {ru-RU: [отдел продаж, продажи], en-US: [sales department]}, to: user/anna}
      "2": {phrases: {ru-RU: [техподдержка]}, to: user/boris}
      "9": {language: en-US, phrases: {ru-RU: [английский]}, to: ivr/main}
    on_timeout: {hang_up: true}
    on_invalid: user/vera
"""


@pytest.fixture
def say(office: Office) -> Callable[..., Told]:
    tenant = office(MENU, to="ivr/main")

    def place(*spoken: str, **more: Any) -> Told:
        people = dict.fromkeys(("anna", "boris", "vera"), Person(answers=1.0, talks=2.0))
        script = Script(NOON, "+79161234567", "+74951000100", "acme.mtt", people=people, spoken=spoken, **more)
        told = simulate(tenant, script, story)
        again = replay(tenant, told.record.document(), story).told.record
        assert (again.path, again.answered_by) == (told.record.path, told.record.answered_by)
        assert abs((again.ended or 0) - (told.record.ended or 0)) < 100
        return told

    return place


@pytest.mark.parametrize(
    ("spoken", "end"),
    [
        (("Отдел продаж!",), "user/anna"),
        (("техподдержка",), "user/boris"),
        (("не техподдержка", "техподдержка"), "user/boris"),  # who says more may mean the opposite
        (("что-то", "другое"), "user/vera"),
        (("английский", "sales department"), "user/anna"),
        (("английский", "техподдержка", "что-то"), "user/vera"),  # no phrase of the language that the call has now
    ],
)
def test_a_phrase_is_a_key(say: Callable[..., Told], spoken: tuple[str, ...], end: str) -> None:
    told = say(*spoken)
    assert told.record.path[-1] == end
    rejected = [what for _, what in told.heard if what == "system-not-understood"]
    assert len(rejected) == sum("none of its phrases" in reason for reason in told.record.reasons)


def test_what_was_heard_is_in_the_record_and_what_was_not_understood_is_not(say: Callable[..., Told]) -> None:
    record = say("моя карта четыре два", "продажи").record
    assert "ivr/main: what was said is none of its phrases (simulated) (try 1)" in record.reasons
    assert "ivr/main: “продажи” heard (1.00, simulated): to user/anna" in record.reasons
    assert "карта" not in str(record.document())
    assert [one["heard"] for one in record.facts["inputs"]] == ["", "продажи"]


def test_a_key_is_as_good_as_ever_and_so_it_is_without_a_recogniser(say: Callable[..., Told]) -> None:
    assert say(keys="2").record.path[-1] == "user/boris"
    told = say("продажи", "продажи", keys="2", recogniser=False, patience=600.0)
    assert told.record.path[-1] == "hang_up", "whoever speaks to nobody has typed nothing"
    deaf = say(keys="2", recogniser=False)
    assert deaf.record.path[-1] == "user/boris"
    assert "ivr/main: speech is not understood now (there is none): keys alone" in deaf.record.reasons


def test_a_key_wins_over_what_is_being_said(office: Office) -> None:
    tenant = office(MENU, to="ivr/main")
    script = Script(NOON, "+79161234567", "+74951000100", "acme.mtt", spoken=("продажи",), keys="")

    async def hasty(call: Any) -> None:
        asyncio.get_running_loop().call_later(1.0, call.caller.digits.put_nowait, "2")  # said from 0.5 to 2.0 s
        await story(call)

    path = simulate(tenant, script, hasty).record.path
    assert "user/boris" in path and "user/anna" not in path


def test_people_may_be_asked_for_by_name(office: Office) -> None:
    people = """
emergency: {numbers: ["112"]}
locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}
users:
  anna: {name: Анна Петрова, location: location/main, extension: "201", devices: {desk: {type: desk_phone}}}
  boris: {name: Борис Петров, location: location/main, extension: "202", devices: {desk: {type: desk_phone}}}
  vera: {name: Вера Петрова, location: location/main, extension: "203", devices: {desk: {type: desk_phone}}}
"""
    menu = MENU.replace("input:", "direct_dial: true\n    input:")
    tenant = office(menu, to="ivr/main", people=people)
    phrases = phrases_of(tenant.ivrs["main"], tenant, "ru-RU")
    assert phrases["борис петров"] == phrases["петров борис"] == phrases["петров"] == "202"
    assert phrases["анна петрова"] == "201" and "петрова" not in phrases, "two are called so"
    script = Script(
        NOON, "+79161234567", "+74951000100", "acme.mtt", spoken=("Петрова Анна",), people={"anna": Person(1.0)}
    )
    told = simulate(tenant, script, story)
    assert told.record.path[-1] == "user/anna"
