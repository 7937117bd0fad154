"""Diversion, History-Info and where a 3xx may lead: read from others, written by us."""

from __future__ import annotations

import pytest
from unit.sip.sip_network import OFFER
from unit.sip.test_sip_reliable import raw_invite

from pbx.sip.history import Diverted, Target, diversions, diverted_lines, history, hops, redirected_to, status_of
from pbx.sip.message import Message, parse


def message(*lines: str) -> Message:
    return parse(raw_invite(*lines, sdp=OFFER))


@pytest.mark.row("R08")
def test_what_we_write_is_read_back() -> None:
    written = message(*(f"{name}: {value}" for name, value in diverted_lines([("sip:202@x", 302)], "sip:301-desk@x")))
    assert diversions(written) == [Diverted("sip:202@x", "unconditional")]
    assert history(written) == [Target("sip:202@x", "1", 302), Target("sip:301-desk@x", "1.1")]
    assert hops(written) == 1


@pytest.mark.row("R08")
def test_each_who_sent_the_call_on_is_told() -> None:
    lines = diverted_lines([("sip:201@x", 302), ("sip:202@x", 408), ("sip:203@x", 486)], "sip:204-desk@x")
    written = message(*(f"{name}: {value}" for name, value in lines))
    assert [(one.uri, one.reason) for one in diversions(written)] == [
        ("sip:203@x", "user-busy"), ("sip:202@x", "no-answer"), ("sip:201@x", "unconditional"),
    ]  # fmt: skip
    assert history(written) == [
        Target("sip:201@x", "1", 302),
        Target("sip:202@x", "1.1", 408),
        Target("sip:203@x", "1.1.1", 486),
        Target("sip:204-desk@x", "1.1.1.1"),
    ]
    assert dict(lines)["History-Info"].endswith("<sip:204-desk@x>;index=1.1.1.1;mp=1.1.1")
    assert hops(written) == 3
    assert [status_of(one.reason) for one in diversions(written)] == [486, 408, 302]
    assert diverted_lines([], "sip:204-desk@x") == []


def test_a_private_diversion_says_so() -> None:
    lines = dict(diverted_lines([("sip:202@x", 486)], "sip:+7495@x", private=True))
    assert lines["Diversion"] == "<sip:202@x>;reason=user-busy;counter=1;privacy=full"
    assert "Privacy=history" in lines["History-Info"]
    assert diversions(message(f"Diversion: {lines['Diversion']}"))[0].is_private


def test_of_several_hops() -> None:
    found = message(
        'Diversion: "B, the second" <sip:b@x>;reason=no-answer;counter=2, <tel:+7495>;privacy=off',
        "Diversion: <sip:c@x>;reason=USER-BUSY",
    )
    assert [one.uri for one in diversions(found)] == ["sip:b@x", "tel:+7495", "sip:c@x"]
    assert [one.reason for one in diversions(found)] == ["no-answer", "unknown", "user-busy"]
    assert hops(found) == 4


@pytest.mark.parametrize("value", ["", "<>", "<sip:a b@c>", '"x', "<mailto:a@b>", ";;;", "<sip:a@b>;counter=x" * 50])
def test_broken_values_are_left_out(value: str) -> None:
    found = message(f"Diversion: {value}", f"History-Info: {value}")
    assert diversions(found) == history(found) == []
    assert hops(found) == 0


HOSTS = ("romashka.example", "10.77.0.11")


@pytest.mark.row("R05")
@pytest.mark.parametrize(
    ("contact", "target"),
    [
        ("<sip:301@romashka.example>", "sip:301@romashka.example"),
        ("<sip:301@ROMASHKA.example:5060;transport=tcp?Subject=x>", "sip:301@ROMASHKA.example:5060;transport=tcp"),
        ("sip:301@10.77.0.11", "sip:301@10.77.0.11"),
        ("<tel:+79161234567>", "tel:+79161234567"),
        ("<sip:301@elsewhere.example>, <sip:302@romashka.example>", "sip:302@romashka.example"),
        ("<sip:301@elsewhere.example>", ""),
        ("<sip:301@romashka.example@elsewhere.example>", ""),
        ("<sip:301@romashka.example.elsewhere.example>", ""),
        ("<sip:romashka.example@elsewhere.example>", ""),
        ("<http://romashka.example/>", ""),
        ("*", ""),
        ("", ""),
    ],
)
def test_a_3xx_leads_nowhere_but_to_us(contact: str, target: str) -> None:
    found = parse(raw_invite(sdp=OFFER).replace(b"Contact: <sip:201@192.0.2.1>", b"Contact: " + contact.encode()))
    assert redirected_to(found, HOSTS) == target
