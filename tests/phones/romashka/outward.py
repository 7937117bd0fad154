"""Calls to the world: trunks with their formats and logins, failover, what is barred, emergency (R06, R07, R11)."""

import time

from phones import message, tone
from phones.romashka import example
from phones.romashka.carrier import carrier_gets, echoes, leaks, talk, ural
from phones.romashka.inside import record_of
from phones.romashka.play import Told
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, Stage

UNREACHABLE = "73432223344"  # the carrier mtt has no line for it: 503


def out(stage: Stage, report: Report) -> None:
    """201 calls a mobile: over mtt, which wants digits only and asks for the login; 201's own number is shown."""
    with stage.use(report, "ivanov"):
        ivanov, carrier = stage.phone("ivanov"), stage.party("mtt")
        place = ivanov.dial(f"sip:89161234567@{DOMAIN}")
        call = carrier_gets(stage, "79161234567")
        call.ring()
        ivanov.wait_ringing(place)
        call.answer()
        ivanov.wait_established(place)
        talk(report, call, ivanov, "ivanov")
        report.check("shown to the carrier", "74951000100", message.user(call.request["P-Asserted-Identity"]))
        asked = [m for m in carrier.challenged if message.user(m.uri) == "79161234567"]
        report.holds("the login was asked for", bool(asked), len(asked))
        report.check("nothing of ours leaks", [], leaks(call.messages))
        ivanov.hangup()
        call.wait_ended()
        report.code(200, ivanov.final(ivanov.wait_closed(place).call))
    record = record_of(report, "ivanov", "89161234567")
    report.cdr(record, disposition="answered", direction="outbound", path=["+79161234567", "trunk/mtt"])


def failover(stage: Stage, report: Report) -> None:
    """mtt has no line (503): the call goes over ural, where SIPp answers and returns the sound."""
    with stage.use(report, "sidorov", "ural"):
        sidorov = stage.phone("sidorov")
        stage.party("mtt").policy = lambda request: 503 if message.user(request.uri) == UNREACHABLE else None
        with ural(stage) as second:
            place = sidorov.dial(f"sip:8{UNREACHABLE[1:]}@{DOMAIN}")
            sidorov.wait_established(place)
            echoes(report, sidorov, "sidorov")
            sidorov.hangup()
            report.code(200, sidorov.final(sidorov.wait_closed(place).call))
            report.check("ural is satisfied", 0, second.wait(5))
            invite = second.received("INVITE")[0]
        report.check("number at ural", f"+{UNREACHABLE}", message.user(invite.uri))
        report.check("shown to ural", "+73431000200", message.user(invite["P-Asserted-Identity"]))
    record = record_of(report, "sidorov", f"8{UNREACHABLE[1:]}")
    report.cdr(record, disposition="answered", path=[f"+{UNREACHABLE}", "trunk/ural"])


def barred(stage: Stage, report: Report) -> None:
    """Abroad is not in 202's class of service: she is told so, and refused."""
    with stage.use(report, "petrova"):
        petrova = stage.phone("petrova")
        since = time.monotonic()
        place = petrova.dial(f"sip:810442079460000@{DOMAIN}")
        report.code(403, petrova.final(petrova.wait_closed(place).call))
        heard = petrova.ear.track.sound(since, time.monotonic())
        said = tone.likeness(heard, example.recording("system-barred"))
        report.said("202", "system-barred", said > 0.9)
    record = record_of(report, "petrova", "810442079460000")
    report.cdr(record, disposition="rejected", code=403, path=["+442079460000"])


def emergency_msk(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov"):
        ivanov = stage.phone("ivanov")
        place = ivanov.dial(f"sip:112@{DOMAIN}")
        call = carrier_gets(stage, "112")
        call.answer()
        ivanov.wait_established(place)
        talk(report, call, ivanov, "ivanov")
        report.check("shown", "74951000112", message.user(call.request["P-Asserted-Identity"]))
        call.bye()
        report.code(200, ivanov.final(ivanov.wait_closed(place).call))
    report.cdr(record_of(report, "ivanov", "112"), disposition="answered", path=["emergency/112", "trunk/mtt"])


def emergency_ekb(stage: Stage, report: Report) -> None:
    """The other office: its own trunk, its own number."""
    with stage.use(report, "sidorov", "ural"):
        sidorov = stage.phone("sidorov")
        with ural(stage) as carrier:
            place = sidorov.dial(f"sip:112@{DOMAIN}")
            sidorov.wait_established(place)
            echoes(report, sidorov, "sidorov")
            sidorov.hangup()
            report.code(200, sidorov.final(sidorov.wait_closed(place).call))
            report.check("ural is satisfied", 0, carrier.wait(5))
            invite = carrier.received("INVITE")[0]
        report.check("number at ural", "112", message.user(invite.uri))
        report.check("shown", "+73431000112", message.user(invite["P-Asserted-Identity"]))
    report.cdr(record_of(report, "sidorov", "112"), disposition="answered", path=["emergency/112", "trunk/ural"])


CALLS = (
    Told("201 → a mobile over mtt, which asks for the login", ("R06", "R07"), out),
    Told("301 → a city number: mtt has 503, ural takes it", ("R07",), failover),
    Told("202 → abroad: barred", ("R06",), barred),
    Told("201 → 112 over Moscow's trunk with Moscow's number", ("R11",), emergency_msk),
    Told("301 → 112 over Yekaterinburg's trunk with its number", ("R11",), emergency_ekb),
)
