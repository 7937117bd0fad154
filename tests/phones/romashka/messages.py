"""A voicemail box: a caller from outside leaves a message, its owner listens to it (R12)."""

import time

from phones.baresip import Baresip, Place
from phones.romashka import example, lab
from phones.romashka.carrier import call_in, hears_prompt, record_in
from phones.romashka.inside import record_of
from phones.romashka.play import Told
from phones.romashka.report import Report
from phones.romashka.stage import DOMAIN, EXTENSIONS, TONES, Stage
from phones.wirecall import WireCall

NUMBER = "+74951000116"
BEEP = 1000.0  # Hz
SPOKEN = 2.5  # seconds


def at_the_beep(stage: Stage, report: Report) -> WireCall:
    """A caller who has heard the greeting, and speaks from now on."""
    call = call_in(stage, report, NUMBER)
    call.wait_established()
    over = hears_prompt(report, call, "system-voicemail")
    report.hears("outside", BEEP, call.wait_tone(BEEP, 0.3, 3.0, over - 0.1))
    return call


def leave(stage: Stage, report: Report) -> None:
    """A message of the carrier's tone, ended by #."""
    call = at_the_beep(stage, report)
    time.sleep(SPOKEN)  # that long is spoken
    since = time.monotonic()
    call.digits("#")
    hears_prompt(report, call, "system-voicemail-recorded", since)
    call.wait_ended()
    report.check("hung up by", "them", call.ended_by)
    report.code(200, call.final)


def listen(report: Report, phone: Baresip, user: str, code: str) -> Place:
    """With the PIN; the phone hears what was said outside."""
    since = time.monotonic()
    place = phone.dial(f"sip:{code}@{DOMAIN}")
    phone.wait_established(place)
    asked = phone.ear.track.wait_said(example.recording("system-voicemail-pin"), 8.0, since)
    phone.digits(lab.secret("voicemail_ivanov") + "#")
    report.hears(EXTENSIONS[user], TONES["mtt"], phone.ear.wait_tone(TONES["mtt"], 1.0, 12.0, asked))
    return place


def delete(phone: Baresip, place: Place) -> None:
    """The message that plays; then the phone hangs up."""
    since = time.monotonic()
    phone.digits("2")
    phone.ear.track.wait_said(example.recording("system-voicemail-deleted"), 12.0, since)
    phone.hangup()
    phone.wait_closed(place)


def message(stage: Stage, report: Report) -> None:
    with stage.use(report, "ivanov"):
        leave(stage, report)
        record = record_in(report)
        phone = stage.phone("ivanov")
        delete(phone, listen(report, phone, "ivanov", "*97"))
        listened = record_of(report, "ivanov", "*97")
    report.cdr(record, disposition="answered", path=[f"number/{NUMBER}", "voicemail/ivanov"], number=NUMBER)
    said = [*(record or {}).get("reasons", ()), *(listened or {}).get("reasons", ())]
    report.holds("the record tells of a message", any("a message of" in one for one in said), said)
    report.holds("that of *97 tells of its end", any(one.endswith(": deleted") for one in said), said)


CALLS = (Told("a message from outside, listened to by *97 and deleted", ("R12",), message),)
