"""Encrypted sound, live: a phone on TLS with SRTP (SDES) and a plain one, both ways; each ear tells what it hears."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from phones import tone
from phones.baresip import Baresip
from phones.message import Message
from phones.romashka import lab as romashka
from phones.romashka.inside import MUSIC
from phones.romashka.stage import DOMAIN, TONES, Stage
from phones.tone import Heard
from phones.wire import WireParty

pytestmark = [pytest.mark.lab, pytest.mark.row("R21")]

MANDATORY, OPTIONAL, NONE = "mediaenc=srtp-mand", "mediaenc=srtp", ""
TALK = 1.0  # seconds


@contextmanager
def secure(stage: Stage, account: str) -> Iterator[Baresip]:
    """Sidorov's desk phone, on TLS with SRTP, in place of his plain one."""
    with stage.new_phone("sidorov", place="phone5", transport="tls", account=account) as phone:
        phone.register()
        yield phone
    stage.phone("sidorov").register()


def decoded(phone: Baresip) -> Heard:
    """What the phone itself made of the packets of its last call."""
    return tone.measure(tone.read_wav(phone.recordings()[-1]))


def sdp_of(phone: Baresip, way: str, method: str = "INVITE") -> str:
    """The last SDP of the phone's INVITEs that went this way: its own or ours."""
    found: list[Message] = [m for w, m in phone.messages() if w == way and m.method == method and m.body]
    return found[-1].body.decode()


@pytest.mark.parametrize("account", [MANDATORY, OPTIONAL])
def test_srtp_calls_plain(stage: Stage, account: str) -> None:
    petrova = stage.phone("petrova")
    with secure(stage, account) as phone:
        ringing, place = petrova.place(), phone.dial(f"sip:202@{DOMAIN}")
        petrova.answer(since=ringing)
        phone.wait_established(place)
        petrova.ear.wait_tone(TONES["sidorov"], TALK, 4.0)
        assert phone.ear.heard(place.at).tone(TONES["petrova"]) == 0.0, "in clear on the wire"
        assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in sdp_of(phone, "received")
        assert "crypto" not in sdp_of(petrova, "sent")
        phone.hangup()
        phone.wait_closed(place)
        assert decoded(phone).tone(TONES["petrova"]) > TALK / 2


@pytest.mark.parametrize("account", [MANDATORY, OPTIONAL])
def test_plain_calls_srtp(stage: Stage, account: str) -> None:
    """`media: either`, as where nothing is said: keys are offered that the phone may leave (RFC 8643)."""
    petrova = stage.phone("petrova")
    with secure(stage, account) as phone:
        ringing, place = phone.place(), petrova.dial(f"sip:301@{DOMAIN}")
        phone.answer(since=ringing)
        petrova.wait_established(place)
        petrova.ear.wait_tone(TONES["sidorov"], TALK, 4.0)
        assert phone.ear.heard(ringing.at).tone(TONES["petrova"]) == 0.0, "in clear on the wire"
        assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in sdp_of(phone, "sent")
        petrova.hangup()
        petrova.wait_closed(place)
        phone.wait_closed(ringing)
        assert decoded(phone).tone(TONES["petrova"]) > TALK / 2


def test_held_and_resumed_by_the_plain_side_and_by_the_other(stage: Stage) -> None:
    petrova = stage.phone("petrova")
    with secure(stage, MANDATORY) as phone:
        ringing, place = petrova.place(), phone.dial(f"sip:202@{DOMAIN}")
        petrova.answer(since=ringing)
        phone.wait_established(place)
        for who in (petrova, phone):
            petrova.ear.wait_tone(TONES["sidorov"], 0.4, 4.0)
            who.hold()
            if who is petrova:
                assert petrova.ear.listen(0.6).silent
            else:
                petrova.ear.wait_tone(MUSIC, 0.2, 4.0)
            who.resume()
        petrova.ear.wait_tone(TONES["sidorov"], 0.4, 4.0)
        phone.hangup()
        petrova.wait_closed(ringing)


def test_nothing_in_clear_where_the_model_says_srtp(stage: Stage) -> None:
    """Orlova's softphone has `media: srtp`: RTP/SAVP is what it is offered, and what it must offer."""
    petrova = stage.phone("petrova")
    with stage.new_phone("orlova", device="soft", place="phone5", transport="tls", account=MANDATORY) as phone:
        phone.register()
        ringing, place = phone.place(), petrova.dial(f"sip:204@{DOMAIN}")
        phone.answer(since=ringing)
        petrova.wait_established(place)
        petrova.ear.wait_tone(TONES["orlova"], TALK, 4.0)
        assert " RTP/SAVP " in sdp_of(phone, "received")
        petrova.hangup()
        phone.wait_closed(ringing)
        assert decoded(phone).tone(TONES["petrova"]) > TALK / 2
    with stage.new_phone("orlova", device="soft", place="phone5", transport="tls", account=NONE) as phone:
        phone.register()
        place = phone.dial(f"sip:202@{DOMAIN}")
        assert phone.final(phone.wait_closed(place).call) == 488
        place = petrova.dial(f"sip:204@{DOMAIN}")
        assert petrova.final(petrova.wait_closed(place).call) == 488


def test_a_phone_that_refuses_the_offer_is_made_another_once(stage: Stage) -> None:
    """`media: either`: keys that it may leave first, then RTP/SAVP for one that wants nothing else."""
    where = romashka.namespace("stranger"), romashka.addresses()["stranger"]
    petrova = stage.phone("petrova")
    with WireParty(*where, 5074, name="sidorov-desk") as party:
        login = ("sidorov-desk", romashka.password("sidorov", "desk"))
        aor = f"sip:sidorov-desk@{DOMAIN}"
        assert party.request("REGISTER", f"sip:{DOMAIN}", stage.edge, aor=aor, credentials=login)[-1].status == 200
        place = petrova.dial(f"sip:301@{DOMAIN}")
        offered = []
        for _ in range(2):
            asked = party.wait_call(5.0)
            offered.append(asked.request.body.decode())
            party.reply(asked.request, asked.peer, 488, "Not Acceptable Here", [], tag=asked.tag)
        assert petrova.final(petrova.wait_closed(place).call) == 488
        assert [" RTP/AVP " in sdp for sdp in offered] == [True, False]
        assert ["a=crypto:" in sdp for sdp in offered] == [True, True]
    stage.phone("sidorov").register()
