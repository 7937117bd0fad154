"""Lookups, switches and conference rooms as callers meet them, simulated."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Told
from pbx.calls.state import Found
from pbx.cli import main
from pbx.model.objects import Tenant

REFERENCE = Path(__file__).parents[1] / "fixtures" / "reference"

Office = Callable[..., Tenant]
Tell = Callable[..., Told]


@pytest.mark.row("C03")
def test_the_tests_of_the_reference_pbx_pass_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["test", str(REFERENCE)]) == 0
    assert "3 of 3 tests passed" in capsys.readouterr().out


BOX = "voicemails: {anna: {owner: user/anna, greeting: prompt/hello, max_message: 60s}, boris: {owner: user/boris}}\n"


# --- lookups ----------------------------------------------------------------------------------------------------------

ASKS = """
lookups: {crm: {url: "https://crm.example/lookup", timeout: 1500ms}}
flows:
  main:
    - {lookup: lookup/crm, as: crm}
    - {when: {crm.status: [vip, gold]}, to: user/vera}
    - {when: {crm.owner: present}, to: {from: crm.owner}, for: 15s, otherwise: next}
    - {when: {crm.late: true}, to: {from: crm.nobody}}
    - {to: {hang_up: true}}
"""


@pytest.mark.row("R24")
@pytest.mark.parametrize(("crm", "end", "why"), [
    ({"status": "gold"}, "user/vera", "lookup/crm: crm.status is gold"),
    ({"owner": "user/anna"}, "user/anna", "flow/main step 3: crm.owner is user/anna: to user/anna"),
    ({"owner": "boris"}, "hang_up", "user/boris did not answer in 15 s: next step"),
    ({"owner": "201"}, "user/anna", "lookup/crm: crm.owner is 201"),
    ({"owner": "8 916 123-45-67"}, "hang_up", "+79161234567 did not answer in 15 s: next step"),
    ({"owner": "user/nobody"}, "hang_up", "flow/main step 3 passed over: crm.owner is user/nobody, "
                                          "which is nobody and nothing of this PBX and no number"),
    ({"late": True}, "hang_up", "flow/main step 4 passed over: crm.nobody is not known"),
    ({}, "hang_up", "lookup/crm: nothing is known of the caller"),
    (None, "hang_up", "lookup/crm did not answer in 1.5 s: nothing is known"),
])  # fmt: skip
def test_what_a_crm_knows_decides(
    crm: dict[str, str | int | bool] | None, end: str, why: str, office: Office, tell: Tell
) -> None:
    told = tell(office(ASKS), state=StateScript(crm=crm), anna=Person(answers=5.0), vera=Person(answers=5.0))
    assert why in told.record.reasons
    assert told.record.path[-1] == end


@pytest.mark.row("R24")
def test_a_fact_that_leads_to_what_does_not_ring_takes_the_call_for_good(office: Office, tell: Tell) -> None:
    told = tell(office(ASKS + BOX), state=StateScript(crm={"owner": "voicemail/anna"}))
    assert told.record.path == ["number/+74951000100", "flow/main", "voicemail/anna"]
    assert "voicemail/anna rings nobody, so the call goes there for good" in told.record.reasons


@pytest.mark.row("R24")
def test_a_fact_leads_on_from_anything(office: Office, tell: Tell) -> None:
    more = "announcements: {said: {prompt: prompt/hello, to: {from: crm.owner}}}\n"
    asks = ASKS.replace("to: {hang_up: true}", "to: announcement/said").replace("crm.owner: present", "crm.x: y")
    told = tell(office(asks + more), state=StateScript(crm={"owner": "user/anna"}), anna=Person(answers=5.0))
    assert told.record.path[-2:] == ["announcement/said", "user/anna"]
    assert tell(office(asks + more)).record.path[-2:] == ["announcement/said", "hang_up"]


# --- switches ---------------------------------------------------------------------------------------------------------

NIGHT = """
overrides: {night: {code: "*28", users: [user/anna]}}
flows: {main: [{when: {override: override/night}, to: {reject: 603}}, {to: user/anna}]}
"""


@pytest.mark.row("R22")
def test_a_switch_decides_while_it_is_on(office: Office, tell: Tell) -> None:
    assert tell(office(NIGHT), state=StateScript(("night",))).record.path[-1] == "reject/603"
    assert tell(office(NIGHT)).record.path[-1] == "user/anna"


@pytest.mark.row("R22")
def test_its_users_switch_it_over_by_its_code(office: Office, tell: Tell) -> None:
    on = tell(office(NIGHT), "*28", caller="201")
    assert [what for _, what in on.heard] == ["system-override-on"]
    off = tell(office(NIGHT), "*28", caller="201", state=StateScript(("night",)))
    assert [what for _, what in off.heard] == ["system-override-off"]
    assert off.record.path == ["override/night"]
    other = tell(office(NIGHT), "*28", caller="202")
    assert (other.answer, other.heard) == (403, [(0.0, "system-barred")])
    assert "whoever calls may not switch override/night" in other.record.reasons


# --- rooms ------------------------------------------------------------------------------------------------------------

ROOM = "conferences: {board: {pin: {secret: board}, moderator_pin: {secret: chair}, wait_for_moderator: true}}\n"
PINS = {"board": "4711", "chair": "9999"}


@pytest.mark.row("R13")
def test_the_pin_lets_a_member_in_who_waits_for_the_moderator(office: Office, tell: Tell) -> None:
    told = tell(office(ROOM, to="conference/board"), keys="1111,4711#", state=StateScript(pins=PINS), patience=60.0)
    assert [what for _, what in told.heard] == [
        "system-conference-pin", "system-conference-wrong-pin",
        "system-conference-pin", "system-conference-wait", "music",
    ]  # fmt: skip
    assert (told.record.path[-1], told.record.hung_up_by) == ("conference/board", "caller")


@pytest.mark.row("R13")
def test_the_moderator_waits_for_nobody(office: Office, tell: Tell) -> None:
    told = tell(office(ROOM, to="conference/board"), keys="9999#", state=StateScript(pins=PINS), patience=60.0)
    assert [what for _, what in told.heard] == ["system-conference-pin", "system-conference-alone", "music"]
    assert "conference/board: comes in as the moderator" in told.record.reasons


@pytest.mark.row("R13")
def test_three_wrong_pins_end_the_call(office: Office, tell: Tell) -> None:
    told = tell(office(ROOM, to="conference/board"), keys="1,2,3", state=StateScript(pins=PINS))
    assert told.record.hung_up_by == "pbx"
    assert [what for _, what in told.heard][-2:] == ["system-conference-wrong-pin", "system-goodbye"]
    assert "conference/board: no right PIN in 3 tries" in told.record.reasons
    assert "conferences" not in told.record.facts


@pytest.mark.row("R13")
def test_a_room_without_a_pin_asks_for_none(office: Office, tell: Tell) -> None:
    told = tell(office("conferences: {open: {}}\n", to="conference/open"), patience=30.0)
    assert [what for _, what in told.heard] == ["system-conference-alone", "music"]
    (was_in,) = told.record.facts["conferences"]
    assert was_in == {"conference": "open", "moderates": False, "at": 0, "in": True, "after": 30_000}


@pytest.mark.row("R13")
@pytest.mark.parametrize(("found", "pin", "heard", "why"), [
    (Found(3), "4711#", ["system-conference-wait", "music"], "conference/board: comes in"),
    (Found(3, moderated=True), "4711#", ["joined"], "conference/board: comes in"),
    (Found(50, True), "4711#", ["system-conference-full"], "conference/board: 50 are in, that is all it takes"),
    (Found(50, True), "9999#", ["system-conference-full"], "conference/board: 50 are in, that is all it takes"),
    (Found(3, True, locked=True), "4711#", ["system-conference-locked"], "conference/board: locked by its moderator"),
    (Found(3, True, locked=True), "9999#", ["joined"], "conference/board: comes in as the moderator"),
])  # fmt: skip
def test_what_a_caller_finds(found: Found, pin: str, heard: list[str], why: str, office: Office, tell: Tell) -> None:
    state = StateScript(pins=PINS, rooms={"board": found})
    told = tell(office(ROOM, to="conference/board"), keys=pin, state=state, patience=60.0)
    assert [what for _, what in told.heard] == ["system-conference-pin", *heard]
    assert told.record.reasons[-1] == why
    assert told.record.hung_up_by == ("pbx" if "full" in heard[0] or "locked" in heard[0] else "caller")


@pytest.mark.row("R13")
@pytest.mark.parametrize(("pin", "key", "heard", "kept"), [
    ("4711#", "*1", ["system-conference-menu", "system-conference-muted"], {"muted": True}),
    ("4711#", "*2", ["system-conference-menu", "refused"], {}),
    ("4711#", "5", [], {}),
    ("4711#", "*", ["system-conference-menu"], {}),
    ("9999#", "*2", ["system-conference-moderator-menu", "system-conference-lock-on"], {"locked": True}),
    ("9999#", "*3", ["system-conference-moderator-menu", "done"], {}),
    ("9999#", "*4", ["system-conference-moderator-menu", "refused"], {}),  # there is nobody
    ("9999#", "*8", ["system-conference-moderator-menu", "refused"], {}),
])  # fmt: skip
def test_keys_in_the_room(
    pin: str, key: str, heard: list[str], kept: dict[str, bool], office: Office, tell: Tell
) -> None:
    state = StateScript(pins=PINS, rooms={"board": Found(2, moderated=True)})
    told = tell(office(ROOM, to="conference/board"), keys=f"{pin},{key}", state=state, patience=60.0)
    assert [what for _, what in told.heard] == ["system-conference-pin", "joined", *heard]
    (was_in,) = told.record.facts["conferences"]
    assert {name: was_in[name] for name in ("muted", "locked") if was_in.get(name)} == kept


@pytest.mark.row("R13")
def test_a_test_of_the_model_says_who_is_in_a_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (REFERENCE / "romashka" / "romashka.yml").read_text("utf-8")
    assert "conferences:" in text
    root = tmp_path / "model"
    shutil.copytree(REFERENCE, root)
    told = """
tests:
  - {name: locked, at: "2026-11-07T12:00+03:00", from: user/ivanov, to: "800",
     conferences: {board: {members: 3, locked: true}}, keys: "1234#", hears: [system-conference-locked]}
"""
    (root / "romashka" / "room_tests.yml").write_text(told, "utf-8")
    assert main.run(["test", str(root)]) == 0, capsys.readouterr().out
    assert "4 of 4 tests passed" in capsys.readouterr().out


# --- digits that a menu asks for --------------------------------------------------------------------------------------


def orders(collect: str) -> str:
    asks = f"{{name: order, prompt: prompt/hello, {collect}}}"
    return (
        f'ivrs: {{main: {{prompt: prompt/hello, keys: {{"2": {{collect: {asks}, '
        "to: user/anna}}, on_timeout: {reject: 480}, on_invalid: {reject: 603}, max_retries: 1}}\n"
    )


@pytest.mark.row("R16")
@pytest.mark.parametrize(("collect", "keys", "end", "why"), [
    ('digits: 4-10, end: "#"', "2,12345#", "user/anna", "order: 12345 typed"),
    ('digits: "4"', "2,1234", "user/anna", "order: 1234 typed"),
    ('digits: 4-10, end: "#"', "2,12345", "user/anna", "order: 12345 typed"),
    ('digits: 4-10, end: "#"', "2,123#,1234#", "user/anna", "order: 3 digits typed, 4 to 10 are asked for (try 1)"),
    ('digits: 4-10, end: "#"', "2,123#,1", "reject/603", "order: 1 digits typed, 4 to 10 are asked for (try 2)"),
    ('digits: 4-10, end: "#", confirm: true', "2,1234#,1", "user/anna", "order: 1234 typed"),
    ('digits: 4-10, end: "#", confirm: true', "2,1234#,2,5678#,1", "user/anna", "order: 5678 typed"),
    ('digits: 4-10, end: "#", confirm: true', "2,1234#", "reject/603", "order: read back and not confirmed (try 1)"),
    ('digits: 4-10, end: "#", sensitive: true', "2,1234#", "user/anna", "order: 4 digits typed, not written down"),
])  # fmt: skip
def test_digits_are_asked_for(collect: str, keys: str, end: str, why: str, office: Office, tell: Tell) -> None:
    told = tell(office(orders(collect), to="ivr/main"), keys=keys, anna=Person(answers=3.0))
    assert told.record.path[-1] == end
    assert why in told.record.reasons
    assert "sensitive" not in collect or not any("1234" in reason for reason in told.record.reasons)


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.row("R15")
@pytest.mark.parametrize(("at", "said"), [
    ("2026-11-09T12:00+03:00", "С девяти до восемнадцати."),
    ("2026-11-08T12:00+03:00", "С девяти до восемнадцати."),  # a Sunday: those of Monday
    ("2026-12-31T12:00+03:00", "С девяти до четырнадцати тридцати."),
])  # fmt: skip
def test_hours_are_told(at: str, said: str, office: Office, tell: Tell) -> None:
    says = (
        "announcements: {closed: {prompt: prompt/hours, hours: schedule/short}}\n"
        'calendars: {end: {days: [{date: 2026-12-31, hours: ["09:00-14:30"]}]}}\n'
        "schedules: {short: {open: [{days: [MO, TU, WE, TH, FR], hours: [\"09:00-13:00\", \"14:00-18:00\"]}], "
        "calendars: [calendar/end]}}\n"
    )  # fmt: skip
    assert tell(office(says, to="announcement/closed"), at=at).said == [said]


@pytest.mark.row("R15")
def test_a_menu_tells_hours_and_a_key_changes_the_language(office: Office, tell: Tell) -> None:
    menu = (
        "ivrs: {main: {prompt: prompt/hours, hours: schedule/office, "
        'keys: {"9": {language: en-US, to: announcement/a}}, '
        "on_timeout: {hang_up: true}, on_invalid: {hang_up: true}}}\n"
        "announcements: {a: {prompt: prompt/hours, hours: schedule/office}}\n"
    )
    told = tell(office(menu, to="ivr/main"), keys="9")
    assert told.said == ["С девяти до восемнадцати.", "From nine a.m. to six p.m."]
    assert told.facts.language == "en-US"
