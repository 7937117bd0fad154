"""What carriers and phones ask of SIP beyond the base call, live: late offer, PRACK, session timers, a phone's 302."""

import time
from collections.abc import Iterator

import pytest
from phones.message import Message
from phones.romashka import lab as romashka
from phones.romashka.example import number_for
from phones.romashka.stage import DOMAIN, Stage
from phones.sipp import Sipp
from phones.wire import WireParty

pytestmark = pytest.mark.lab

OFFICE = "+74951000112"  # rings ivanov and petrova
CALLERS = iter(range(1, 1000))


def carrier(stage: Stage, scenario: str, called: str) -> Sipp:
    """SIPp at the carrier mtt, with one call of a caller of its own."""
    caller = f"7903{int(time.time()) % 100_000:05d}{next(CALLERS) % 100:02d}"
    return Sipp(
        scenario,
        namespace=romashka.namespace("mtt"),
        address=romashka.addresses()["mtt"],
        port=5070,
        remote=f"{stage.edge[0]}:{stage.edge[1]}",
        keys={"called": called[1:], "host": stage.edge[0], "caller": caller},
        options=("-recv_timeout", "8000"),
    )


@pytest.mark.row("R21")
def test_late_offer_and_a_reinvite_without_one(stage: Stage) -> None:
    with carrier(stage, "uac_late_offer", number_for("ivr/main")[0]) as sipp:
        assert sipp.wait(15.0) == 0, sipp.errors()


def test_session_timer_too_short_granted_and_refreshed_by_update(stage: Stage) -> None:
    with carrier(stage, "uac_timer", number_for("ivr/main")[0]) as sipp:
        assert sipp.wait(15.0) == 0, sipp.errors()


@pytest.mark.row("R02")
def test_ringing_confirmed_by_prack(stage: Stage) -> None:
    petrova = stage.phone("petrova")
    place = petrova.place()
    with carrier(stage, "uac_prack", OFFICE) as sipp:
        petrova.wait_incoming(since=place)
        petrova.answer(since=place)
        assert sipp.wait(15.0) == 0, sipp.errors()
    petrova.wait_closed(place)


@pytest.fixture
def sender(stage: Stage) -> Iterator[WireParty]:
    """Sidorov's desk phone as a script, which sends each caller on; his own phone registers again after it."""
    where = romashka.namespace("stranger"), romashka.addresses()["stranger"]
    with WireParty(*where, 5072, name="sidorov-desk") as party:
        aor = f"sip:sidorov-desk@{DOMAIN}"
        login = ("sidorov-desk", romashka.password("sidorov", "desk"))
        answers = party.request("REGISTER", f"sip:{DOMAIN}", stage.edge, aor=aor, credentials=login)
        assert answers[-1].status == 200
        yield party
    stage.phone("sidorov").register()


@pytest.mark.row("R05")
@pytest.mark.parametrize(
    ("contact", "rings"),
    [(f"<sip:202@{DOMAIN}>", True), ("<sip:202@elsewhere.example>", False)],
    ids=["ours", "theirs"],
)
def test_phone_that_sends_the_caller_on(stage: Stage, sender: WireParty, contact: str, rings: bool) -> None:
    ivanov, petrova = stage.phone("ivanov"), stage.phone("petrova")
    place = petrova.place()
    mine = ivanov.dial("301")
    asked = sender.wait_call(5.0)
    sender.reply(asked.request, asked.peer, 302, "Moved Temporarily", [("Contact", contact)], tag=asked.tag)
    if rings:
        incoming = petrova.wait_incoming(since=place)
        invite = _invite(petrova.messages(incoming.call))
        assert f"<sip:301@{DOMAIN}>;reason=unconditional" in (invite.get("Diversion") or "")
        assert int(invite.get("Max-Forwards") or 70) <= 67  # the edge, we, and the edge again
        petrova.answer(since=place)
        ivanov.wait_established(mine)
        ivanov.hangup()
        petrova.wait_closed(place)
    else:
        assert ivanov.final(ivanov.wait_closed(mine).call) == 480


def _invite(messages: list[tuple[str, Message]]) -> Message:
    return next(m for way, m in messages if way == "received" and not m.status and m.method == "INVITE")
