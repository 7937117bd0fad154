"""Requests from outside at a real edge: who gets through to the call process, and bearing what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.edge.conftest import DOMAIN, PASSWORDS
from unit.edge.edge_under_test import CALLS_2, CARRIER, EDGE, PHONE, STRANGER, EdgeUnderTest
from unit.edge.sip_peers import Message, Peer, authorization, build, ha1, reply

PeerMaker = Callable[..., Peer]
USER = "ivanov-desk"
SDP = "v=0\r\no=- 1 1 IN IP4 10.78.0.11\r\ns=-\r\nc=IN IP4 10.78.0.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
CONTACT = f"Contact: <sip:0123456789ab@{EDGE}:5060>"


def invite(
    phone: Peer, number: str, *, user: str = USER, uri: str | None = None, headers: tuple[str, ...] = (),
    body: str = SDP, cseq: int = 1, call_id: str | None = None, max_forwards: int = 70, auth: bool = True,
) -> str:  # fmt: skip
    """Send an INVITE, answer its challenge; returns the Call-ID."""
    uri = uri or f"sip:{number}@{DOMAIN}"
    call_id = call_id or f"{number}-{phone.port}-{cseq}"
    common: dict[str, Any] = {
        "from_": f"<sip:{user}@{DOMAIN}>;tag=caller", "to": f"<{uri}>", "call_id": call_id, "body": body,
        "max_forwards": max_forwards,
    }  # fmt: skip
    headers = (f"Contact: {phone.contact(user)}", *headers)
    phone.send(build("INVITE", uri, phone, cseq=cseq, headers=headers, **common))
    if not auth:
        return call_id
    challenge = phone.final()
    assert challenge.status == 407
    phone.send(acknowledge(challenge, phone, uri))
    secret = ha1(user, DOMAIN, PASSWORDS[user])
    answer = authorization(challenge, user=user, secret_ha1=secret, method="INVITE", uri=uri)
    phone.send(build("INVITE", uri, phone, cseq=cseq + 1, headers=(*headers, answer), **common))
    return call_id


def acknowledge(response: Message, phone: Peer, uri: str) -> str:
    """The ACK of a refusal: in the transaction of its INVITE."""
    return build(
        "ACK", uri, phone, from_=response.need("From"), to=response.need("To"), call_id=response.need("Call-ID"),
        cseq=int(response.need("CSeq").split()[0]), via=response.need("Via"),
    )  # fmt: skip


def in_dialog(method: str, answer: Message, phone: Peer, uri: str, *, cseq: int, routes: list[str]) -> str:
    headers = tuple(f"Route: {value}" for value in routes)
    return build(
        method, uri, phone, from_=answer.need("From"), to=answer.need("To"), call_id=answer.need("Call-ID"),
        cseq=cseq, headers=headers,
    )  # fmt: skip


def test_a_call_arrives_stamped_and_without_what_was_forged(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    forged = (
        "X-PBX-Tenant: vasilek", "x-pbx-source: trunk mtt", "X-PBX-Emergency : 1", "P-Asserted-Identity: <sip:boss@x>",
        "Diversion: <sip:a@b>", "History-Info: <sip:a@b>;index=1", "Remote-Party-ID: <sip:boss@x>",
    )  # fmt: skip
    invite(peer(PHONE), "202", headers=forged)
    got = calls.request("INVITE")
    assert got.uri == f"sip:202@{DOMAIN}"
    assert got.all("X-PBX-Tenant") == ["romashka"]
    assert got.all("X-PBX-Source") == [f"device {USER}"]
    assert got.all("X-PBX-Transport") == ["udp"]
    assert got.all("X-PBX-Edge") == ["edge1"]
    for name in ("P-Asserted-Identity", "Diversion", "History-Info", "Remote-Party-ID", "Proxy-Authorization"):
        assert got.all(name) == [], name
    assert got.all("X-PBX-Emergency") == []
    assert [";r2=on" in value for value in got.all("Record-Route")] == [True, True]


def test_the_answer_and_the_whole_dialog(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    invite(phone, "202")
    got = calls.request("INVITE")
    calls.send(reply(got, 200, "OK", headers=(CONTACT,), body=SDP))
    answer = phone.final()
    routes = list(reversed(answer.all("Record-Route")))
    target = f"sip:0123456789ab@{EDGE}:5060"
    phone.send(in_dialog("ACK", answer, phone, target, cseq=2, routes=routes))
    assert calls.request("ACK").all("Route") == []
    # the call process hangs up; the edge finds the phone by its alias
    contact = got.need("Contact").strip("<>")
    bye = build(
        "BYE", contact, calls, from_=answer.need("To"), to=answer.need("From"), call_id=got.need("Call-ID"),
        headers=tuple(f"Route: {value}" for value in got.all("Record-Route")),
    )  # fmt: skip
    calls.send(bye)
    ended = phone.request("BYE")
    phone.send(reply(ended, 200, "OK"))
    assert calls.final().status == 200


def test_in_dialog_the_token_alone_says_where(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone, victim = peer(PHONE), peer(STRANGER, 5060)
    invite(phone, "202")
    got = calls.request("INVITE")
    calls.send(reply(got, 200, "OK", headers=(CONTACT,), body=SDP))
    answer = phone.final()
    lies = [f"<sip:{STRANGER}:5060;lr>", f"<sip:{EDGE}:5060;lr>"]
    phone.send(in_dialog("BYE", answer, phone, f"sip:0123456789ab@{STRANGER}:5060", cseq=3, routes=lies))
    ended = calls.request("BYE")
    assert ended.all("Route") == []
    calls.send(reply(ended, 200, "OK"))
    assert phone.final().status == 200
    assert victim.silent()


def test_in_dialog_without_a_token_of_ours_is_481(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    stranger = peer(STRANGER)
    for user in ("ffffffffffff", USER, ""):
        uri = f"sip:{user}@{EDGE}:5060" if user else f"sip:{EDGE}:5060"
        stranger.send(build("BYE", uri, stranger, from_="<sip:a@b>;tag=1", to="<sip:c@d>;tag=2"))
        assert stranger.final().status == 481
    assert calls.silent(method="BYE")


def test_cancel_goes_the_way_of_its_invite(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    call_id = invite(phone, "202")
    got = calls.request("INVITE")
    calls.send(reply(got, 180, "Ringing", headers=(CONTACT,)))
    ringing = phone.receive(lambda message: message.status == 180)
    phone.send(
        build(
            "CANCEL",
            f"sip:202@{DOMAIN}",
            phone,
            from_=ringing.need("From"),
            to=f"<sip:202@{DOMAIN}>",
            call_id=call_id,
            cseq=2,
            via=ringing.need("Via"),
        )
    )
    calls.send(reply(calls.request("CANCEL"), 200, "OK"))
    calls.send(reply(got, 487, "Request Terminated"))
    finals = {
        message.need("CSeq"): message for message in (phone.final(), phone.final())
    }  # of two workers: in any order
    assert {cseq: message.status for cseq, message in finals.items()} == {"2 CANCEL": 200, "2 INVITE": 487}
    phone.send(acknowledge(finals["2 INVITE"], phone, f"sip:202@{DOMAIN}"))
    assert calls.request("ACK").need("CSeq") == "2 ACK"


def test_cancel_of_nothing_is_481(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    phone.send(build("CANCEL", f"sip:202@{DOMAIN}", phone, from_="<sip:a@b>;tag=1", to="<sip:c@d>"))
    assert phone.final().status == 481


def test_a_stranger_meets_the_challenge_and_no_more(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    stranger = peer(STRANGER)
    for number in ("202", "112", "74951000100"):
        invite(stranger, number, auth=False)
        refused = stranger.final()
        assert refused.status == 407
        stranger.send(acknowledge(refused, stranger, f"sip:{number}@{DOMAIN}"))
    assert calls.silent()


def test_the_inside_port_does_not_answer_strangers(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    stranger = peer(STRANGER, inside=True)
    stranger.send(build("OPTIONS", f"sip:{EDGE}:5080", stranger, from_="<sip:a@b>;tag=1", to="<sip:c@d>"))
    assert stranger.silent()


@pytest.mark.parametrize(
    "route",
    [
        f"<sip:{STRANGER}:5060;lr>",
        f"<sip:{EDGE}:5060;lr>, <sip:{STRANGER}:5060;lr>",
        f"<sip:{EDGE}:5080;lr;r2=on>,<sip:x>",
    ],
)
def test_a_preloaded_route_is_refused(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker, route: str) -> None:
    phone = peer(PHONE)
    invite(phone, "202", headers=(f"Route: {route}",), auth=False)
    assert phone.final().status == 403
    invite(phone, "202", headers=(f"Route: <sip:{EDGE};lr>", f"Route: {route}"), auth=False, cseq=2)
    assert phone.final().status == 403
    assert calls.silent(0.1)


@pytest.mark.parametrize("host", [EDGE, DOMAIN])
def test_a_phone_may_name_its_outbound_proxy(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker, host: str) -> None:
    invite(peer(PHONE), "202", headers=(f"Route: <sip:{host}:5060;lr>",))
    assert calls.request("INVITE").all("Route") == []


def test_only_the_own_domain_is_dialled(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    invite(phone, "202", uri="sip:202@vasilek.example")
    assert phone.final().status == 404
    invite(phone, "202", uri=f"sip:202@{STRANGER}", cseq=10)
    assert phone.final().status == 404
    invite(phone, "202", uri=f"sip:202@{EDGE}", cseq=20)
    assert calls.request("INVITE").uri == f"sip:202@{DOMAIN}"


def test_emergency_is_marked_and_passes_ban_and_rate(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    edge.rpc.call("htable.seti", "ban", PHONE, 1)
    edge.rpc.call("cfg.seti", "pbx", "max_invites", 1)
    try:
        invite(phone, "202", auth=False)
        assert phone.silent()
        for cseq in (10, 20, 30):
            invite(phone, "112", cseq=cseq)
            got = calls.receive(lambda message, cseq=cseq: message.get("CSeq") == f"{cseq + 1} INVITE")  # type: ignore[misc]
            assert got.all("X-PBX-Emergency") == ["1"]
            calls.send(reply(got, 200, "OK", headers=(CONTACT,)))
            answer = phone.final()
            target = f"sip:0123456789ab@{EDGE}:5060"
            phone.send(in_dialog("ACK", answer, phone, target, cseq=cseq + 1, routes=[]))
            calls.request("ACK")
    finally:
        edge.rpc.call("cfg.seti", "pbx", "max_invites", 0)


def test_the_rate_of_one_device_is_limited(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    edge.rpc.call("cfg.seti", "pbx", "max_invites", 2)
    try:
        phone = peer(PHONE)
        for cseq in (10, 20):
            invite(phone, "202", cseq=cseq)
            calls.send(reply(calls.request("INVITE"), 486, "Busy Here"))
            assert phone.final().status == 486
        invite(phone, "202", cseq=30)
        refused = phone.final()
        assert (refused.status, refused.need("Retry-After")) == (503, "10")
    finally:
        edge.rpc.call("cfg.seti", "pbx", "max_invites", 0)


def test_a_trunk_reaches_the_tenant_of_the_number(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    carrier = peer(CARRIER, 5060)
    headers = ("P-Asserted-Identity: <sip:79161234567@mtt.example>", "X-PBX-Tenant: vasilek")
    carrier.send(
        build(
            "INVITE",
            f"sip:74951000100@{EDGE}",
            carrier,
            from_="<sip:79161234567@mtt.example>;tag=1",
            to=f"<sip:74951000100@{EDGE}>",
            headers=(f"Contact: {carrier.contact('c')}", *headers),
            body=SDP,
        )
    )
    got = calls.request("INVITE")
    assert got.uri == f"sip:74951000100@{EDGE}"
    assert got.all("X-PBX-Tenant") == ["romashka"]
    assert got.all("X-PBX-Source") == ["trunk mtt"]
    assert got.all("P-Asserted-Identity") == ["<sip:79161234567@mtt.example>"]
    calls.send(reply(got, 486, "Busy Here"))
    assert carrier.final().status == 486


def test_an_unknown_number_from_a_trunk_is_404(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    carrier = peer(CARRIER, 5060)
    carrier.send(build("INVITE", f"sip:74950000000@{EDGE}", carrier, from_="<sip:1@m>;tag=1", to="<sip:2@m>", body=SDP))
    assert carrier.final().status == 404
    assert calls.silent(0.1)
    assert "unknown number 74950000000 from trunk mtt" in edge.log


def test_too_many_hops(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    invite(phone, "202", max_forwards=0, auth=False)
    assert phone.final().status == 483


def test_nobody_answers_for_the_tenant(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    """No call process listens: 503 after the 600 ms of contracts §1.3."""
    phone = peer(PHONE)
    invite(phone, "202")
    assert phone.final(2.0).status == 503


def test_another_owner_named_meanwhile_gets_the_call(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    other = peer(CALLS_2, 5070, inside=True)
    invite(peer(PHONE), "202")
    calls.request("INVITE")
    edge.fill("owner", {"romashka": f"sip:{CALLS_2}:5070"})
    assert other.request("INVITE").uri == f"sip:202@{DOMAIN}"


def test_shedding_is_passed_on(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    invite(phone, "202")
    calls.send(reply(calls.request("INVITE"), 503, "Service Unavailable", headers=("X-PBX-Shed: 1",)))
    assert phone.final().status == 503


def test_options_are_answered_by_the_edge(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    for uri in (f"sip:{EDGE}:5060", f"sip:{DOMAIN}", f"sip:nobody@{DOMAIN}"):
        phone.send(build("OPTIONS", uri, phone, from_="<sip:a@b>;tag=1", to=f"<{uri}>"))
        assert phone.final().status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_long_sdp_passes_to_the_call_process_over_tcp(
    edge: EdgeUnderTest, calls: Peer, calls_tcp: Peer, peer: PeerMaker, transport: str
) -> None:
    phone = peer(PHONE, transport=transport)
    body = SDP + "a=x:" + "y" * 4096 + "\r\n"
    invite(phone, "202", body=body)
    got = calls_tcp.request("INVITE")
    assert got.body == body
    assert got.all("X-PBX-Transport") == [transport]
    calls_tcp.send(reply(got, 200, "OK", headers=(CONTACT,), body=body))
    answer = phone.final()
    assert answer.body == body
    # short requests of the dialog go back to UDP
    target = f"sip:0123456789ab@{EDGE}:5060"
    phone.send(in_dialog("ACK", answer, phone, target, cseq=2, routes=[]))
    calls.request("ACK")


def test_a_silent_scanner(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    stranger = peer(STRANGER)
    stranger.send(
        build("OPTIONS", f"sip:{EDGE}", stranger, from_="<sip:a@b>;tag=1", to="<sip:c@d>",
              headers=("User-Agent: friendly-scanner",))
    )  # fmt: skip
    assert stranger.silent()


def subscribe(phone: Peer, resource: str, *, cseq: int) -> None:
    """Send a SUBSCRIBE with a lie in it, answer its challenge."""
    uri = f"sip:{resource}@{DOMAIN}"
    common: dict[str, Any] = {
        "from_": f"<sip:{USER}@{DOMAIN}>;tag=w",
        "to": f"<{uri}>",
        "call_id": f"sub-{phone.port}-{cseq}",
    }
    headers = (f"Contact: {phone.contact(USER)}", "Event: dialog", "X-PBX-Tenant: vasilek", "X-PBX-Source: trunk mtt")
    phone.send(build("SUBSCRIBE", uri, phone, cseq=cseq, headers=headers, **common))
    challenge = phone.final()
    assert challenge.status == 407
    secret = ha1(USER, DOMAIN, PASSWORDS[USER])
    answer = authorization(challenge, user=USER, secret_ha1=secret, method="SUBSCRIBE", uri=uri)
    phone.send(build("SUBSCRIBE", uri, phone, cseq=cseq + 1, headers=(*headers, answer), **common))


@pytest.mark.row("R10")
def test_a_subscription_arrives_stamped_as_a_call_does(edge: EdgeUnderTest, calls: Peer, peer: PeerMaker) -> None:
    subscribe(peer(PHONE), "202", cseq=1)
    got = calls.request("SUBSCRIBE")
    assert got.uri == f"sip:202@{DOMAIN}" and got.get("Proxy-Authorization") is None
    assert got.all("X-PBX-Tenant") == ["romashka"] and got.all("X-PBX-Source") == [f"device {USER}"]
    assert got.all("X-PBX-Edge") == ["edge1"] and len(got.all("Record-Route")) == 2
    assert ";alias=" in got.need("Contact")
    calls.send(reply(got, 404, "Not Found"))


@pytest.mark.row("R10")
def test_the_rate_of_subscriptions_is_limited_apart_from_that_of_calls(
    edge: EdgeUnderTest, calls: Peer, peer: PeerMaker
) -> None:
    edge.rpc.call("cfg.seti", "pbx", "max_subscribes", 2)
    try:
        phone = peer(PHONE)
        for cseq in (10, 20):
            subscribe(phone, "202", cseq=cseq)
            calls.send(reply(calls.request("SUBSCRIBE"), 404, "Not Found"))
            assert phone.final().status == 404
        subscribe(phone, "202", cseq=30)
        refused = phone.final()
        assert (refused.status, refused.need("Retry-After")) == (503, "10")
        invite(phone, "202", cseq=40)
        calls.send(reply(calls.request("INVITE"), 486, "Busy Here"))
        assert phone.final().status == 486
    finally:
        edge.rpc.call("cfg.seti", "pbx", "max_subscribes", 0)
