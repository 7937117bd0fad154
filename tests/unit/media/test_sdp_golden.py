"""What each kind of leg is told, for each kind of caller: the SDPs that a real rtpengine makes for us, kept as files.

`golden/sdp/KIND.sdp` is what a leg of a kind sends, as offer and as answer; `CALLER-CALLEE.to_callee` and `.to_caller`
are what the two were sent. `PBX_GOLDEN=1 pytest` on this file writes them anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path

import pytest
from unit.media.conftest import RtpEngine

from pbx.calls.live.media import fallback
from pbx.media.ng import NgClient
from pbx.media.relay import RelaySession, Toward, spoken
from pbx.sip import sdp as sdps

FOLDER = Path(__file__).parent / "golden" / "sdp"
CALLERS = ("phone", "srtp", "either", "browser", "g722")
CALLEES: dict[str, Toward] = {"phone": "plain", "srtp": "srtp", "either": "either", "browser": "browser"}
# what rtpengine draws anew each time
DRAWN = (
    (r"^o=\S+ \d+ \d+", "o=- ID VERSION"),
    (r"^m=audio \d+", "m=audio PORT"),
    (r"^a=rtcp:\d+.*", "a=rtcp:PORT"),
    (r"inline:\S+", "inline:KEY"),
    (r"^a=candidate:\S+ (\d) (\S+) \d+ (\S+) \d+ ", r"a=candidate:ID \1 \2 PRIORITY \3 PORT "),
    (r"^a=ice-ufrag:.*", "a=ice-ufrag:UFRAG"),
    (r"^a=ice-pwd:.*", "a=ice-pwd:PASSWORD"),
    (r"^a=fingerprint:(\S+) .*", r"a=fingerprint:\1 HASH"),
    (r"^a=tls-id:.*", "a=tls-id:ID"),
)


def sent_by(kind: str) -> bytes:
    return (FOLDER / f"{kind}.sdp").read_bytes().replace(b"\n", b"\r\n")


def answer_of(kind: str, offered: bytes) -> bytes:
    """What a leg of a kind answers: G.711 and digits by the numbers of the offer, as its own transport has it."""
    mine = sent_by(kind).replace(b"a=setup:actpass", b"a=setup:active")
    events = f"{sdps.audio(offered).event_payload}".encode()
    mine = re.sub(rb"\b(101|126)(?= telephone| 0-15|\r\n)", events, mine)
    cut = sdps.only(mine, {codec.name for codec in sdps.audio(offered).codecs} & {"PCMA", "PCMU"})
    assert cut is not None
    return cut


def stable(sdp: bytes) -> str:
    text = sdp.decode().replace("\r\n", "\n")
    for pattern, word in DRAWN:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


async def told(ng_port: int, caller: str, callee: str) -> dict[str, bytes]:
    client = NgClient()
    await client.connect("127.0.0.1", ng_port)
    session = RelaySession(client, f"golden-{secrets.token_hex(6)}")
    offer = sent_by(caller)
    to_callee = await session.offer("A", "B1", offer, toward=CALLEES[callee], codecs=fallback(offer))
    to_caller = await session.answer("A", "B1", answer_of(callee, to_callee))
    await session.delete()
    client.close()
    return {"to_callee": to_callee, "to_caller": to_caller}


@pytest.mark.row("R21")
@pytest.mark.parametrize("callee", CALLEES)
@pytest.mark.parametrize("caller", CALLERS)
def test_what_each_is_told(media_rtpengine: RtpEngine, caller: str, callee: str) -> None:
    found = asyncio.run(told(media_rtpengine.ng_port, caller, callee))
    assert spoken(found["to_caller"]) == spoken(sent_by(caller))
    for who, sdp in found.items():
        kept = FOLDER / f"{caller}-{callee}.{who}"
        if os.environ.get("PBX_GOLDEN"):
            kept.write_text(stable(sdp))
        assert stable(sdp) == kept.read_text()


PTIMES = (10, 20, 30, 40, 60)


async def with_ptime(ng_port: int, ptime: int) -> tuple[bytes, bytes]:
    """What a callee is offered by a phone that sends packets of so many ms, and what that phone is answered."""
    client = NgClient()
    await client.connect("127.0.0.1", ng_port)
    session = RelaySession(client, f"golden-{secrets.token_hex(6)}")
    lines = f"a=ptime:{ptime}\r\na=maxptime:60\r\na=sendrecv".encode()
    offer = re.sub(rb"a=sendrecv", lines, re.sub(rb"a=(max)?ptime:\d+\r\n", b"", sent_by("phone")))
    assert lines in offer
    to_callee = await session.offer("A", "B1", offer)
    answer = sdps.only(offer, ("PCMA",))
    assert answer is not None
    to_caller = await session.answer("A", "B1", answer)
    await session.delete()
    client.close()
    return to_callee, to_caller


@pytest.mark.row("R21")
@pytest.mark.parametrize("ptime", PTIMES)
def test_the_length_of_packets_is_passed_on(media_rtpengine: RtpEngine, ptime: int) -> None:
    for sdp in asyncio.run(with_ptime(media_rtpengine.ng_port, ptime)):
        assert f"a=ptime:{ptime}\r\n".encode() in sdp and b"a=maxptime:60\r\n" in sdp


FAX = FOLDER.parent / "fax"


@pytest.mark.row("R21")
def test_what_both_sides_of_a_fax_are_told(media_rtpengine: RtpEngine) -> None:
    """T.38 over UDPTL in place of the sound of a call that is up, offered by the callee (`golden/fax`)."""

    async def fax() -> dict[str, bytes]:
        client = NgClient()
        await client.connect("127.0.0.1", media_rtpengine.ng_port)
        session = RelaySession(client, f"golden-{secrets.token_hex(6)}")
        to_callee = await session.offer("A", "B1", sent_by("phone"), toward="plain")
        await session.answer("A", "B1", answer_of("phone", to_callee))
        image = (FAX / "device.sdp").read_bytes().replace(b"\n", b"\r\n")
        found = {"to_caller": await session.offer("B1", "A", image, toward="fax")}
        found["to_callee"] = await session.answer("B1", "A", image)
        await session.delete()
        client.close()
        return found

    for who, sdp in asyncio.run(fax()).items():
        text = re.sub(r"^m=image \d+", "m=image PORT", stable(sdp), flags=re.MULTILINE)
        if os.environ.get("PBX_GOLDEN"):
            (FAX / who).write_text(text)
        assert text == (FAX / who).read_text()
