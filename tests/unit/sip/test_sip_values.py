"""The small parsers: name-addr, Via, CSeq, lists, URIs; framing of streams; rendering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.sip import Address, headers, uri
from pbx.sip.framing import FramingError, MessageStream
from pbx.sip.headers import format_name_addr, name_addr, split_commas
from pbx.sip.message import parse
from pbx.sip.render import Outgoing


@pytest.mark.parametrize(
    ("value", "display", "address", "tag"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", "1"),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ('"A \\"B\\" C" <sip:a@b>', 'A "B" C', "sip:a@b", ""),
        ("Alice Smith <sip:a@b;transport=tcp>;x=y;tag=z", "Alice Smith", "sip:a@b;transport=tcp", "z"),
        ('"<sip:evil@x>" <sip:a@b>;TAG=z', "<sip:evil@x>", "sip:a@b", "z"),
        ("Иванов <sip:a@b>", "Иванов", "sip:a@b", ""),
        ('<sip:a@b>;p="x;tag=no";tag=yes', "", "sip:a@b", "yes"),
        ("<tel:+7495>;tag=1", "", "tel:+7495", "1"),
    ],
)
def test_name_addr(value: str, display: str, address: str, tag: str) -> None:
    found = name_addr(value)
    assert (found.display, found.uri, found.tag) == (display, address, tag)


@pytest.mark.parametrize(
    "value", ["", "a", '"a <sip:a@b>', "<sip:a b>", "<sip:a@b", "<sip:a@b>;;tag=1", "a, b <sip:a@b>"]
)
def test_broken_name_addr(value: str) -> None:
    with pytest.raises(ValueError, match="address"):
        name_addr(value)


@given(st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_display_names_survive_quoting(display: str) -> None:
    written = format_name_addr(display, "sip:a@b")
    assert name_addr(written).display == display
    assert split_commas(f"{written}, <sip:c@d>") == [written, "<sip:c@d>"]


def test_display_names_lose_control_characters() -> None:
    assert format_name_addr("a\r\nX: b\0", "sip:a@b") == '"aX: b" <sip:a@b>'


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a", ["a"]),
        ("a , b,c", ["a", "b", "c"]),
        ('"a,b" <sip:x,y@z>, c', ['"a,b" <sip:x,y@z>', "c"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        (",,a,,", ["a"]),
    ],
)
def test_split_commas(value: str, parts: list[str]) -> None:
    assert split_commas(value) == parts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SIP/2.0/UDP a.b:5070;branch=z9hG4bKx", ("UDP", "a.b", 5070, "z9hG4bKx", False)),
        ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKx", ("UDP", "10.0.0.1", 0, "z9hG4bKx", True)),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;rport", ("UDP", "10.0.0.1", 0, "z9hG4bKx", True)),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;rport=9;received=10.0.0.2", ("UDP", "10.0.0.1", 0, "z9hG4bKx", False)),
        ("sip / 2.0 / tcp [2001:DB8::1] : 5060 ; Branch = z9hG4bKx", ("TCP", "[2001:db8::1]", 5060, "z9hG4bKx", False)),
        ('SIP/2.0/WSS x.invalid;alias;p="a;branch=no";branch=yes', ("WSS", "x.invalid", 0, "yes", False)),
    ],
)
def test_via(value: str, expected: tuple[str, str, int, str, bool]) -> None:
    found = headers.via(value)
    assert (found.transport, found.host, found.port, found.branch, found.rport) == expected


def test_via_with_further_values() -> None:
    found = headers.via("SIP/2.0/UDP a;branch=1 , SIP/2.0/TCP b;branch=2")
    assert (found.head, found.rest) == ("SIP/2.0/UDP a;branch=1", ", SIP/2.0/TCP b;branch=2")


@pytest.mark.parametrize(
    "value", ["", "SIP/3.0/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:99999;branch=1", "SIP/2.0/UDP a;;b"]
)
def test_broken_via(value: str) -> None:
    with pytest.raises(ValueError, match=r"Via|port"):
        headers.via(value)


@pytest.mark.parametrize(
    "value", ["", "1", "INVITE", "-1 INVITE", "2147483648 INVITE", "1 IN VITE", "١ INVITE", "1\u00a0INVITE"]
)
def test_broken_cseq(value: str) -> None:
    with pytest.raises(ValueError, match="CSeq"):
        headers.cseq(value)


@pytest.mark.parametrize(
    ("text", "user", "host"),
    [
        ("sip:202@Romashka.Example", "202", "romashka.example"),
        ("sip:ivanov-desk@romashka.example:5062;transport=tcp", "ivanov-desk", "romashka.example"),
        ("sip:%2A21%23@x.example;user=phone", "*21#", "x.example"),
        ("sip:*21#@x.example", "*21#", "x.example"),
        ("sip:+74951234567;npdi;rn=7@x.example", "+74951234567", "x.example"),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com"),
        ("sips:a:secret@[2001:db8::1]:5061", "a", "[2001:db8::1]"),
        ("sip:10.77.0.11:5080;lr", "", "10.77.0.11"),
        ("tel:+7-495-123-45-67;phone-context=x", "+74951234567", ""),
        ("mailto:a@b", "", ""),
        ("sip:a b@c", "", ""),
    ],
)
def test_user_and_host(text: str, user: str, host: str) -> None:
    assert (uri.user_of(text), uri.host_of(text)) == (user, host)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:10.77.0.11", Address("udp", "10.77.0.11", 5060)),
        ("sip:10.77.0.11:5080;lr;transport=TCP", Address("tcp", "10.77.0.11", 5080)),
        ("sip:[2001:db8::1]:5080;lr", Address("udp", "2001:db8::1", 5080)),
        ("sip:edge1.example;lr", None),
        ("nonsense", None),
    ],
)
def test_address_of(text: str, address: Address | None) -> None:
    assert uri.address_of(text) == address


# --- framing ---------------------------------------------------------------------------------------------------------

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
TWO = b"SIP/2.0 200 OK\r\nl:0\r\n\r\n"


@given(st.lists(st.integers(1, 30), max_size=30))
def test_messages_of_a_stream_however_it_is_cut(cuts: list[int]) -> None:
    data = ONE + b"\r\n\r\n" + TWO + ONE + b"\r\n" + TWO
    stream = MessageStream()
    found: list[bytes] = []
    for size in cuts:
        found += stream.feed(data[:size])
        data = data[size:]
    found += stream.feed(data)
    assert found == [ONE, TWO, ONE, TWO]
    assert stream.pings == 1


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\nl: 5\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -4\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
        b"x" * 70000,
    ],
)
def test_streams_that_cannot_be_followed(data: bytes) -> None:
    with pytest.raises(FramingError):
        MessageStream().feed(data)


# --- rendering -------------------------------------------------------------------------------------------------------

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60)


@given(VALUES, st.binary(max_size=200))
def test_what_is_rendered_parses_back(value: str, body: bytes) -> None:
    lead = "From: <sip:a@b>;tag=1\r\nCall-ID: c\r\n"
    outgoing = Outgoing("INFO", "sip:b@c", lead, "<sip:b@c>;tag=2", 7, f"X-Any: {value}\r\nMax-Forwards: 70\r\n", body)
    message = parse(outgoing.render("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"))
    assert (message.get("x-any"), message.body, message.cseq) == (value.strip(" \t"), body, 7)


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    data = (
        b'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: "\xe8\xff" <sip:a@b>;tag=1\r\n'
        b"To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    message = parse(data)
    assert message.get("from").encode("utf-8", "surrogateescape") == b'"\xe8\xff" <sip:a@b>;tag=1'
    assert message.from_display == "\ufffd\ufffd"


def test_sdp_inside_multipart() -> None:
    part = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
    body = (
        b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: application/sdp\r\n\r\n"
        + part
        + b"\r\n--x--\r\n"
    )
    head = (
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
        'Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
    )
    assert parse(head.encode() + body).sdp == part
