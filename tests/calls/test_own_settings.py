"""What a person sets by telephone, and what calls make of it, simulated (behaviour R08, R09)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from phones.scripted.simulation import house

from pbx.calls.simulated.state import ScriptedState, StateScript
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.story import story
from pbx.model.services import Setting

pytestmark = pytest.mark.row("R08")

NOON = datetime(2026, 11, 9, 9, tzinfo=UTC)
STAYS = Person(answers=1.0)


def tell(dialled: str, caller: str = "anna", own: dict[str, dict[str, Any]] | None = None, **people: Person) -> Told:
    settings = {
        user: {key: Setting(value, f"user/{user}", 1_795_000_000_000) for key, value in said.items()}
        for user, said in (own or {}).items()
    }
    trunk = "digits" if dialled.startswith("+") else None
    script = Script(NOON, caller, dialled, trunk, people=people, state=StateScript(own=settings))
    return simulate(house().model.tenants["house"], script, story)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any, str]]:
    """What was set."""
    found: list[tuple[str, str, Any, str]] = []
    monkeypatch.setattr(ScriptedState, "set_own", lambda self, *one: found.append(one))
    return found


@pytest.mark.parametrize(("dialled", "key", "value"), [
    ("*72202", "forward.always", {"to": "user/boris", "after": 20.0, "confirm": False}),
    ("*7289161234567", "forward.always", {"to": "+79161234567", "after": 20.0, "confirm": False}),
    ("*73", "forward.always", False),
    ("*90640", "forward.busy", {"to": "ring_group/all", "after": 20.0, "confirm": False}),
    ("*91", "forward.busy", False),
    ("*92202", "forward.no_answer", {"to": "user/boris", "after": 20.0, "confirm": False}),
    ("*93", "forward.no_answer", False),
    ("*78", "do_not_disturb", True),
    ("*79", "do_not_disturb", False),
])  # fmt: skip
def test_a_code_sets_it_and_three_tones_say_so(
    said: list[tuple[str, str, Any, str]], dialled: str, key: str, value: Any
) -> None:
    told = tell(dialled)
    assert said == [("anna", key, value, "user/anna")]
    assert [what for _, what in told.heard] == ["done"]
    assert told.record.disposition == "answered" and told.record.hung_up_by == "pbx"


@pytest.mark.parametrize(("dialled", "caller", "why"), [
    ("*72", "anna", "is nobody and nothing of this PBX"),
    ("*72201", "anna", "is the one whose calls are forwarded"),
    ("*7289161234567", "gleb", "class_of_service/internal allows up to internal"),
    ("*72810493012345678", "anna", "class_of_service/national allows up to national"),
    ("*72112", "anna", "is nobody and nothing of this PBX"),
])  # fmt: skip
def test_what_cannot_be_is_refused_by_three_low_tones(
    said: list[tuple[str, str, Any, str]], dialled: str, caller: str, why: str
) -> None:
    told = tell(dialled, caller)
    assert said == [] and [what for _, what in told.heard] == ["refused"]
    assert why in told.record.reasons[-1]


@pytest.mark.parametrize("code", ["*80", "*81"])
def test_no_loudspeaker_speaks_at_who_does_not_want_to_be_disturbed(code: str) -> None:
    told = tell(f"{code}202", boris=STAYS, own={"boris": {"do_not_disturb": True}})
    assert told.rang == [] and told.record.disposition != "answered"
    assert tell(f"{code}202", boris=STAYS).rang != []


def test_nobody_is_disturbed_who_does_not_want_to_be() -> None:
    told = tell("+74951000002", own={"anna": {"do_not_disturb": True}}, anna=STAYS)
    assert told.rang == [] and told.answer == 486
    assert told.record.reasons[-1] == (
        "user/anna does not want to be disturbed (set by user/anna themselves on 2026-11-18 14:06)"
    )
    told = tell("+74951000032", own={"gus": {"do_not_disturb": True}}, gus=STAYS, anna=STAYS)
    assert told.record.path[-2:] == ["user/gus", "user/anna"]  # where busy calls go
    told = tell("+74951000004", own={"anna": {"do_not_disturb": True}}, anna=STAYS, boris_desk=STAYS)
    assert "device anna-desk" not in [label for _, label in told.rang] and told.rang
    told = tell("202", own={"anna": {"do_not_disturb": True}}, **{"boris-desk": STAYS})
    assert told.record.disposition == "answered"  # who wants no calls may make some


def test_a_forwarding_of_the_persons_own_is_told_as_such() -> None:
    to_anna = {"to": "user/anna", "after": 20.0, "confirm": False}
    told = tell("+74951000031", own={"fay": {"forward.always": to_anna}}, anna=STAYS)
    assert told.record.path[-1] == "user/anna"
    assert (
        "user/fay forwards every call: to user/anna (set by user/fay themselves on 2026-11-18 14:06)"
        in told.record.reasons
    )
    told = tell("+74951000031", own={"fay": {"forward.always": False}}, fay=STAYS)
    assert told.record.answered_by == "device fay-desk"
    told = tell("+74951000031", anna=STAYS)
    assert "user/fay forwards every call: to user/boris" in told.record.reasons  # the model's word
