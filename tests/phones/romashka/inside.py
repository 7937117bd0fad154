"""Calls between the people of romashka, and those who are refused (R05, and the first ring).

Each function is one call: it places it, listens at both ends, and reports what it was told to do and what it did.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from phones.baresip import Baresip, Place
from phones.romashka import lab
from phones.romashka.play import Told
from phones.romashka.report import SILENCE, Report
from phones.romashka.stage import DOMAIN, EXTENSIONS, TONES, Stage

MUSIC = 330  # Hz: the second note of what a held caller hears
LISTEN = 0.4  # seconds of a tone that count as hearing it


def dialled(number: str, source: str) -> Callable[[lab.Record], bool]:
    return lambda record: record["dialled"] == number and record["source"] == source


def talk(report: Report, ends: dict[str, Baresip]) -> None:
    """Both ends of an answered call hear each other's own tone."""
    (one, first), (two, second) = ends.items()
    since = time.monotonic()
    for name, phone, other in ((one, first, two), (two, second, one)):
        try:
            heard = phone.ear.wait_tone(TONES[other], LISTEN, 3.0, since)
        except TimeoutError:
            heard = phone.ear.heard(since)
        report.hears(EXTENSIONS[name], TONES[other], heard)


def call_up(stage: Stage, caller: str, callee: str) -> tuple[Baresip, Baresip, Place]:
    """`caller` dials `callee`, who answers."""
    one, two = stage.phone(caller), stage.phone(callee)
    ringing = two.place()
    place = one.dial(f"sip:{EXTENSIONS[callee]}@{DOMAIN}")
    one.wait_ringing(place)
    two.answer(since=ringing)
    one.wait_established(place)
    return one, two, place


def record_of(report: Report, caller: str, number: str) -> lab.Record | None:
    return lab.wait_record(lambda record: report.meanwhile(record) and dialled(number, f"device {caller}-desk")(record))


def hung_up_by_caller(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        before = len(stage.phone("petrova").messages())
        one, two, place = call_up(stage, "ivanov", "petrova")
        talk(report, {"ivanov": one, "petrova": two})
        listening = two.place()
        one.hangup()
        closed = one.wait_closed(place)
        two.wait_closed(listening)
        report.code(200, one.final(closed.call))
        since = two.messages()[before:]  # other tests have called it, too
        same = {m.body.count(b"PCMA/8000") for way, m in since if way == "received" and m.method == "INVITE"}
        report.check("codecs offered to 202 are those of 201: PCMA once", {1}, same)
    report.cdr(
        record_of(report, "ivanov", "202"),
        disposition="answered",
        code=200,
        path=["user/petrova"],
        direction="internal",
        hung_up_by="caller",
        answered_by="device petrova-desk",
    )


def hung_up_by_callee(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        one, two, place = call_up(stage, "petrova", "ivanov")
        talk(report, {"petrova": one, "ivanov": two})
        two.hangup()
        closed = one.wait_closed(place)
        report.code(200, one.final(closed.call))
    path = ["user/ivanov"]
    record = record_of(report, "petrova", "201")
    report.cdr(record, disposition="answered", code=200, path=path, hung_up_by="callee")


def busy(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        one, two = stage.phone("ivanov"), stage.phone("petrova")
        since, ringing = time.monotonic(), two.place()
        place = one.dial(f"sip:202@{DOMAIN}")
        two.wait_incoming(since=ringing)
        two.hangup()
        report.code(486, one.final(one.wait_closed(place).call))
        report.hears("201", SILENCE, one.ear.heard(since))
        report.hears("202", SILENCE, two.ear.heard(since))
    report.cdr(record_of(report, "ivanov", "202"), disposition="busy", code=486, path=["user/petrova"])


def cancelled(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        one, two = stage.phone("ivanov"), stage.phone("petrova")
        since, ringing = time.monotonic(), two.place()
        place = one.dial(f"sip:202@{DOMAIN}")
        call = two.wait_incoming(since=ringing).call
        one.wait_ringing(place)
        one.hangup()
        report.code(487, one.final(one.wait_closed(place).call))
        two.wait_closed(ringing)
        got = [m.method for way, m in two.messages(call) if way == "received" and not m.status]
        report.holds("202 was told by CANCEL", "CANCEL" in got, got)
        report.hears("202", SILENCE, two.ear.heard(since))
    report.cdr(record_of(report, "ivanov", "202"), disposition="cancelled", code=487, path=["user/petrova"])


def hold(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov", "petrova"):
        one, two, place = call_up(stage, "ivanov", "petrova")
        talk(report, {"ivanov": one, "petrova": two})
        one.hold()
        since = time.monotonic()
        report.hears("202", MUSIC, two.ear.wait_tone(MUSIC, 0.3, 4.0, since))
        report.hears("201", SILENCE, one.ear.heard(since))
        one.resume()
        talk(report, {"ivanov": one, "petrova": two})
        one.hangup()
        report.code(200, one.final(one.wait_closed(place).call))
    record = record_of(report, "ivanov", "202")
    report.cdr(record, disposition="answered", code=200, path=["user/petrova"], hung_up_by="caller")


@contextmanager
def tls_phone(stage: Stage) -> Iterator[Baresip]:
    """301's phone, which speaks TLS with the edge. Who checks the certificate: tests/sip/test_tls.py."""
    with stage.new_phone("sidorov", place="phone5", transport="tls") as phone:
        phone.register()
        yield phone
    stage.phone("sidorov").register()


def over_tls(stage: Stage, report: Report) -> None:
    """202 calls 301, whose phone is on TLS and hangs up."""
    with stage.use(report, "sidorov", "petrova"), tls_phone(stage) as phone:
        petrova, ringing = stage.phone("petrova"), phone.place()
        place = petrova.dial(f"sip:301@{DOMAIN}")
        phone.answer(since=ringing)
        petrova.wait_established(place)
        talk(report, {"sidorov": phone, "petrova": petrova})
        invite = next(m for way, m in phone.messages() if way == "received" and m.method == "INVITE")
        report.holds("the INVITE came over TLS", "/TLS " in (invite["Via"] or ""), invite["Via"])
        phone.hangup()
        report.code(200, petrova.final(petrova.wait_closed(place).call))
    path = ["user/sidorov"]
    report.cdr(record_of(report, "petrova", "301"), disposition="answered", path=path, hung_up_by="callee")


def from_tls(stage: Stage, report: Report) -> None:
    """301's phone on TLS calls 202, who hangs up: the BYE finds its way into the phone's own connection."""
    with stage.use(report, "sidorov", "petrova"), tls_phone(stage) as phone:
        petrova = stage.phone("petrova")
        ringing = petrova.place()
        place = phone.dial(f"sip:202@{DOMAIN}")
        petrova.answer(since=ringing)
        phone.wait_established(place)
        talk(report, {"sidorov": phone, "petrova": petrova})
        petrova.hangup()
        call = phone.wait_closed(place).call
        report.code(200, phone.final(call))
        vias = [m["Via"] for way, m in phone.messages(call) if way == "received" and m.method == "BYE" and not m.status]
        report.holds("the BYE came over TLS", any("/TLS " in via for via in vias), vias)
    path = ["user/petrova"]
    report.cdr(record_of(report, "sidorov", "202"), disposition="answered", path=path, hung_up_by="callee")


def not_registered(stage: Stage, report: Report) -> None:
    """301's phone registers, says that it leaves, and is called."""
    with stage.use(report, "sidorov", "ivanov"):
        away = stage.phone("sidorov")
        away.unregister()
        try:
            one = stage.phone("ivanov")
            place = one.dial(f"sip:301@{DOMAIN}")
            report.code(480, one.final(one.wait_closed(place).call))
        finally:
            away.register()
    report.cdr(record_of(report, "ivanov", "301"), disposition="no_answer", code=480, path=["user/sidorov"])


def unknown_extension(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov"):
        one = stage.phone("ivanov")
        place = one.dial(f"sip:299@{DOMAIN}")
        report.code(404, one.final(one.wait_closed(place).call))
    report.cdr(record_of(report, "ivanov", "299"), disposition="failed", code=404, path=["reject/404"])


def nobody_answers(stage: Stage, report: Report) -> None:
    """301 calls the office group: 201 and 202 ring for 20 s at once, and nobody answers."""
    with stage.use(report, "sidorov", "ivanov", "petrova"):
        one, two, caller = stage.phone("ivanov"), stage.phone("petrova"), stage.phone("sidorov")
        places = one.place(), two.place()
        place = caller.dial(f"sip:640@{DOMAIN}")
        first, second = one.wait_incoming(since=places[0]), two.wait_incoming(since=places[1])
        report.holds("both ring within 200 ms", abs(first.at - second.at) < 0.2, f"{abs(first.at - second.at):.3f} s")
        report.code(480, caller.final(caller.wait_closed(place, deadline=25).call))
        one.wait_closed(places[0])
        two.wait_closed(places[1])
    record = record_of(report, "sidorov", "640")
    report.cdr(record, disposition="no_answer", code=480, path=["ring_group/office", "hang_up"])


def wrong_password(stage: Stage, report: Report) -> None:
    """Who types a wrong password, or a user that does not exist, gets the same challenge again and reaches nobody."""
    with stage.use(report, "phone4"):
        party = stage.party("phone4")
        lab.forgive(party.address)
        answers = {}
        for user in ("sidorov-desk", "nobody-desk"):
            aor, wrong = f"sip:{user}@{DOMAIN}", (user, "wrong-password-of-26-chars")
            finals = party.request("REGISTER", f"sip:{DOMAIN}", stage.edge, aor=aor, credentials=wrong)
            answers[user] = [(m.status, sorted(name for name, _ in m.headers)) for m in finals]
        report.check("REGISTER", [401, 401], [status for status, _ in answers["sidorov-desk"]])
        report.check("an unknown user looks the same", answers["sidorov-desk"], answers["nobody-desk"])
        aor = f"sip:sidorov-desk@{DOMAIN}"
        call = party.call(f"sip:202@{DOMAIN}", stage.edge, from_=aor, credentials=("sidorov-desk", "wrong"))
        report.code(407, call.ended_code())
        report.hears("phone4", SILENCE, call.heard())
        lab.forgive(party.address)
    report.no_cdr(records_of(report, "device sidorov-desk", "202"))


def strangers_invite(stage: Stage, report: Report) -> None:
    """A stranger who claims to be 201, with our private headers and a Route of their own, rings nobody."""
    stranger = stage.party("stranger")
    with stage.use(report, "petrova"):
        two = stage.phone("petrova")
        ringing = two.place()
        headers = [("X-PBX-Tenant", "romashka"), ("X-PBX-Source", "device ivanov-desk"), ("X-PBX-Edge", "edge1")]
        call = stranger.call(f"sip:202@{DOMAIN}", stage.edge, from_=f"sip:ivanov-desk@{DOMAIN}", headers=headers)
        report.code(407, call.ended_code())
        routed = [*headers, ("Route", f"<sip:{lab.addresses()['calls1']}:5070;lr>")]
        second = stranger.call(f"sip:202@{DOMAIN}", stage.edge, from_=f"sip:ivanov-desk@{DOMAIN}", headers=routed)
        report.holds("a Route of their own is refused", second.ended_code() in (403, 407), second.final)
        report.hears("stranger", SILENCE, call.heard())
        rung = [event.kind for event in two.control.events[ringing:] if event.kind == "CALL_INCOMING"]
        report.check("202 was not rung", [], rung)
    report.no_cdr(records_of(report, "device ivanov-desk", "202"))


def records_of(report: Report, source: str, number: str) -> list[lab.Record]:
    return [record for record in lab.records() if report.meanwhile(record) and dialled(number, source)(record)]


CALLS = (
    Told("201 → 202: answered, 201 hangs up", ("R05", "R21"), hung_up_by_caller),
    Told("202 → 201: answered, the called side hangs up", ("R05",), hung_up_by_callee),
    Told("201 → 202: busy", ("R05",), busy),
    Told("201 → 202: 201 gives up while it rings", ("R05",), cancelled),
    Told("201 → 202: hold and resume", ("R09",), hold),
    Told("202 → 301 over TLS", ("R05", "R21"), over_tls),
    Told("301 over TLS → 202", ("R05", "R21"), from_tls),
    Told("201 → 301: not registered", ("R05",), not_registered),
    Told("201 → 299: no such extension", ("R01",), unknown_extension),
    Told("wrong password: no registration, no call", ("R05",), wrong_password),
    Told("a stranger's INVITE rings nobody", ("R05",), strangers_invite),
    Told("301 → 640: nobody answers in 20 s", ("R03",), nobody_answers),
)
