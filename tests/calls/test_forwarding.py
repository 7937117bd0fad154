"""What a person's own settings do with calls that the person does not take (behaviour R08), simulated."""

from collections.abc import Callable

import pytest

from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R08")

Office = Callable[..., Tenant]
Tell = Callable[..., Told]


def people(**forwards: str) -> str:
    """Five people with a desk phone each, and their forwarding."""
    names = ["anna", "boris", "vera", "gleb", "dina", "egor"]
    users = "".join(
        f'  {name}: {{location: location/main, extension: "20{number}", devices: {{desk: {{type: desk_phone}}}}, '
        f"forward: {forwards.get(name, '{}')}}}\n"
        for number, name in enumerate(names, 1)
    )
    return (
        'emergency: {numbers: ["112"]}\n'
        'locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}\n'
        f"users:\n{users}"
    )


BOXES = "voicemails: {anna: {owner: user/anna}}\n"


@pytest.mark.parametrize(("forward", "anna", "rang", "why"), [
    ("{always: {to: user/boris}}", Person(answers=1.0), ["boris"], "user/anna forwards every call: to user/boris"),
    ("{busy: {to: user/boris}}", Person(status=486), ["anna", "boris"], "user/anna is busy: to user/boris"),
    ("{busy: {to: user/boris}}", Person(status=603), ["anna", "boris"], "user/anna is busy: to user/boris"),
    ("{no_answer: {to: user/boris, after: 12s}}", Person(), ["anna", "boris"],
     "user/anna did not answer in 12 s: to user/boris"),
    ("{unavailable: {to: user/boris}}", Person(status=480), ["anna", "boris"],
     "user/anna cannot be reached: to user/boris"),
])  # fmt: skip
def test_each_kind_of_forwarding(
    forward: str, anna: Person, rang: list[str], why: str, office: Office, tell: Tell
) -> None:
    told = tell(office("", to="user/anna", people=people(anna=forward)), anna=anna, boris=Person(answers=3.0))
    assert [label for _, label in told.rang] == [f"device {name}-desk" for name in rang]
    assert why in told.record.reasons
    assert told.record.path == ["number/+74951000100", "user/anna", "user/boris"]
    assert told.record.answered_by == "device boris-desk"
    assert ("users", "anna", "forward", forward[1:].partition(":")[0]) in told.branches


def test_what_is_not_meant_does_not_forward(office: Office, tell: Tell) -> None:
    told = tell(office("", to="user/anna", people=people(anna="{busy: {to: user/boris}}")), anna=Person(status=480))
    assert (told.answer, told.record.path[-1]) == (480, "user/anna")


def test_to_a_box_and_to_an_outside_number_that_confirms(office: Office, tell: Tell) -> None:
    told = tell(office(BOXES, to="user/anna", people=people(anna="{no_answer: {to: voicemail/anna}}")))
    assert told.record.path[-2:] == ["user/anna", "voicemail/anna"]
    away = people(anna='{always: {to: "+79160000001", confirm: true}}')
    told = tell(office("", to="user/anna", people=away), mtt=Person(answers=2.0, presses="1"))
    assert told.record.path[-2:] == ["user/anna", "+79160000001"]
    assert told.record.answered_by == "trunk acme.mtt"
    told = tell(office("", to="user/anna", people=away), mtt=Person(answers=2.0))
    assert told.record.disposition == "no_answer"


def test_an_outside_number_is_dialled_as_the_person_may(office: Office, tell: Tell) -> None:
    abroad = people(anna='{always: {to: "+4930123456"}}')
    told = tell(office("", to="user/anna", people=abroad))
    assert told.rang == []
    assert any("class_of_service/national allows up to national" in reason for reason in told.record.reasons)


def test_a_loop_is_482(office: Office, tell: Tell) -> None:
    two = people(anna="{always: {to: user/boris}}", boris="{unavailable: {to: user/anna}}")
    told = tell(office("", to="user/anna", people=two), boris=Person(status=480))
    assert told.answer == 482
    assert "loop: forwarded to where the call has been: user/anna → user/boris → user/anna" in told.record.reasons


def test_five_hops_end_in_the_box_of_the_first(office: Office, tell: Tell) -> None:
    names = ["anna", "boris", "vera", "gleb", "dina", "egor"]
    chain = dict(zip(names, [f"{{always: {{to: user/{name}}}}}" for name in names[1:]], strict=False))
    told = tell(office(BOXES, to="user/anna", people=people(**chain)))
    assert told.record.path[-2:] == ["user/dina", "voicemail/anna"]
    assert tell(office("", to="user/anna", people=people(**chain))).answer == 480


def test_a_loop_through_other_things_ends_too(office: Office, tell: Tell) -> None:
    flow = "flows: {main: [{to: user/anna}]}\n"
    told = tell(office(flow, people=people(anna="{always: {to: flow/main}}")))
    assert told.answer == 482
    assert told.record.reasons[-1].startswith("loop: more than 60 nodes")


def test_a_flow_that_waits_for_a_while_follows_only_what_takes_every_call(office: Office, tell: Tell) -> None:
    flow = "flows: {main: [{to: user/anna, for: 10s, otherwise: next}, {to: {hang_up: true}}]}\n"
    told = tell(office(flow, people=people(anna="{no_answer: {to: user/boris}}")))
    assert [label for _, label in told.rang] == ["device anna-desk"]
    told = tell(office(flow, people=people(anna="{always: {to: user/boris}}")), boris=Person(answers=4.0))
    assert told.record.path[-1] == "user/boris"
    told = tell(office(flow + BOXES, people=people(anna="{always: {to: voicemail/anna}}")))
    assert told.record.path[-1] == "hang_up"
