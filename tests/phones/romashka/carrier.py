"""What calls over the trunks have in common: the carriers' ends, what they hear, and the records."""

import time
import zlib
from collections.abc import Callable, Iterable

from phones import message
from phones.baresip import Baresip
from phones.g711 import Samples
from phones.message import Message
from phones.romashka import example, lab
from phones.romashka.inside import LISTEN
from phones.romashka.report import Report
from phones.romashka.stage import EXTENSIONS, TONES, Stage
from phones.sipp import Sipp
from phones.wirecall import WireCall


def caller_of(report: Report) -> str:
    """Each call of the table comes from a number of its own, by which its record is known."""
    return f"+7916{zlib.crc32(report.name.encode()) % 10_000_000:07d}"


def call_in(stage: Stage, report: Report, number: str, sdp: Callable[[bytes], bytes] = lambda sdp: sdp) -> WireCall:
    """The carrier mtt hands in a call to `number`; `sdp` may change its offer."""
    carrier = stage.party("mtt")
    host = stage.edge[0]
    identity = ("P-Asserted-Identity", f"<sip:{caller_of(report)[1:]}@{carrier.address}>")
    from_ = f"<sip:{caller_of(report)[1:]}@{carrier.address}>"
    return carrier.call(f"sip:{number[1:]}@{host}", stage.edge, from_=from_, headers=[identity], sdp=sdp)


def carrier_gets(stage: Stage, number: str, deadline: float = 5.0) -> WireCall:
    """The call that mtt gets for `number`."""
    return stage.party("mtt").wait_call(deadline, lambda request: message.user(request.uri) == number)


def talk(report: Report, call: WireCall, phone: Baresip, user: str) -> None:
    """The far end at the carrier and a phone of ours hear each other."""
    since = time.monotonic()
    try:
        outside = call.wait_tone(TONES[user], LISTEN, 3.0, since)
    except TimeoutError:
        outside = call.heard(since)
    report.hears("outside", TONES[user], outside)
    try:
        inside = phone.ear.wait_tone(TONES["mtt"], LISTEN, 3.0, since)
    except TimeoutError:
        inside = phone.ear.heard(since)
    report.hears(EXTENSIONS[user], TONES["mtt"], inside)


def echoes(report: Report, phone: Baresip, user: str) -> None:
    """The far end returns what it hears: the phone hears its own tone."""
    since = time.monotonic()
    try:
        heard = phone.ear.wait_tone(TONES[user], LISTEN, 3.0, since)
    except TimeoutError:
        heard = phone.ear.heard(since)
    report.hears(EXTENSIONS[user], TONES[user], heard)


def hears_prompt(report: Report, call: WireCall, prompt: str, since: float | None = None) -> float:
    """The outside caller hears this recording; the time when it was over."""
    return hears(report, call, prompt, example.recording(prompt), since)


def hears(report: Report, call: WireCall, prompt: str, sound: Samples, since: float | None = None) -> float:
    """The outside caller hears this sound whole; the time when it was over."""
    try:
        over = call.wait_said(sound, len(sound) / 8000 + 6.0, since)
    except TimeoutError:
        report.said("outside", prompt, False)
        raise
    report.said("outside", prompt, True)
    return over


def record_in(report: Report) -> lab.Record | None:
    """The record of the call of this row that came in over mtt."""
    caller, since = caller_of(report), report.created * 1000 - 1
    return lab.wait_record(lambda record: record["caller"] == caller and record["started"] >= since)


def ural(
    stage: Stage,
    scenario: str = "uas_answer",
    *,
    remote: str = "",
    keys: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Sipp:
    """SIPp at the carrier ural: it returns what it hears, and answers the edge's OPTIONS (-aa)."""
    return Sipp(
        scenario,
        namespace=lab.namespace("ural"),
        address=lab.addresses()["ural"],
        remote=remote,
        keys=keys,
        options=("-rtp_echo", "-aa", *options),
    )


def leaks(messages: Iterable[tuple[str, Message]]) -> list[str]:
    """Private headers and inner addresses that the outside must not see."""
    inner = lab.addresses()["calls1"]
    received = [m for way, m in messages if way == "received"]
    named = [name for m in received for name, _ in m.headers if name.lower().startswith("x-pbx-")]
    return named + [
        f"{name}: {value}" for m in received for name, value in m.headers if inner in value and name != "Via"
    ]
