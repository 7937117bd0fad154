"""REGISTER at a real edge: the challenge, one contact a device, the ban."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.edge.conftest import DOMAIN, PASSWORDS
from unit.edge.edge_under_test import OFFICE, PHONE, PHONE_2, EdgeUnderTest
from unit.edge.sip_peers import Message, Peer, authorization, build, ha1

PeerMaker = Callable[..., Peer]


def register(
    phone: Peer, user: str, password: str, *, domain: str = DOMAIN, auth_user: str | None = None, to: str | None = None,
    expires: int = 600, cseq: int = 1,
) -> tuple[Message, Message]:  # fmt: skip
    """The challenge and the answer to the second REGISTER."""
    uri = f"sip:{domain}"
    common: dict[str, Any] = {
        "from_": f"<sip:{user}@{domain}>;tag=reg",
        "to": to or f"<sip:{user}@{domain}>",
        "call_id": f"{user}-{phone.port}",
    }
    contact = (f"Contact: {phone.contact(user)};expires={expires}",)
    phone.send(build("REGISTER", uri, phone, cseq=cseq, headers=contact, **common))
    challenge = phone.final()
    name = auth_user or user
    answer = authorization(
        challenge, user=name, secret_ha1=ha1(name, domain, password), method="REGISTER", uri=uri
    )  # fmt: skip
    phone.send(build("REGISTER", uri, phone, cseq=cseq + 1, headers=(*contact, answer), **common))
    return challenge, phone.final()


def contacts(edge: EdgeUnderTest, user: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = edge.rpc.call("ul.lookup", "location", f"{user}@{DOMAIN}")
    return [one["Contact"] for one in found["Contacts"]]


def test_a_device_registers_after_one_challenge(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    challenge, answer = register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"])
    assert (challenge.status, answer.status) == (401, 200)
    assert f'realm="{DOMAIN}"' in challenge.need("WWW-Authenticate")
    assert contacts(edge, "ivanov-desk")[0]["Received"] == f"sip:{PHONE}:{phone.port}"


def test_registering_from_a_new_port_replaces_the_contact(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    for _ in range(3):
        phone = peer(PHONE)
        assert register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"])[1].status == 200
    found = contacts(edge, "ivanov-desk")
    assert [one["Address"] for one in found] == [f"sip:ivanov-desk@{PHONE}:{phone.port}"]


def test_expires_zero_removes_the_contact(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    phone = peer(PHONE)
    register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"])
    assert register(phone, "ivanov-desk", PASSWORDS["ivanov-desk"], expires=0, cseq=3)[1].status == 200
    with pytest.raises(Exception, match="AOR"):
        contacts(edge, "ivanov-desk")


@pytest.mark.parametrize(
    ("user", "domain"),
    [("ivanov-desk", DOMAIN), ("nobody", DOMAIN), ("nobody", "vasilek.example"), ("nobody", "stranger.example")],
    ids=["wrong-password", "unknown-user", "other-domain", "unknown-domain"],
)
def test_the_unknown_and_the_wrong_look_alike(edge: EdgeUnderTest, peer: PeerMaker, user: str, domain: str) -> None:
    challenge, answer = register(peer(PHONE_2), user, "wrong-password", domain=domain)
    assert (challenge.status, answer.status) == (401, 401)
    names = [line.split(":")[0] for line in answer.text.split("\r\n") if ":" in line]
    assert names == ["Via", "From", "To", "Call-ID", "CSeq", "WWW-Authenticate", "Content-Length"]
    assert f'realm="{domain}"' in answer.need("WWW-Authenticate")


def test_the_login_must_be_the_from_user(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    _, answer = register(peer(PHONE), "ivanov-desk", PASSWORDS["petrova-desk"], auth_user="petrova-desk")
    assert answer.status == 401


@pytest.mark.parametrize("dummy", ["0" * 32, "0", "", "<null>"])
def test_no_dummy_ha1_of_unknown_users_opens_anything(edge: EdgeUnderTest, peer: PeerMaker, dummy: str) -> None:
    phone, uri = peer(PHONE), f"sip:{DOMAIN}"
    common: dict[str, Any] = {"from_": f"<sip:nobody@{DOMAIN}>;tag=1", "to": f"<sip:nobody@{DOMAIN}>", "call_id": "d"}
    phone.send(build("REGISTER", uri, phone, **common))
    answer = authorization(phone.final(), user="nobody", secret_ha1=dummy, method="REGISTER", uri=uri)
    phone.send(build("REGISTER", uri, phone, cseq=2, headers=(answer, "Contact: <sip:x@1.2.3.4>"), **common))
    assert phone.final().status == 401


def test_nobody_registers_another_address_of_record(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    _, answer = register(
        peer(PHONE), "ivanov-desk", PASSWORDS["ivanov-desk"], to=f"<sip:petrova-desk@{DOMAIN}>"
    )  # fmt: skip
    assert answer.status == 403


def test_five_wrong_passwords_ban_the_source(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    attacker = peer(PHONE_2)
    for number in range(5):
        assert register(attacker, "ivanov-desk", f"guess-{number}", cseq=2 * number + 1)[1].status == 401
    attacker.send(build("OPTIONS", f"sip:{DOMAIN}", attacker, from_="<sip:a@b>;tag=1", to=f"<sip:{DOMAIN}>"))
    assert attacker.silent()
    assert register(peer(PHONE), "ivanov-desk", PASSWORDS["ivanov-desk"])[1].status == 200


def test_a_known_office_is_never_banned(edge: EdgeUnderTest, peer: PeerMaker) -> None:
    edge.addresses(f"3 {OFFICE} 32 0 office\n")
    office = peer(OFFICE)
    for number in range(7):
        assert register(office, "ivanov-desk", f"guess-{number}", cseq=2 * number + 1)[1].status == 401
    assert register(office, "ivanov-desk", PASSWORDS["ivanov-desk"], cseq=99)[1].status == 200
