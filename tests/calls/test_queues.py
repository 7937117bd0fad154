"""A queue as its callers and agents meet it, simulated (behaviour R04)."""

from collections.abc import Callable

import pytest

from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Told
from pbx.model.call_tests import AgentIs, QueueIs
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("R04")

Office = Callable[..., Tenant]
Tell = Callable[..., Told]


def sales(more: str = "") -> str:
    """A queue of three agents with these keys beside."""
    return (
        "queues:\n  sales: {agents: [user/anna, user/boris, user/vera], on_timeout: {reject: 480}, "
        f"on_full: announcement/full, on_empty: announcement/empty{more}}}\n"
        "announcements:\n  full: {prompt: prompt/hello}\n  empty: {prompt: prompt/hello}\n"
    )


def rang(told: Told) -> list[tuple[float, str]]:
    return [(round(second), label.removeprefix("device ").removesuffix("-desk")) for second, label in told.rang]


def found(waiting: int = 0, **agents: AgentIs) -> StateScript:
    return StateScript(queues={"sales": QueueIs(waiting, agents)})


def test_a_caller_hears_the_greeting_and_music_and_talks_with_an_agent(office: Office, tell: Tell) -> None:
    told = tell(office(sales(", greeting: prompt/hello"), to="queue/sales"), anna=Person(answers=5.0))
    assert told.record.path == ["number/+74951000100", "queue/sales", "user/anna"]
    assert [what for _, what in told.heard] == ["hello", "music"]
    assert (told.record.answered_by, told.record.hung_up_by, told.talk) == ("device anna-desk", "callee", 10.0)


def test_agents_are_offered_one_after_another_and_paused_when_they_do_not_answer(office: Office, tell: Tell) -> None:
    told = tell(office(sales(", choose: linear, max_wait: 120s, autopause_after: 2"), to="queue/sales"))
    once = [(0, "anna"), (15, "boris"), (30, "vera")]
    assert rang(told) == [*once, *((second + 50, who) for second, who in once)]
    assert told.record.path[-2:] == ["queue/sales", "reject/480"]
    assert "queue/sales: user/anna is paused after 2 offers without an answer" in told.record.reasons
    assert "queue/sales: nobody answered in 120 s" in told.record.reasons


def test_ring_all_rings_at_once_and_the_first_takes_it(office: Office, tell: Tell) -> None:
    told = tell(
        office(sales(", choose: ring_all"), to="queue/sales"), boris=Person(answers=4.0), vera=Person(answers=6.0)
    )
    assert rang(told) == [(0, "anna"), (0, "boris"), (0, "vera")]
    assert {label for _, label in told.stopped} == {"device anna-desk", "device vera-desk"}
    assert told.record.answered_by == "device boris-desk"


def test_skills_are_needed_and_the_best_is_first(office: Office, tell: Tell) -> None:
    told = tell(office(sales(", choose: skills, skills: [sales], max_wait: 40s"), to="queue/sales"))
    assert rang(told) == [(0, "anna"), (15, "boris"), (35, "anna")]
    assert "queue/sales: user/vera has no skill sales" in told.record.reasons


def test_who_speaks_the_language_is_first(office: Office, tell: Tell) -> None:
    menu = (
        'ivrs:\n  main: {prompt: prompt/hello, keys: {"9": {language: en-US, to: queue/sales}}, '
        "on_timeout: queue/sales, on_invalid: queue/sales}\n"
    )
    pbx = office(sales(", choose: skills, skills: [english], max_wait: 16s") + menu, to="ivr/main")
    assert [who for _, who in rang(tell(pbx, keys="9"))] == ["boris"]  # nobody who has the skill speaks it: he does
    listed = sales(", choose: linear, max_wait: 31s").replace("user/anna, user/boris", "user/boris, user/anna")
    pbx = office(listed + menu, to="ivr/main")
    assert [who for _, who in rang(tell(pbx, keys="9"))] == ["anna", "boris", "vera"]
    assert [who for _, who in rang(tell(pbx))] == ["boris", "anna", "vera"]


def test_who_is_not_free_is_not_offered_the_call(office: Office, tell: Tell) -> None:
    state = found(anna=AgentIs("busy"), boris=AgentIs("paused"), vera=AgentIs("wrapping_up", until=40.0))
    told = tell(office(sales(), to="queue/sales"), state=state, vera=Person(answers=5.0))
    assert rang(told) == [(40, "vera")]
    assert told.record.answered_by == "device vera-desk"
    assert "queue/sales: user/boris is paused" in told.record.reasons


def test_a_full_queue_and_an_empty_one_are_left_at_once(office: Office, tell: Tell) -> None:
    pbx = office(sales(", max_length: 3"), to="queue/sales")
    assert tell(pbx, state=found(3)).record.path[-2:] == ["announcement/full", "hang_up"]
    assert ("queues", "sales", "on_full") in tell(pbx, state=found(3)).branches
    nobody = found(**{name: AgentIs("logged_out") for name in ("anna", "boris", "vera")})
    assert tell(pbx, state=nobody).record.path[-2:] == ["announcement/empty", "hang_up"]
    assert tell(pbx, state=found(2)).record.path[-1] == "reject/480"


def test_the_position_is_told(office: Office, tell: Tell) -> None:
    told = tell(office(sales(", announce_position: 30s"), to="queue/sales"), patience=70.0, state=found(2))
    assert [what for _, what in told.heard] == [
        "music",
        "system-queue-position",
        "music",
        "system-queue-position",
        "music",
    ]
    assert (told.record.disposition, told.record.hung_up_by) == ("answered", "caller")


@pytest.mark.parametrize(("waiting", "agents", "step"), [
    (0, {}, 4),
    (50, {}, 1),
    (0, {"anna": AgentIs("logged_out"), "boris": AgentIs("logged_out"), "vera": AgentIs("logged_out")}, 2),
    (0, {"anna": AgentIs("busy"), "boris": AgentIs("logged_out"), "vera": AgentIs("paused")}, 3),
])  # fmt: skip
def test_a_flow_asks_for_the_state_of_a_queue(
    waiting: int, agents: dict[str, AgentIs], step: int, office: Office, tell: Tell
) -> None:
    flow = "flows:\n  main:\n" + "".join(
        f"    - {{when: {{queue: {{queue/sales: {state}}}}}, to: {{reject: 60{number}}}}}\n"
        for number, state in enumerate(["full", "empty", "busy"])
    )
    told = tell(office(sales() + flow + "    - {to: {reject: 604}}\n"), state=found(waiting, **agents))
    assert any(reason.startswith(f"flow/main step {step}: ") for reason in told.record.reasons)


def test_a_flow_waits_in_a_queue_for_a_while(office: Office, tell: Tell) -> None:
    flow = "flows:\n  main:\n    - {to: queue/sales, for: 20s, otherwise: next}\n    - {to: {hang_up: true}}\n"
    told = tell(office(sales() + flow))
    assert told.record.path[-1] == "hang_up"
    assert "queue/sales did not answer in 20 s: next step" in told.record.reasons
