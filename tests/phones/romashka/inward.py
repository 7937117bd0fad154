"""Calls from the world: numbers, announcement, menu, groups, a phone behind NAT (R01–R03, R05, R15, R19, R21, R22)."""

import time

from phones.baresip import Baresip, Place
from phones.romashka import example, inside
from phones.romashka.carrier import (
    call_in,
    caller_of,
    carrier_gets,
    echoes,
    hears,
    hears_prompt,
    record_in,
    talk,
    ural,
)
from phones.romashka.inside import LISTEN, record_of
from phones.romashka.play import Told
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, TONES, Stage
from phones.wirecall import WireCall

LONG_SDP = 4096  # octets


def ring_both(report: Report, stage: Stage, places: dict[str, Place]) -> None:
    """201 and 202 ring at once."""
    # 12 s: an IVR without a key rings them only when its prompt and its timeout are over
    rings = [stage.phone(user).wait_incoming(12.0, since=place).at for user, place in places.items()]
    apart = max(rings) - min(rings)
    report.holds("both ring within 200 ms", apart < 0.2, f"{apart * 1000:.0f} ms")


def told_elsewhere(report: Report, phone: Baresip, place: Place) -> None:
    """A phone that rang in vain is told why: CANCEL with the reason that another answered (R03)."""
    call = phone.wait_closed(place).call
    reasons = [m.get("Reason") or "" for way, m in phone.messages(call) if way == "received" and m.method == "CANCEL"]
    report.holds("the other phone hears: completed elsewhere", any("cause=200" in r for r in reasons), reasons)


def answer_at_202(stage: Stage, report: Report, call: WireCall, places: dict[str, Place]) -> None:
    """Both phones of the office ring, 202 answers, they talk, and the outside hangs up."""
    ring_both(report, stage, places)
    petrova = stage.phone("petrova")
    petrova.answer(since=places["petrova"])
    told_elsewhere(report, stage.phone("ivanov"), places["ivanov"])
    call.wait_established()
    talk(report, call, petrova, "petrova")
    call.bye()
    petrova.wait_closed(places["petrova"])
    report.code(200, call.final)


def office(stage: Stage) -> dict[str, Place]:
    return {user: stage.phone(user).place() for user in ("ivanov", "petrova")}


def closed(stage: Stage, report: Report) -> None:
    number, path = example.number_for("announcement/closed")
    call = call_in(stage, report, number)
    call.wait_established()
    hears_prompt(report, call, "closed")
    call.wait_ended()
    report.check("hung up by", "them", call.ended_by)
    report.code(200, call.final)
    record = record_in(report)
    report.cdr(record, disposition="answered", path=[*path, "hang_up"], number=number, caller=caller_of(report))


def hours_spoken(stage: Stage, report: Report) -> None:
    """A text of the YAML, made into sound by the apply; the hours are pieces of this day."""
    number, path = example.number_for("announcement/hours")
    call = call_in(stage, report, number)
    call.wait_established()
    hears(report, call, "hours", example.spoken("hours"))
    call.wait_ended()
    report.check("hung up by", "them", call.ended_by)
    report.cdr(record_in(report), disposition="answered", path=[*path, "hang_up"], number=number)


def as_the_clock_says(stage: Stage, report: Report) -> None:
    """The main number: what its schedule says at this hour."""
    number = "+74951000100"
    path = example.leads_to(number)
    prompt = {"announcement/closed": "closed", "ivr/main": "welcome"}[path[-1]]
    call = call_in(stage, report, number)
    call.wait_established()
    hears_prompt(report, call, prompt)
    if prompt == "welcome":
        call.bye()
    call.wait_ended()
    report.code(200, call.final)
    more = ["hang_up"] if prompt == "closed" else []
    report.cdr(record_in(report), disposition="answered", path=[*path, *more], caller=caller_of(report))


def key_1(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        number, path = example.number_for("ivr/main")
        call, places = call_in(stage, report, number), office(stage)
        call.wait_established()
        hears_prompt(report, call, "welcome")
        call.digits("1")
        answer_at_202(stage, report, call, places)
        record = record_in(report)
    report.cdr(record, disposition="answered", path=[*path, "ring_group/office", "user/petrova"], hung_up_by="caller")


def wrong_key(stage: Stage, report: Report) -> None:
    """A key that the menu does not have: it says so and asks again."""
    with stage.use(report, "ivanov", "petrova"):
        number, path = example.number_for("ivr/main")
        call, places = call_in(stage, report, number), office(stage)
        call.wait_established()
        call.wait_tone(523, 0.1, 3.0, call.started)  # the chime: the key interrupts the prompt
        call.digits("7")
        said = hears_prompt(report, call, "system-invalid")
        hears_prompt(report, call, "welcome", said - 0.2)
        call.digits("1")
        answer_at_202(stage, report, call, places)
        record = record_in(report)
    report.cdr(record, disposition="answered", path=[*path, "ring_group/office", "user/petrova"])


def no_key(stage: Stage, report: Report) -> None:
    """Nobody types: the menu is told again, then the office rings."""
    with stage.use(report, "ivanov", "petrova"):
        number, path = example.number_for("ivr/main")
        call, places = call_in(stage, report, number), office(stage)
        call.wait_established()
        said = hears_prompt(report, call, "welcome")
        for _ in range(example.tenant().ivrs["main"].max_retries):
            said = call.wait_said(example.recording("welcome"), 12.0, said)
        answer_at_202(stage, report, call, places)
        record = record_in(report)
    report.cdr(record, disposition="answered", path=[*path, "ring_group/office", "user/petrova"])


def key_2(stage: Stage, report: Report) -> None:
    """One after another: 301 is busy, then an outside mobile rings, whose owner must press 1."""
    with stage.use(report, "sidorov"):
        number, path = example.number_for("ivr/main")
        sidorov = stage.phone("sidorov")
        call, place = call_in(stage, report, number), sidorov.place()
        call.wait_established()
        call.wait_tone(523, 0.1, 3.0, call.started)
        call.digits("2")
        sidorov.wait_incoming(since=place)
        sidorov.hangup()
        mobile = carrier_gets(stage, "79220000002")
        mobile.ring()
        mobile.answer()
        mobile.wait_said(example.recording("system-confirm"), 5.0)
        mobile.digits("1")
        hear_each_other(report, call, mobile)
        mobile.bye()
        call.wait_ended()
        report.code(200, call.final)
        record = record_in(report)
    report.cdr(record, disposition="answered", hung_up_by="callee", path=[*path, "ring_group/ekb", "+79220000002"])


def hear_each_other(report: Report, call: WireCall, mobile: WireCall) -> None:
    """Two far ends at the carrier, which both send its tone."""
    since = time.monotonic()
    for who, end in (("outside", call), ("mobile", mobile)):
        try:
            heard = end.wait_tone(TONES["mtt"], LISTEN, 3.0, since)
        except TimeoutError:
            heard = end.heard(since)
        report.hears(who, TONES["mtt"], heard)


def long_sdp(stage: Stage, report: Report) -> None:
    """An INVITE that no datagram of 1300 octets holds."""
    with stage.use(report, "ivanov", "petrova"):
        number = "+74951000112"
        places = office(stage)
        call = call_in(stage, report, number, padded)
        report.holds("SDP of 4 KB", len(call.request.body) >= LONG_SDP, len(call.request.body))
        answer_at_202(stage, report, call, places)
        record = record_in(report)
    report.cdr(record, disposition="answered", path=[f"number/{number}", "ring_group/office", "user/petrova"])


def padded(sdp: bytes) -> bytes:
    lines = [b"a=x-padding-%03d:%s" % (count, b"." * 60) for count in range((LONG_SDP - len(sdp)) // 77 + 1)]
    return sdp + b"\r\n".join(lines) + b"\r\n"


def behind_nat(stage: Stage, report: Report) -> None:
    """301's phone stands behind an address translation; it calls 202 and is heard."""
    with stage.use(report, "sidorov", "petrova"):
        petrova = stage.phone("petrova")
        ringing = petrova.place()
        with stage.new_phone("sidorov", place="natphone") as phone:
            phone.register()
            place = phone.dial(f"sip:202@{DOMAIN}")
            petrova.answer(since=ringing)
            phone.wait_established(place)
            inside.talk(report, {"sidorov": phone, "petrova": petrova})
            petrova.hangup()
            report.code(200, phone.final(phone.wait_closed(place).call))
        stage.phone("sidorov").register()
    record = record_of(report, "sidorov", "202")
    report.cdr(record, disposition="answered", path=["user/petrova"], hung_up_by="callee")


def ural_in(stage: Stage, report: Report) -> None:
    """SIPp at ural calls the other office; 301 answers."""
    number = "+73431000200"
    with stage.use(report, "sidorov", "ural"):
        sidorov = stage.phone("sidorov")
        place = sidorov.place()
        keys = {"called": number, "caller": caller_of(report), "host": stage.edge[0]}
        with ural(stage, "uac_call", remote=f"{stage.edge[0]}:5060", keys=keys, options=("-d", "600")) as carrier:
            sidorov.answer(since=place)
            echoes(report, sidorov, "sidorov")
            sidorov.wait_closed(place)
            report.check("SIPp's verdict", 0, carrier.wait(5))
            report.code(200, 200 if carrier.statistics().successful == 1 else 0)
        record = record_in(report)
    report.cdr(record, disposition="answered", path=[f"number/{number}", "ring_group/ekb", "user/sidorov"])


CALLS = (
    Told("no key at the menu: told again, then the office rings", ("R15",), no_key),
    Told("+7 495 100-01-00 by the clock", ("R01", "R22"), as_the_clock_says),
    Told("closed: announcement, then the PBX hangs up", ("R01", "R19", "R22"), closed),
    Told("a text is spoken, with the hours of today", ("R19", "R20"), hours_spoken),
    Told("open: menu, 1 → both phones of the office, 202 answers", ("R03", "R15"), key_1),
    Told("menu, a wrong key, then 1", ("R15",), wrong_key),
    Told("menu, 2 → 301 is busy, the mobile presses 1", ("R02", "R05", "R15"), key_2),
    Told("an SDP of 4 KB", ("R21",), long_sdp),
    Told("301 behind NAT → 202", ("R05", "R21"), behind_nat),
    Told("ural (SIPp) → +7 343 100-02-00: 301 answers", ("R01", "R02"), ural_in),
)
