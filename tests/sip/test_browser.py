"""A telephone in a page, live: WebSocket at the edge, DTLS-SRTP and ICE at the relay; it talks with a plain phone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from phones.browser.browser import JSSIP, Browser
from phones.romashka import lab as romashka
from phones.romashka.example import number_for
from phones.romashka.inside import MUSIC
from phones.romashka.stage import DOMAIN, TONES, Stage

pytestmark = pytest.mark.row("R21")

BUNDLED = "a8dc95ce4ea293901512ae8cf673b3b5fb78a21dbd733716948b184a8357e505"
HZ = 1350.0
OPUS, G711 = ["opus", "telephone-event"], ["pcma", "pcmu", "telephone-event"]


def test_what_is_vendored_is_what_was_bundled() -> None:
    assert hashlib.sha256(JSSIP.read_bytes()).hexdigest() == BUNDLED


def certificate() -> Path:
    (found,) = romashka.AUTHORITY.parent.glob("edge1-*.pem")
    return found


@contextmanager
def registered(stage: Stage) -> Iterator[Browser]:
    """Orlova's page."""
    with Browser(romashka.namespace("phone6"), hz=HZ, certificate=certificate()) as page:
        page.register(f"orlova-web@{DOMAIN}", romashka.password("orlova", "web"), server(stage))
        page.wait("registered")
        yield page


@pytest.fixture
def browser(stage: Stage) -> Iterator[Browser]:
    with registered(stage) as page:
        yield page


def server(stage: Stage) -> str:
    return f"wss://{stage.edge[0]}:8443/ws"


@pytest.mark.lab
@pytest.mark.parametrize(
    ("codecs", "spoken"), [(None, "audio/PCMU"), (OPUS, "audio/opus")], ids=["common codec", "Opus alone"]
)
def test_page_calls_phone(stage: Stage, browser: Browser, codecs: list[str] | None, spoken: str) -> None:
    """A codec that both have passes untouched; Opus alone is transcoded to G.711."""
    petrova = stage.phone("petrova")
    ringing = petrova.place()
    browser.do("dial", f"sip:202@{DOMAIN}", codecs)
    petrova.answer(since=ringing)
    browser.wait("established")
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.wait_tone(TONES["petrova"])
    used = browser.do("statistics")
    assert (used["sends"], used["hears"], used["dtls"]) == (spoken, spoken, "connected")
    invite = [m for way, m in petrova.messages() if way == "received" and m.method == "INVITE"][-1].body.decode()
    assert not any(word in invite for word in ("fingerprint", "candidate", "extmap", "rtcp-mux", "ssrc"))
    browser.do("hangUp")
    petrova.wait_closed(ringing)


@pytest.mark.lab
@pytest.mark.parametrize("codecs", [None, G711], ids=["all codecs", "G.711"])
def test_phone_calls_page(stage: Stage, browser: Browser, codecs: list[str] | None) -> None:
    petrova = stage.phone("petrova")
    place = petrova.dial(f"sip:204@{DOMAIN}")
    browser.wait("incoming")
    assert "UDP/TLS/RTP/SAVPF" in browser.page.evaluate("() => phone.session._request.body")
    browser.do("answer", codecs)
    petrova.wait_established(place)
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.wait_tone(TONES["petrova"])
    petrova.hangup()
    browser.wait("closed remote")
    petrova.wait_closed(place)


@pytest.mark.lab
@pytest.mark.row("R15")
@pytest.mark.parametrize("codecs", [None, OPUS], ids=["common codec", "Opus alone"])
def test_page_types_in_the_menu_and_holds_whom_it_reaches(
    stage: Stage, browser: Browser, codecs: list[str] | None
) -> None:
    """Its digits (RFC 4733, under DTLS) reach the menu; whoever answers is heard, held, and heard again."""
    petrova = stage.phone("petrova")
    ringing = petrova.place()
    browser.do("dial", f"sip:8{number_for('ivr/main')[0][2:]}@{DOMAIN}", codecs)
    browser.wait("established")
    browser.do("press", "1")
    petrova.answer(since=ringing)
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.wait_tone(TONES["petrova"])
    browser.do("hold")
    browser.wait("held")
    petrova.ear.wait_tone(MUSIC, 0.2, 4.0)
    browser.do("resume")
    browser.wait("resumed")
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.wait_tone(TONES["petrova"])
    browser.do("hangUp")
    petrova.wait_closed(ringing)


@pytest.mark.lab
@pytest.mark.parametrize("by", ["RFC2833", "INFO"])
def test_digits_of_the_page_reach_the_phone(stage: Stage, browser: Browser, by: str) -> None:
    """Both as RFC 4733: those that came by INFO are put among the packets at the relay."""
    petrova = stage.phone("petrova")
    ringing = petrova.place()
    browser.do("dial", f"sip:202@{DOMAIN}", None)
    petrova.answer(since=ringing)
    browser.wait("established")
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.do("press", "5#", by)
    petrova.ear.track.wait_digits("5#", 5.0, ringing.at)
    petrova.ear.wait_tone(HZ, 0.5, 8.0)
    browser.wait_tone(TONES["petrova"])
    browser.do("hangUp")
    petrova.wait_closed(ringing)


@pytest.mark.lab
def test_page_that_is_gone_is_not_rung(stage: Stage) -> None:
    """The registration goes with the connection: 204 has no other device that is there."""
    with registered(stage):
        pass
    petrova = stage.phone("petrova")
    place = petrova.dial(f"sip:204@{DOMAIN}")
    assert petrova.final(petrova.wait_closed(place, deadline=3.0).call) == 480


@pytest.mark.lab
def test_wrong_password_and_foreign_page(stage: Stage) -> None:
    with Browser(romashka.namespace("phone6"), hz=HZ, certificate=certificate()) as page:
        page.register(f"orlova-web@{DOMAIN}", "wrong", server(stage))
        page.wait("refused 401")
    romashka.forgive(romashka.addresses()["phone6"])
    with Browser(romashka.namespace("phone6"), hz=HZ, certificate=certificate(), origin="http://localhost") as page:
        page.register(f"orlova-web@{DOMAIN}", romashka.password("orlova", "web"), server(stage))
        page.wait("disconnected")
        assert "registered" not in page.events()
