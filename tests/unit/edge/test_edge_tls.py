"""TLS at a real edge behind NAT: phones on it, the advertised address, a renewed certificate."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.kamailio_service import certificate_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from unit.edge.conftest import ADDRESSES, DOMAIN, PASSWORDS, ROWS
from unit.edge.edge_under_test import CALLS, EDGE, PHONE, EdgeUnderTest
from unit.edge.module_runs import lines, run
from unit.edge.sip_peers import Peer, build, reply
from unit.edge.test_edge_calls_in import next_in_dialog
from unit.edge.test_edge_calls_out import CONTACT, SDP, invite
from unit.edge.test_edge_registrar import register

PUBLIC = "203.0.113.80"
USER = "ivanov-desk"


def certify(folder: Path, name: str) -> None:
    """server.pem and server.key, self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "server.key").write_bytes(pem)


@pytest.fixture(scope="module")
def tls_edge() -> Iterator[EdgeUnderTest]:
    edge = EdgeUnderTest(features="WITH_TLS WITH_WSS WITH_ADVERTISE", PUBLIC_ADDRESS=PUBLIC, PUBLIC_PORT="15060")
    certify(edge.folder, "first")
    (edge.folder / "tls.cfg").write_text(
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
        f"certificate = {edge.folder}/server.pem\nprivate_key = {edge.folder}/server.key\n"
    )
    try:
        edge.start()
        for table, rows in ROWS.items():
            edge.fill(table, rows)
        edge.addresses(ADDRESSES)
        yield edge
    finally:
        edge.close()


@pytest.fixture
def process(tls_edge: EdgeUnderTest) -> Iterator[Peer]:
    one = Peer(tls_edge.namespace, CALLS, 0, (EDGE, 5080))
    tls_edge.fill("owner", {"romashka": f"sip:{CALLS}:{one.port}"})
    yield one
    one.close()


@pytest.fixture
def phone(tls_edge: EdgeUnderTest) -> Iterator[Peer]:
    one = Peer(tls_edge.namespace, PHONE, 0, (EDGE, 5061), "tls")
    yield one
    one.close()


@pytest.mark.row("R21")
@pytest.mark.parametrize(
    ("path", "origin", "answer"),
    [
        ("/ws", "https://phone.example", "101 Switching Protocols"),
        ("/ws", "http://phone.example", "403 Forbidden"),
        ("/ws", "", "403 Forbidden"),
        ("/", "https://phone.example", "404 Not Found"),
    ],
)
def test_what_opens_a_websocket(tls_edge: EdgeUnderTest, path: str, origin: str, answer: str) -> None:
    page = Peer(tls_edge.namespace, PHONE, 0, (EDGE, 8443), "tls")
    lines = [f"GET {path} HTTP/1.1", f"Host: {EDGE}:8443", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: sip"]
    lines += [f"Origin: {origin}"] if origin else []
    page.send("\r\n".join([*lines, "", ""]))
    page.sock.settimeout(3)
    assert page.sock.recv(1000).decode().startswith(f"HTTP/1.1 {answer}")
    page.close()


def test_no_websocket_at_the_port_of_phones(tls_edge: EdgeUnderTest, phone: Peer) -> None:
    phone.send(f"GET /ws HTTP/1.1\r\nHost: {EDGE}\r\nOrigin: https://phone.example\r\n\r\n")
    phone.sock.settimeout(3)
    assert phone.sock.recv(1000).startswith(b"HTTP/1.1 404")


def test_a_phone_on_tls_calls(process: Peer, phone: Peer) -> None:
    invite(phone, "202")
    got = process.request("INVITE")
    assert got.all("X-PBX-Transport") == ["tls"]
    inside, outside = got.all("Record-Route")
    assert f"sip:{EDGE}:5080" in inside
    assert f"{PUBLIC}:5061" in outside and "transport=tls" in outside
    process.send(reply(got, 486, "Busy Here"))
    assert phone.final().status == 486


def test_a_phone_on_tls_is_called_over_its_connection(process: Peer, phone: Peer) -> None:
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200
    uri = f"sip:{USER}@{DOMAIN}"
    process.send(
        build("INVITE", uri, process, from_=f"<sip:201@{DOMAIN}>;tag=b2b", to=f"<{uri}>", headers=(CONTACT,), body=SDP)
    )
    ringing = phone.request("INVITE")
    phone.send(reply(ringing, 200, "OK", headers=(f"Contact: {phone.contact(USER)}",), body=SDP))
    answer = process.final()
    process.send(next_in_dialog("ACK", process, ringing, answer))
    assert phone.request("ACK").all("Route") == []
    process.send(next_in_dialog("BYE", process, ringing, answer))
    phone.send(reply(phone.request("BYE"), 200, "OK"))
    assert process.final().status == 200


def test_a_phone_is_told_the_public_address(tls_edge: EdgeUnderTest, process: Peer) -> None:
    udp = Peer(tls_edge.namespace, PHONE, 0, (EDGE, 5060))
    invite(udp, "202", headers=(f"Route: <sip:{PUBLIC}:15060;lr>",))
    got = process.request("INVITE")
    assert f"{PUBLIC}:15060" in got.all("Record-Route")[1]
    process.send(reply(got, 200, "OK", headers=(CONTACT,), body=SDP))
    udp.final()
    # what the call process sends inside the dialog finds its way through the advertised address
    bye = build(
        "BYE",
        got.need("Contact").strip("<>"),
        process,
        from_=f"{got.need('To')};tag=uas",
        to=got.need("From"),
        call_id=got.need("Call-ID"),
        headers=tuple(f"Route: {value}" for value in got.all("Record-Route")),
    )
    process.send(bye)
    udp.send(reply(udp.request("BYE"), 200, "OK"))
    assert process.final().status == 200
    udp.close()


def test_a_renewed_certificate_is_taken_in_and_connections_stay(tls_edge: EdgeUnderTest, phone: Peer) -> None:
    """The handshake is made inside the namespace; the module's own comparison is the same two calls."""
    from ansible_collections.pbx.core.plugins.module_utils import kamailio_configuration as configuration

    shown = served(tls_edge)
    assert shown == certificate_of(f"{tls_edge.folder}/server.pem")
    certify(tls_edge.folder, "second")
    assert served(tls_edge) == shown != certificate_of(f"{tls_edge.folder}/server.pem")
    edge: Any = type("Edge", (), {})()
    edge.params = {
        "certificate": f"{tls_edge.folder}/server.pem", "unit": "",
        "words": {"SIP_ADDRESS": EDGE, "TLS_PORT": 5061},
    }  # fmt: skip
    edge.rpc, edge.settings = tls_edge.rpc, {}
    steps = inside(tls_edge, configuration.plan_certificate, edge)
    assert [(one.op, one.kind, one.id) for one in steps] == [("reload", "certificate", edge.params["certificate"])]
    assert configuration.run_service(edge, steps) == ""
    assert inside(tls_edge, configuration.plan_certificate, edge) == []
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200


def test_a_certificate_is_renewed_by_its_module(tls_edge: EdgeUnderTest, phone: Peer) -> None:
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200
    shown = served(tls_edge)
    certify(tls_edge.folder, "third")
    entry = {"certificate": f"{tls_edge.folder}/server.pem", "key": f"{tls_edge.folder}/server.key"}
    options = {"certificates": [entry], "served_at": f"{EDGE}:5061", "run_dir": str(tls_edge.run_dir), "warn_days": 0}
    done = inside(tls_edge, lambda: run("pbx_certificates", **options))
    assert lines(done) == [f"reload certificate {tls_edge.folder}/server.pem running"]
    assert served(tls_edge) == certificate_of(entry["certificate"]) != shown
    assert inside(tls_edge, lambda: run("pbx_certificates", **options))["changed"] is False
    assert register(phone, USER, PASSWORDS[USER])[1].status == 200, "on the connection from before"


def test_a_broken_certificate_is_told_and_the_old_one_goes_on(tls_edge: EdgeUnderTest) -> None:
    from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import RpcError

    shown = served(tls_edge)
    whole = (tls_edge.folder / "server.pem").read_text()
    (tls_edge.folder / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
    with pytest.raises(RpcError, match=r"tls\.reload"):
        tls_edge.rpc.call("tls.reload")
    assert served(tls_edge) == shown
    (tls_edge.folder / "server.pem").write_text(whole)
    tls_edge.rpc.call("tls.reload")


def inside(edge: EdgeUnderTest, function: Any, *given: Any) -> Any:
    """Call it from a thread that lives in the edge's network namespace."""
    import threading

    from unit.edge.sip_peers import enter_namespace

    results: list[Any] = []

    def work() -> None:
        enter_namespace(edge.namespace)
        results.append(function(*given))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    return results[0]


def served(edge: EdgeUnderTest) -> str:
    from ansible_collections.pbx.core.plugins.module_utils.kamailio_service import served_certificate

    return str(inside(edge, served_certificate, EDGE, 5061))
