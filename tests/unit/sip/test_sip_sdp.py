"""Session descriptions of a desk phone, a browser, baresip and our engine: what is read, and what is cut."""

from __future__ import annotations

import pytest

from pbx.sip import sdp as sdps
from pbx.sip.sdp import Codec, SdpError

YEALINK = (
    b"v=0\r\no=- 20083 20083 IN IP4 10.78.0.11\r\ns=SDP data\r\nc=IN IP4 10.78.0.11\r\nt=0 0\r\n"
    b"m=audio 11780 RTP/AVP 9 8 0 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=fmtp:101 0-15\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)
BARESIP = (
    b"v=0\r\no=- 3316931386 2009094217 IN IP4 10.78.0.12\r\ns=-\r\nc=IN IP4 10.78.0.12\r\nt=0 0\r\n"
    b"a=tool:baresip 1.0.0\r\n"
    b"m=audio 19122 RTP/AVP 96 9 8 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1;sprop-stereo=1\r\n"
    b"a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\na=rtcp:19123\r\na=sendrecv\r\na=label:1\r\na=rtcp-rsize\r\na=ssrc:2519312323 cname:sip:a@b\r\n"
    b"a=ptime:20\r\n"
)
ANSWER_PCMA = (
    b"v=0\r\no=- 1 1 IN IP4 10.77.0.12\r\ns=-\r\nc=IN IP4 10.77.0.12\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def chromium() -> bytes:
    """A browser's offer of the usual 4 KB: audio and video, DTLS, ICE, bundle, two clocks of telephone-event."""
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS 5d2f7c3e-1111-4444-8888-000000000001",
        "m=audio 51234 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 203.0.113.80",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *(
            f"a=candidate:{number} 1 udp 2113937151 192.168.55.{number} 5{number:04d} typ host generation 0"
            for number in range(10, 45)
        ),
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(f"{number:02X}" for number in range(32)),
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "a=ssrc:3735928559 cname:q8oS2rZ1",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=inactive",
        "a=rtpmap:96 VP8/90000",
        *(f"a=rtcp-fb:96 {kind}" for kind in ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")),
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        *(f"a=ssrc:{number} cname:q8oS2rZ1" for number in range(1000, 1030)),
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def test_desk_phone() -> None:
    audio = sdps.audio(YEALINK)
    assert (audio.address, audio.port, audio.profile, audio.direction) == ("10.78.0.11", 11780, "RTP/AVP", "sendrecv")
    assert audio.codecs == (
        Codec(9, "G722", 8000),
        Codec(8, "PCMA", 8000),
        Codec(0, "PCMU", 8000),
        Codec(18, "G729", 8000, fmtp="annexb=no"),
        Codec(101, "TELEPHONE-EVENT", 8000, fmtp="0-15"),
    )
    assert (audio.speech, audio.event_payload) == (Codec(9, "G722", 8000), 101)
    assert not sdps.is_hold(YEALINK)


def test_browser() -> None:
    offer = chromium()
    assert len(offer) > 3500
    audio = sdps.audio(offer)
    assert (audio.address, audio.port) == ("203.0.113.80", 51234)
    assert sdps.transport_profile(offer) == "UDP/TLS/RTP/SAVPF"
    assert audio.speech == Codec(111, "OPUS", 48000, 2, "minptime=10;useinbandfec=1")
    assert audio.event_payload == 110


@pytest.mark.parametrize("sdp", [YEALINK, BARESIP, ANSWER_PCMA, chromium()])
def test_written_as_it_was_read(sdp: bytes) -> None:
    assert sdps.parse(sdp).serialise() == sdp


def test_narrow_a_desk_phone() -> None:
    cut = sdps.narrow(YEALINK, ANSWER_PCMA)
    assert cut == (
        b"v=0\r\no=- 20083 20083 IN IP4 10.78.0.11\r\ns=SDP data\r\nc=IN IP4 10.78.0.11\r\nt=0 0\r\n"
        b"m=audio 11780 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=fmtp:101 0-15\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    )


def test_narrow_baresip_to_opus_keeps_the_only_telephone_event() -> None:
    answer = ANSWER_PCMA.replace(b"8 101", b"96 101").replace(b"8 PCMA/8000", b"96 opus/48000/2")
    audio = sdps.audio(sdps.narrow(BARESIP, answer))
    assert audio.formats == ("96", "101")
    assert "a=fmtp:96 stereo=1;sprop-stereo=1" in audio.lines and "a=rtcp:19123" in audio.lines


@pytest.mark.parametrize(("codec", "formats"), [("PCMA/8000", ("8", "126")), ("opus/48000/2", ("111", "110"))])
def test_narrow_a_browser(codec: str, formats: tuple[str, ...]) -> None:
    answer = (
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
        f"m=audio 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 {codec}\r\n"
    )
    session = sdps.parse(sdps.narrow(chromium(), answer.encode()))
    audio = session.audio
    assert audio is not None
    assert audio.formats == formats
    assert session.media[1].port == 0
    assert "a=fingerprint:sha-256 " + ":".join(f"{number:02X}" for number in range(32)) in audio.lines
    assert not any(line.startswith(("a=rtpmap:9 ", "a=rtpmap:63 ", "a=fmtp:63 ")) for line in audio.lines)


def test_narrow_by_static_payload_numbers() -> None:
    bare = b"v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=IN IP4 1.2.3.4\nt=0 0\nm=audio 4000 RTP/AVP 0 8 18\n"
    answer = bare.replace(b"0 8 18", b"8")
    assert sdps.audio(sdps.narrow(bare, answer)).formats == ("8",)


def test_narrow_leaves_an_offer_that_the_answer_does_not_fit() -> None:
    answer = ANSWER_PCMA.replace(b"8 PCMA/8000", b"8 GSM-EFR/8000")
    assert sdps.audio(sdps.narrow(YEALINK, answer)).formats == ("9", "8", "0", "18", "101")


def test_only_keeps_the_codecs_of_a_trunk_and_the_digits() -> None:
    """A trunk's `codecs` cut the offer; an offer that has none of them is told apart (it is transcoded then)."""
    offer = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 9 0 8 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-15\r\n"
    )
    kept = sdps.only(offer, ["pcma"])
    assert kept is not None
    assert sdps.audio(kept).formats == ("8", "101")
    assert b"G722" not in kept and b"telephone-event" in kept
    assert sdps.only(offer, ["opus"]) is None


@pytest.mark.parametrize(
    ("change", "held"),
    [
        (b"sendrecv", False),
        (b"recvonly", False),
        (b"sendonly", True),
        (b"inactive", True),
    ],
)
def test_hold(change: bytes, held: bool) -> None:
    assert sdps.is_hold(YEALINK.replace(b"sendrecv", change)) is held


def test_old_hold_and_hold_of_the_whole_session() -> None:
    assert sdps.is_hold(YEALINK.replace(b"c=IN IP4 10.78.0.11", b"c=IN IP4 0.0.0.0"))
    assert sdps.is_hold(YEALINK.replace(b"a=sendrecv\r\n", b"").replace(b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n"))


def test_with_direction() -> None:
    held = sdps.with_direction(YEALINK, "sendonly")
    assert sdps.is_hold(held) and held.count(b"a=send") == 1
    assert sdps.with_direction(held, "sendrecv") == YEALINK
    assert sdps.mirrored("sendonly") == "recvonly" and sdps.mirrored("inactive") == "inactive"


@pytest.mark.parametrize(("codec", "payload"), [("PCMA", 8), ("PCMU", 0)])
def test_engine(codec: str, payload: int) -> None:
    audio = sdps.audio(sdps.engine_offer("10.77.0.13", 41000, codec, 96))
    assert (audio.address, audio.port, audio.profile) == ("10.77.0.13", 41000, "RTP/AVP")
    assert audio.formats == (str(payload), "96")
    assert (audio.speech, audio.event_payload) == (Codec(payload, codec, 8000), 96)
    assert sdps.audio(sdps.engine_answer("::1", 41000, codec, None)).event_payload is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"v=0\r\nhello\r\n",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio x RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 99999 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN\r\nm=audio 9 RTP/AVP 0\r\n",
        b"v=0\r\nm=video 9 RTP/AVP 96\r\n",
        b"\xff\xfe",
    ],
)
def test_what_is_no_sdp(data: bytes) -> None:
    with pytest.raises(SdpError):
        sdps.audio(data)


def test_odd_numbers_are_passed_over() -> None:
    data = (
        b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 0 999 x 97\r\na=rtpmap:97 opus/x\r\na=rtpmap:\r\na=rtpmap:98\r\n"
    )
    assert sdps.audio(data).codecs == (Codec(0, "PCMU", 8000),)
