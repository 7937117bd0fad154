"""The owner listens: PIN, message after message, greetings, what is forwarded and called back (behaviour R12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from calls.conftest import PEOPLE

from pbx.calls.call import Call
from pbx.calls.mailbox import RATE, Mailbox, Message
from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features import voicemail_pin
from pbx.features.story import story
from pbx.model import pins
from pbx.model.objects import Tenant
from pbx.model.services import Setting

Office = Callable[..., Tenant]
AT = datetime.fromisoformat("2026-11-30T12:00:00+03:00")
NOW = int(AT.timestamp() * 1000)

pytestmark = pytest.mark.row("R12")

BOXES = (
    "voicemails: {anna: {owner: user/anna, first_pin: {secret: pin_anna}}, "
    "boris: {owner: user/boris, max_messages: 2}}\n"
)
PINS = {"pin_anna": "7391"}


class Post:
    """What is in the boxes before the call, and after it."""

    def __init__(self, *messages: Message) -> None:
        self.before = messages
        self.box: Mailbox | None = None

    def __call__(self, mailbox: Mailbox) -> None:
        self.box = mailbox
        for message in self.before:
            mailbox._messages[message.id] = message
            mailbox._sounds[message.id] = bytes(RATE * message.length // 1000)

    def states(self) -> dict[str, str]:
        assert self.box is not None
        return {message.id: message.state for message in self.box._messages.values()}


def message(name: str, state: str = "new", caller: str | None = "+79161234567", box: str = "anna") -> Message:
    return Message(name, box, caller, "", NOW - 3_600_000 + ord(name[0]), 4000, state)


@pytest.fixture
def ring(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    def call(post: Post, keys: str, *, dialled: str = "*97", caller: str = "anna", **more: Any) -> Told:
        made = Mailbox.__init__

        def with_post(self: Mailbox, now: Callable[[], int]) -> None:
            made(self, now)
            post(self)

        monkeypatch.setattr(Mailbox, "__init__", with_post)
        state = more.pop("state", StateScript(pins=PINS))
        script = Script(AT, caller, dialled, keys=keys, state=state, speaks=more.pop("speaks", 3.0), **more)
        try:
            return simulate(office(BOXES, to="voicemail/anna"), script, story)
        finally:
            monkeypatch.setattr(Mailbox, "__init__", made)

    return call


Ring = Callable[..., Told]


def heard(told: Told) -> list[str]:
    return [what.removeprefix("system-voicemail-") for _, what in told.heard]


def test_new_messages_come_first_and_are_saved_ones_when_they_were_heard(ring: Ring) -> None:
    post = Post(message("a", "saved", "202"), message("b"), message("c", caller=None))
    told = ring(post, "7391#,#,#,#")
    assert heard(told) == [
        "pin", "new", "message of +79161234567", "menu", "message of nobody known", "menu", "message of 202", "menu",
        "no-more", "options", "options", "options", "system-goodbye",
    ]  # fmt: skip
    assert post.states() == {"a": "saved", "b": "saved", "c": "saved"}
    assert told.record.path == ["feature_code/voicemail"]
    assert "voicemail/anna: opened by its PIN" in told.record.reasons


def test_a_message_is_deleted_and_brought_back(ring: Ring) -> None:
    post = Post(message("a"), message("b"))
    told = ring(post, "7391#,2,*,2,#")
    assert post.states() == {"a": "saved", "b": "saved"}
    assert heard(told)[3:9] == ["menu", "deleted", "message of +79161234567", "menu", "message of +79161234567", "menu"]
    assert ring(Post(message("a"), message("b")), "7391#,2").record.reasons[-1].startswith("message b: heard")
    gone = Post(message("a"))
    ring(gone, "7391#,2")
    assert gone.states() == {"a": "deleted"}


def test_who_and_when_is_said_and_the_message_again(ring: Ring) -> None:
    told = ring(Post(message("a")), "7391#,6,1,3")
    assert heard(told)[3:] == [
        "menu", "from", "received", "message of +79161234567", "menu", "message of +79161234567", "menu", "saved",
        "no-more", "options", "options", "options", "system-goodbye",
    ]  # fmt: skip


def test_calling_back_is_a_call_as_the_owner_may_make_it(ring: Ring) -> None:
    told = ring(Post(message("a", caller="202")), "7391#,5", people={"boris": Person(answers=1.0, talks=3.0)})
    assert told.record.path == ["feature_code/voicemail", "user/boris"]
    assert heard(ring(Post(message("a", caller=None)), "7391#,5"))[4] == "refused"


def test_a_message_is_forwarded_behind_a_word_about_it(ring: Ring) -> None:
    post = Post(message("a"))
    told = ring(post, "7391#,4,202#,#")
    assert "message a: forwarded to voicemail/boris" in told.record.reasons
    assert post.box is not None
    (copy,) = post.box.messages("boris")
    assert (copy.caller, copy.state, copy.origin, copy.length) == ("+79161234567", "new", "user/anna", 7000)
    assert post.states()["a"] == "saved", "this one stays"


@pytest.mark.parametrize(("to", "what"), [("299#", "system-invalid"), ("201#", "forwarded"), ("202#", "full")])
def test_to_whom_it_can_be_forwarded(ring: Ring, to: str, what: str) -> None:
    others = [message(name, box="boris") for name in "xy"]
    assert what in heard(ring(Post(message("a"), *others), f"7391#,4,{to},#"))


def test_three_wrong_pins_end_the_call_and_lock_the_box(ring: Ring) -> None:
    told = ring(Post(message("a")), "1111#,2222#,3333#")
    assert heard(told) == ["pin", "wrong-pin", "pin", "wrong-pin", "pin", "wrong-pin"]
    assert told.record.reasons[-1] == "voicemail/anna: 3 wrong PIN since the last right one"
    assert told.record.hung_up_by == "pbx"


def settings(**said: Any) -> StateScript:
    own = {"voicemail/anna": {key: Setting(value, "call x", 1) for key, value in said.items()}}
    return StateScript(pins=PINS, own=own)


def test_wrong_pins_are_counted_over_calls_and_a_lock_ends(ring: Ring) -> None:
    told = ring(Post(), "1111#,7391#", state=settings(wrong_pins=2))
    assert heard(told) == ["pin", "wrong-pin", "locked"], "the third, in another call"
    assert heard(ring(Post(), "7391#", state=settings(locked=NOW + 60_000))) == ["locked"]
    assert "none" in heard(ring(Post(), "7391#", state=settings(locked=NOW - 1)))


def test_the_own_pin_counts_in_place_of_the_first(ring: Ring) -> None:
    own = settings(pin=pins.hashed("8642", b"salt"))
    assert "none" in heard(ring(Post(), "8642#", state=own))
    assert "none" not in heard(ring(Post(), "7391#,7391#,7391#", state=own))


def test_a_box_without_a_pin_asks_its_owner_to_choose_one(ring: Ring) -> None:
    told = ring(Post(), "202#,1234#,8642#,8642#", caller="boris")
    assert heard(told)[:6] == ["new-pin", "weak-pin", "new-pin", "weak-pin", "new-pin", "pin-again"]
    assert "pin-changed" in heard(told) and "none" in heard(told)
    strange = ring(Post(), "", caller="anna", dialled="*98202")
    assert heard(strange) == ["refused"]
    assert strange.record.reasons[-1].startswith("voicemail/boris: has no PIN yet")


def test_another_box_is_opened_from_any_telephone_by_its_pin(ring: Ring) -> None:
    assert "new" in heard(ring(Post(message("a")), "7391#", caller="boris", dialled="*98201"))
    for dialled in ("*98299", "*98640"):
        assert heard(ring(Post(), "", dialled=dialled)) == ["refused"]
    assert heard(ring(Post(), "", caller="vera")) == ["refused"], "who has no box"


def test_greetings_are_recorded_one_for_a_while_before_the_usual_one(ring: Ring) -> None:
    post = Post(message("a"))
    told = ring(post, "7391#,0,1,#,0,2,3#,#", speaks=4.0)
    assert heard(told).count("greeting-saved") == 2
    assert sum(state == "greeting" for state in post.states().values()) == 2
    assert heard(ring(Post(message("a")), "7391#,0,2,0#"))[5:7] == ["days", "system-invalid"]


def test_callers_hear_the_recorded_greeting_while_it_holds(ring: Ring) -> None:
    greeting, away = message("g", "greeting", caller=None), message("h", "greeting", caller="away")
    said = {"greeting": {"id": "g", "until": None}, "greeting_until": {"id": "h", "until": NOW + 10}}

    def first(state: StateScript, *there: Message) -> str:
        told = ring(Post(*there), "", caller="+79161234567", dialled="+74951000100", trunk="acme.mtt", state=state)
        return told.heard[0][1]

    for until, wanted in ((NOW + 60_000, "message of away"), (NOW - 1, "message of nobody known")):
        said["greeting_until"]["until"] = until
        assert first(settings(**said), greeting, away) == wanted
    assert first(settings(**said)) == "system-voicemail", "neither is there any more"


def test_a_greeting_for_when_the_line_is_busy(ring: Ring, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """anna's calls come to her box when nobody answers, and when she is busy."""
    usual, busy = message("g", "greeting", caller=None), message("h", "greeting", caller="busy")
    state = settings(greeting={"id": "g", "until": None}, greeting_busy={"id": "h", "until": None})
    forwards = "forward: {busy: {to: voicemail/anna}, unavailable: {to: voicemail/anna}}"
    people = PEOPLE.replace('extension: "201"', f'extension: "201", {forwards}')
    post, made = Post(usual, busy), Mailbox.__init__

    def with_post(self: Mailbox, now: Callable[[], int]) -> None:
        made(self, now)
        post(self)

    monkeypatch.setattr(Mailbox, "__init__", with_post)
    for person, wanted in ((Person(status=486), "message of busy"), (Person(status=480), "message of nobody known")):
        script = Script(
            AT, "+79161234567", "+74951000100", "acme.mtt", state=state, people={"anna": person}, speaks=3.0
        )
        assert simulate(office(BOXES, to="user/anna", people=people), script, story).heard[0][1] == wanted


OUTSIDE = "voicemails: {anna: {owner: user/anna, first_pin: {secret: pin_anna}, listen_from_outside: true}}\n"


def from_outside(office: Office, monkeypatch: pytest.MonkeyPatch, post: Post, keys: str, yaml: str = OUTSIDE) -> Told:
    made = Mailbox.__init__

    def with_post(self: Mailbox, now: Callable[[], int]) -> None:
        made(self, now)
        post(self)

    with monkeypatch.context() as patched:
        patched.setattr(Mailbox, "__init__", with_post)
        state, number = StateScript(pins=PINS), "+74951000100"
        script = Script(AT, "+79161234567", number, "acme.mtt", keys=keys, state=state, speaks=3.0)
        return simulate(office(yaml, to="voicemail/anna"), script, story)


def test_the_owner_listens_from_outside_and_calls_nobody_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    told = from_outside(office, monkeypatch, Post(message("a", caller="202")), "*,7391#,5,#")
    assert told.record.path[-2:] == ["voicemail/anna", "feature_code/voicemail_of/201"]
    assert "voicemail/anna: opened by its PIN" in told.record.reasons
    assert "refused" in heard(told), "no call at the company's cost"
    assert not any("user/boris" in node for node in told.record.path)
    guessed = from_outside(office, monkeypatch, Post(), "*,1111#,2222#,3333#")
    assert guessed.record.reasons[-1] == "voicemail/anna: 3 wrong PIN since the last right one"


def test_another_box_of_the_same_person_stays_closed_from_outside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = OUTSIDE.replace("voicemails: {", "voicemails: {private: {owner: user/anna, first_pin: {secret: pin_anna}}, ")
    told = from_outside(office, monkeypatch, Post(message("a", box="private")), "*,7391#", two)
    assert "voicemail/anna: opened by its PIN" in told.record.reasons and "which" not in heard(told)


def test_the_key_is_none_where_the_box_does_not_want_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    told = from_outside(office, monkeypatch, Post(), "*,7391#", OUTSIDE.replace("true", "false"))
    assert told.record.path[-1] == "voicemail/anna"


def test_the_owner_hears_what_callers_hear_and_goes_back_to_the_companys(ring: Ring) -> None:
    post = Post(message("a"))
    told = ring(post, "7391#,0,5,#,0,1,#,0,6,#,0,3,#", speaks=4.0)
    assert heard(told).count("greeting-saved") == 2 and "message of nobody known" in heard(told)
    assert sorted(post.states().values()) == ["deleted", "deleted", "saved"]


@pytest.mark.parametrize("digits", ["1111#", "7391#"])
def test_whoever_was_asked_before_the_box_was_locked_gets_no_guess_more(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, digits: str
) -> None:
    """Many calls at once are asked for the PIN; the lock counts for all of them."""
    asked = voicemail_pin.typed

    async def typed(call: Call, prompt: str) -> str:
        for _ in range(voicemail_pin.TRIES):  # by three other calls, meanwhile
            voicemail_pin._count_wrong(call, call.tenant.services.voicemails["anna"])
        return await asked(call, prompt)

    monkeypatch.setattr(voicemail_pin, "typed", typed)
    told = ring(Post(message("a")), digits)
    assert heard(told) == ["pin", "locked"]
    assert told.record.reasons[-1].startswith("voicemail/anna: locked")


def test_nothing_typed_is_no_wrong_pin(ring: Ring) -> None:
    """A receiver that lies beside the telephone locks no box."""
    told = ring(Post(message("a")), "", state=settings(wrong_pins=2))
    assert heard(told) == ["pin", "pin", "pin"]
    assert not any("wrong PIN" in why for why in told.record.reasons)
    assert told.record.hung_up_by == "pbx"
