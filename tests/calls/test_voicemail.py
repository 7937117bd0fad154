"""A message is left: what the caller hears, which keys there are, what becomes of what was said (behaviour R12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pbx.calls.mailbox import Mailbox, NoRoom
from pbx.calls.simulated.world import Person, Told
from pbx.model.objects import Tenant

Office = Callable[..., Tenant]
Tell = Callable[..., Told]

pytestmark = pytest.mark.row("R12")

BOX = (
    "voicemails: {anna: {owner: user/anna, greeting: prompt/hello, max_message: 60s}, "
    "boris: {owner: user/boris, max_messages: 1, operator: user/anna}}\n"
)


def test_a_message_ends_when_the_caller_hangs_up(office: Office, tell: Tell) -> None:
    told = tell(office(BOX, to="voicemail/anna"))
    assert told.heard == [(0.0, "hello"), (3.0, "beep")]
    assert told.record.reasons[-1] == "voicemail/anna: a message of 10 s"
    assert (told.record.path[-1], told.record.disposition, told.record.hung_up_by) == (
        "voicemail/anna", "answered", "caller",
    )  # fmt: skip


def test_a_message_has_a_longest_length_and_a_box_without_a_greeting_the_pbxs_own(office: Office, tell: Tell) -> None:
    told = tell(office(BOX, to="voicemail/anna"), speaks=300.0)
    assert told.record.reasons[-1] == "voicemail/anna: a message of 60 s"
    assert told.record.hung_up_by == "pbx"
    assert tell(office(BOX, to="voicemail/boris")).heard[0][1] == "system-voicemail"


def test_keys_begin_a_message_again_and_end_it(office: Office, tell: Tell) -> None:
    told = tell(office(BOX, to="voicemail/anna"), keys="1,5#", speaks=7.0)
    assert [what for _, what in told.heard] == ["hello", "beep", "beep", "system-voicemail-recorded"]
    assert told.record.reasons[-1] == "voicemail/anna: a message of 7 s"
    assert told.record.hung_up_by == "pbx"


def test_a_caller_without_patience_leaves_what_was_said_until_then(office: Office, tell: Tell) -> None:
    told = tell(office(BOX, to="voicemail/anna"), speaks=30.0, patience=8.5)
    assert told.record.reasons[-1] == "voicemail/anna: a message of 5 s"
    hasty = tell(office(BOX, to="voicemail/anna"), speaks=30.0, patience=4.0)
    assert hasty.record.reasons[-1] == "voicemail/anna: nothing was said, no message"


def test_key_0_leads_to_the_operator_of_a_box_that_has_one(office: Office, tell: Tell) -> None:
    people = {"anna": Person(answers=1.0, talks=5.0)}
    told = tell(office(BOX, to="voicemail/boris"), keys="0", speaks=4.0, people=people)
    assert told.record.path[-2:] == ["voicemail/boris", "user/anna"]
    assert "voicemail/boris: a message of 4 s" in told.record.reasons, "what was said stays"
    assert ("voicemails", "boris", "operator") in told.branches
    without = tell(office(BOX, to="voicemail/anna"), keys="0", speaks=4.0, patience=60.0)
    assert without.record.path[-1] == "voicemail/anna"


def test_who_says_nothing_more_is_not_waited_for(office: Office, tell: Tell) -> None:
    told = tell(office(BOX, to="voicemail/anna"), keys="7", speaks=5.0)  # no key of a box
    assert told.record.hung_up_by == "pbx"


def test_a_full_box_says_so(office: Office, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mailbox, "messages", lambda self, box: [object()])
    told = tell(office(BOX, to="voicemail/boris"))
    assert [what for _, what in told.heard] == ["system-voicemail-full", "refused"]
    assert told.record.reasons[-1] == "voicemail/boris: full, 1 messages are in it"


@pytest.mark.parametrize("method", ["draft", "keep"])
def test_a_full_disk_is_said_to_the_caller(
    office: Office, tell: Tell, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object, **__: Any) -> None:
        raise NoRoom("the disk is full")

    monkeypatch.setattr(Mailbox, method, full)
    told = tell(office(BOX, to="voicemail/anna"), keys="#", speaks=5.0)
    assert [what for _, what in told.heard][-2:] == ["system-voicemail-unavailable", "refused"]
    assert told.record.reasons[-1] == "voicemail/anna: no message is taken: the disk is full"
    assert told.record.disposition == "answered"
