"""Challenges of carriers: the answers of RFC 7616 and RFC 2617, and calls that meet them."""

from __future__ import annotations

import hashlib
import re

import pytest
from unit.sip.sip_network import ALICE, ANSWER, BOB, OFFER, Network, Phone, Wire, answer_to

from pbx.sip import Response
from pbx.sip.digest import DigestClient, parse_challenge
from pbx.sip.headers import parameters, split_commas
from pbx.sip.message import parse

LOGIN = ("romashka", "s3cret")


def challenge(status: int, header: str, value: str) -> Response:
    text = (
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{header}: {value}\r\n\r\n"
    )
    found = parse(text.encode())
    assert isinstance(found, Response)
    return found


def fields_of(value: str) -> dict[str, str]:
    return parameters("".join(f";{part}" for part in split_commas(value.partition(" ")[2])))


def expected(fields: dict[str, str], user: str, password: str, method: str, name: str = "md5") -> str:
    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    a1 = digest(f"{user}:{fields['realm']}:{password}")
    if fields["algorithm"].endswith("-SESS"):
        a1 = digest(f"{a1}:{fields['nonce']}:{fields['cnonce']}")
    a2 = digest(f"{method}:{fields['uri']}")
    if "qop" in fields:
        return digest(f"{a1}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}:{a2}")
    return digest(f"{a1}:{fields['nonce']}:{a2}")


def test_rfc_2069_example_without_qop() -> None:
    client = DigestClient("Mufasa", "CircleOfLife")
    value = (
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert client.learn(challenge(401, "WWW-Authenticate", value), True)
    [(name, answer)] = client.lines("GET", "/dir/index.html")
    fields = fields_of(answer)
    assert name == "Authorization"
    assert fields["response"] == "1949323746fe6a43ef61f9606e7febea"  # RFC 2069 §2.4, erratum 749
    assert fields["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"


@pytest.mark.parametrize(
    ("algorithm", "name"), [("MD5", "md5"), ("MD5-sess", "md5"), ("SHA-256", "sha256"), ("SHA-256-sess", "sha256")]
)
def test_answers_with_qop(algorithm: str, name: str) -> None:
    client = DigestClient(*LOGIN)
    value = f'Digest realm="mtt.example", nonce="n1", qop="auth-int, auth", algorithm={algorithm}'
    assert client.learn(challenge(407, "Proxy-Authenticate", value), True)
    for count in ("00000001", "00000002"):
        [(header, answer)] = client.lines("INVITE", "sip:7495@mtt.example")
        fields = fields_of(answer)
        assert header == "Proxy-Authorization"
        assert (fields["nc"], fields["qop"], fields["uri"]) == (count, "auth", "sip:7495@mtt.example")
        assert fields["response"] == expected(fields, *LOGIN, "INVITE", name)


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="x"',
        'Digest realm="x", nonce="1", algorithm=AKAv1-MD5',
        'Digest realm="x", nonce="1", qop="auth-int"',
        'Digest realm="x"',
        "Digest",
    ],
)
def test_challenges_that_cannot_be_answered(value: str) -> None:
    assert parse_challenge(value, "Authorization") is None
    assert not DigestClient(*LOGIN).learn(challenge(401, "WWW-Authenticate", value), True)


def test_wrong_password_is_not_tried_again_but_a_stale_nonce_is() -> None:
    client = DigestClient(*LOGIN)
    assert client.learn(challenge(401, "WWW-Authenticate", 'Digest realm="x", nonce="1"'), True)
    assert not client.learn(challenge(401, "WWW-Authenticate", 'Digest realm="x", nonce="2"'), False)
    assert client.learn(challenge(401, "WWW-Authenticate", 'Digest realm="x", nonce="3", stale=TRUE'), False)
    assert client.learn(challenge(407, "Proxy-Authenticate", 'Digest realm="y", nonce="4"'), False)
    assert [header for header, _ in client.lines("INVITE", "sip:x")] == ["Authorization", "Proxy-Authorization"]


def header(data: bytes, name: str) -> str:
    found = re.search(rf"^{name}: (.*)\r$", data.decode(), re.MULTILINE)
    return found[1] if found else ""


def test_challenged_call_and_its_bye() -> None:
    network = Network()
    alice, carrier = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB, credentials=LOGIN)
    network.run(0.1)
    first = carrier.take("INVITE")[0]
    asked = 'Proxy-Authenticate: Digest realm="mtt", nonce="n1", qop="auth"'
    carrier.send(answer_to(first, 407, "c", asked), ALICE)
    network.run(0.1)
    second = carrier.take("INVITE")[0]
    assert len(carrier.take("ACK")) == 1
    assert (header(first, "CSeq"), header(second, "CSeq")) == ("1 INVITE", "2 INVITE")
    assert header(first, "Call-ID") == header(second, "Call-ID")
    assert header(first, "From") == header(second, "From")
    assert header(first, "To") == header(second, "To")
    assert header(first, "Via") != header(second, "Via")
    fields = fields_of(header(second, "Proxy-Authorization"))
    assert fields["response"] == expected(fields, *LOGIN, "INVITE")
    carrier.send(answer_to(second, 200, "c", "Contact: <sip:c@192.0.2.2>", body=ANSWER), ALICE)
    network.run(0.1)
    ack = carrier.take("ACK")[0]
    assert header(ack, "CSeq") == "2 ACK"
    assert fields_of(header(ack, "Proxy-Authorization"))["realm"] == "mtt"  # RFC 3261 §22.1
    assert alice.events == [("answered", 200, ANSWER)]
    session.bye()
    network.run(0.1)
    bye = carrier.take("BYE")[0]
    fields = fields_of(header(bye, "Proxy-Authorization"))
    assert fields["response"] == expected(fields, *LOGIN, "BYE")
    carrier.send(answer_to(bye, 407, "", 'Proxy-Authenticate: Digest realm="mtt", nonce="n2", qop="auth"'), ALICE)
    network.run(0.1)
    again = carrier.take("BYE")[0]
    assert (header(bye, "CSeq"), header(again, "CSeq")) == ("3 BYE", "4 BYE")
    assert fields_of(header(again, "Proxy-Authorization"))["nonce"] == "n2"
    carrier.send(answer_to(again, 200, ""), ALICE)
    network.assert_nothing_left()


def test_challenged_reinvite() -> None:
    network = Network()
    alice, carrier = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB, credentials=LOGIN)
    network.run(0.1)
    carrier.send(answer_to(carrier.take("INVITE")[0], 200, "c", "Contact: <sip:c@192.0.2.2>", body=ANSWER), ALICE)
    network.run(0.1)
    session.reinvite(OFFER)
    network.run(0.1)
    asked = 'WWW-Authenticate: Digest realm="mtt", nonce="n1"'
    carrier.send(answer_to(carrier.take("INVITE")[0], 401, "", asked), ALICE)
    network.run(0.1)
    again = carrier.take("INVITE")[0]
    assert header(again, "Authorization").startswith('Digest username="romashka"')
    carrier.send(answer_to(again, 200, "", "Contact: <sip:c@192.0.2.2>", body=ANSWER), ALICE)
    network.run(0.1)
    assert alice.events[-1] == ("reinvited", 200, ANSWER)


def test_wrong_password_fails_the_call() -> None:
    network = Network()
    alice, carrier = Phone(network, ALICE), Wire(network, BOB)
    alice.call(BOB, credentials=LOGIN)
    for nonce in ("n1", "n2"):
        network.run(0.1)
        asked = f'WWW-Authenticate: Digest realm="mtt", nonce="{nonce}"'
        carrier.send(answer_to(carrier.take("INVITE")[0], 401, "c", asked), ALICE)
    network.run(0.1)
    assert alice.events == [("failed", 401)]
    assert carrier.take("INVITE") == []
    network.assert_nothing_left()


def test_challenge_without_a_login_fails_the_call() -> None:
    network = Network()
    alice, carrier = Phone(network, ALICE), Wire(network, BOB)
    alice.call(BOB)
    network.run(0.1)
    asked = 'WWW-Authenticate: Digest realm="mtt", nonce="n1"'
    carrier.send(answer_to(carrier.take("INVITE")[0], 401, "c", asked), ALICE)
    network.run(0.1)
    assert alice.events == [("failed", 401)]
    network.assert_nothing_left()


def test_call_cancelled_while_it_is_challenged() -> None:
    network = Network()
    alice, carrier = Phone(network, ALICE), Wire(network, BOB)
    session = alice.call(BOB, credentials=LOGIN)
    network.run(0.1)
    session.cancel()
    asked = 'WWW-Authenticate: Digest realm="mtt", nonce="n1"'
    carrier.send(answer_to(carrier.take("INVITE")[0], 401, "c", asked), ALICE)
    network.run(0.1)
    assert alice.events == [("failed", 487)]
    assert carrier.take("INVITE") == []
    network.assert_nothing_left()
