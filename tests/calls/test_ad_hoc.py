"""An ad hoc conference, simulated: a third is called into a call, by a code that was typed (R14)."""

from collections.abc import Callable

import pytest

from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R14")

CODES = 'feature_codes: {in_call_conference: "*3"}\n'
TALKS = Person(answers=1.0, talks=60.0)

Office = Callable[..., Tenant]
Tell = Callable[..., Told]


def rang(told: Told) -> list[str]:
    return [label for _, label in told.rang]


def heard(told: Told) -> list[str]:
    return [what for _, what in told.heard]


@pytest.fixture
def three(office: Office, tell: Tell) -> Callable[..., Told]:
    """Anna has dialled boris, types this, and this is what vera does."""

    def place(keys: str, vera: Person = TALKS, boris: Person = TALKS, **more: object) -> Told:
        tenant = office(CODES, to="user/anna")
        return tell(tenant, "202", caller="201", keys=keys, boris=boris, vera=vera, **more)

    return place


@pytest.mark.parametrize("keys", ["*3203", "*3203#"])
def test_all_three_talk_and_when_one_has_gone_the_two_talk_on(three: Callable[..., Told], keys: str) -> None:
    told = three(keys, Person(answers=1.0, talks=20.0))
    assert rang(told) == ["device boris-desk", "device vera-desk"]
    assert heard(told) == ["ringback", "joined", "left"]
    (mix,) = told.record.facts["mixes"]
    assert [one["leg"] for one in mix["members"]] == ["caller", "device boris-desk", "device vera-desk"]
    assert mix["members"][2]["after"] == 20_000 and mix["members"][0]["moderates"]
    assert told.record.path == ["user/boris", "user/vera"] and told.record.hung_up_by == "callee"
    assert told.talk > 55, "boris and anna talk on until boris hangs up"


def test_when_the_caller_goes_all_are_hung_up(three: Callable[..., Told]) -> None:
    told = three("*3203", patience=30.0)
    assert set(told.hung_up) == {"device boris-desk", "device vera-desk"} and told.record.hung_up_by == "caller"


def test_who_was_called_may_ask_for_a_third_as_well(office: Office, tell: Tell) -> None:
    asks = Person(answers=1.0, talks=30.0, presses="*3203#")
    told = tell(office(CODES, to="user/anna"), anna=asks, vera=TALKS)
    assert rang(told) == ["device anna-desk", "device vera-desk"] and told.shown[1] == ("device vera-desk", "201")
    assert "device vera-desk" in told.hung_up
    assert told.record.facts["mixes"][0]["by"] == "device anna-desk"


@pytest.mark.parametrize(
    ("vera", "said"),
    [
        (Person(status=486), "system-third-busy"),
        (Person(status=480), "system-third-no-answer"),
        (Person(), "system-third-no-answer"),
    ],
)
def test_a_third_who_does_not_come_leaves_the_two_as_they_were(
    three: Callable[..., Told], vera: Person, said: str
) -> None:
    told = three("*3203", vera)
    assert heard(told) == ["ringback", said] and "mixes" not in told.record.facts
    assert told.record.disposition == "answered" and told.record.hung_up_by == "callee"


def test_a_star_gives_the_third_up(three: Callable[..., Told]) -> None:
    told = three("*3203#,*", Person())
    assert heard(told) == ["ringback"] and [label for _, label in told.stopped] == ["device vera-desk"]
    assert told.record.hung_up_by == "callee"


def test_the_moderator_sends_out_who_came_last(three: Callable[..., Told]) -> None:
    told = three("*3203#,1,*,4")  # 1 while it rings means nothing
    assert heard(told)[:3] == ["ringback", "joined", "system-ad-hoc-menu"]
    assert "device vera-desk is sent out of the conference" in told.record.reasons
    assert told.hung_up[0] == "device vera-desk" and told.record.hung_up_by == "callee"


def test_the_moderator_ends_it_for_all(three: Callable[..., Told]) -> None:
    told = three("*3203#,1,*,9")
    assert (
        set(told.hung_up) == {"device boris-desk", "device vera-desk"} and heard(told)[-1] == "system-conference-over"
    )
    assert told.record.hung_up_by == "caller" and told.talk < 30


def test_the_moderator_calls_in_one_more_as_it_may_dial(three: Callable[..., Told]) -> None:
    told = three("*3203#,1,*,5,89161234567#", mtt=TALKS)
    assert rang(told)[2] == "trunk acme.mtt"
    assert [one["leg"] for one in told.record.facts["mixes"][0]["members"]][3] == "trunk acme.mtt"


def test_class_of_service_holds_for_the_third(office: Office, tell: Tell) -> None:
    people = """
emergency: {numbers: ["112"]}
locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}
users:
  anna: {location: location/main, extension: "201", class_of_service: class_of_service/internal,
         devices: {desk: {type: desk_phone}}}
  boris: {location: location/main, extension: "202", devices: {desk: {type: desk_phone}}}
"""
    tenant = office(CODES, to="user/anna", people=people)
    told = tell(tenant, "202", caller="201", keys="*389161234567#", boris=TALKS)
    assert rang(told) == ["device boris-desk"] and heard(told) == ["system-barred"]
