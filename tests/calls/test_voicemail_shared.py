"""A box that several people hear: who opens it, which one is meant, and what one of them does counts for all (R12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from calls.test_voicemail_menu import AT, PINS, Office, Post, heard, message

from pbx.calls.mailbox import DELETED, Mailbox, Message
from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Script, Told, simulate
from pbx.features.story import story

pytestmark = pytest.mark.row("R12")

SHARED = """
ring_groups: {office: {extension: "640", members: [user/boris, "+79220000002"], on_no_answer: {hang_up: true}}}
voicemails:
  anna: {owner: user/anna, first_pin: {secret: pin_anna}}
  team: {owner: user/anna, shared_with: [ring_group/office, user/anna], first_pin: {secret: pin_team}, max_messages: 1}
"""


@pytest.fixture
def ring(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    def call(
        post: Callable[[Mailbox], None],
        keys: str,
        *,
        dialled: str = "*97",
        caller: str = "anna",
        to: str = "voicemail/team",
    ) -> Told:
        made = Mailbox.__init__

        def with_post(self: Mailbox, now: Callable[[], int]) -> None:
            made(self, now)
            post(self)

        monkeypatch.setattr(Mailbox, "__init__", with_post)
        state = StateScript(pins={**PINS, "pin_team": "5824"})
        trunk = "acme.mtt" if caller.startswith("+") else None
        try:
            return simulate(office(SHARED, to=to), Script(AT, caller, dialled, trunk, keys=keys, state=state), story)
        finally:
            monkeypatch.setattr(Mailbox, "__init__", made)

    return call


Ring = Callable[..., Told]


def in_team(name: str) -> Message:
    return message(name, box="team")


def test_who_shares_a_box_hears_it_by_its_pin(ring: Ring) -> None:
    told = ring(Post(in_team("a")), "5824#,#", caller="boris")
    assert heard(told)[:4] == ["pin", "new", "message of +79161234567", "menu"]
    assert "message a: heard" in told.record.reasons[-1]


def test_who_heard_it_before_is_said_to_others(ring: Ring) -> None:
    heard_before = replace(in_team("a"), state="saved", author="user/anna")
    told = ring(Post(heard_before), "5824#,6,#", caller="boris")
    assert heard(told)[3:7] == ["menu", "from", "received", "heard-by"]
    own = ring(Post(heard_before), "2,5824#,6,#", caller="anna")
    assert "heard-by" not in heard(own) and "received" in heard(own)


def test_who_has_several_is_asked_which_the_own_one_first(ring: Ring) -> None:
    told = ring(Post(in_team("a"), message("b", caller="202")), "2,5824#,#")
    assert heard(told)[:3] == ["which", "which", "pin"]
    assert "voicemail/team: chosen among several" in told.record.reasons
    assert "message of +79161234567" in heard(told) and "message of 202" not in heard(told)
    assert "voicemail/anna: chosen among several" in ring(Post(), "1,7391#").record.reasons
    nobody = ring(Post(), "")
    assert not any("chosen" in why for why in nobody.record.reasons) and nobody.record.hung_up_by == "pbx"


def test_the_extension_of_a_group_is_that_of_its_box(ring: Ring) -> None:
    told = ring(Post(in_team("a")), "5824#,2", caller="vera", dialled="*98640")
    assert "voicemail/team: opened by its PIN" in told.record.reasons
    assert heard(ring(Post(), "", dialled="*98202")) == ["refused"], "boris has none of his own"


def test_a_message_is_forwarded_to_a_group(ring: Ring) -> None:
    told = ring(Post(message("b")), "1,7391#,4,640#,#")
    assert "message b: forwarded to voicemail/team" in told.record.reasons


def test_what_somebody_else_has_deleted_is_not_played(ring: Ring) -> None:
    """A colleague deletes the second one while the first is heard."""
    post = Post(in_team("a"), in_team("b"))

    def meanwhile(mailbox: Mailbox) -> None:
        post(mailbox)
        later = asyncio.get_running_loop().call_later
        later(30.0, lambda: mailbox.mark(mailbox._messages["b"], DELETED, "user/boris"))

    told = ring(meanwhile, "5824#,1,1,1,1,1,1,1,1,#", caller="boris")
    assert post.states() == {"a": "saved", "b": "deleted"}
    assert "gone" in heard(told)


def test_a_box_is_full_for_who_comes_while_another_speaks(ring: Ring) -> None:
    """The last place is taken by whoever hears the greeting already."""

    def taken(mailbox: Mailbox) -> None:
        mailbox._places["team"] += 1

    told = ring(taken, "", dialled="+74951000100", caller="+79161234567")
    assert heard(told) == ["full", "refused"] and told.record.reasons[-1].startswith("voicemail/team: full")


def test_places_are_given_back(office: Office) -> None:
    box = office(SHARED, to="voicemail/team").services.voicemails["team"]
    mail = Mailbox(lambda: 0)
    with mail.place(box) as first, mail.place(box) as second:
        assert (first, second) == (True, False)
    with mail.place(box) as again:
        assert again


def test_its_people_are_the_owner_and_those_of_its_groups(office: Office) -> None:
    box = office(SHARED, to="voicemail/team").services.voicemails["team"]
    assert box.users == ("anna", "boris") and box.groups == ("office",)
