"""Presence live: a real Kamailio, pbx-calls, rtpengine and engine; phones that watch a colleague (behaviour R10)."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.full_edge import FullEdge
from bench.local_stack import CALLS_PORT, EXAMPLES, Place, Stack, document_of, running
from phones.baresip import Baresip
from phones.subscriber import Subscriber
from unit.edge.edge_under_test import CALLS, CARRIER, EDGE, PHONE, PHONE_2, STRANGER
from unit.edge.sip_peers import Peer, ha1, reply
from unit.edge.test_edge_tls import certify

from pbx.calls.live.serving import token_of

pytestmark = pytest.mark.row("R10")

DOMAIN, OTHER = "romashka.example", "vasilek.example"
PASSWORD = "K4NNYQ2JX6TDVA5B"
SDP = f"v=0\r\no=- 1 1 IN IP4 {PHONE}\r\ns=-\r\nc=IN IP4 {PHONE}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
DEVICES = ("ivanov-desk", "petrova-desk", "sidorov-desk")


class Site:
    """The running PBX and the phones of one test."""

    def __init__(self, edge: FullEdge, stack: Stack) -> None:
        self.edge, self.stack = edge, stack
        self._opened: list[Peer] = []

    def phone(
        self, user: str, address: str = PHONE, *, transport: str = "udp", domain: str = DOMAIN, password: str = PASSWORD
    ) -> Subscriber:
        peer = Peer(self.edge.namespace, address, 0, (EDGE, 5061 if transport == "tls" else 5060), transport)
        self._opened.append(peer)
        return Subscriber(peer, user, domain, password)

    def registered(self, user: str, address: str = PHONE, **more: Any) -> Subscriber:
        phone = self.phone(user, address, **more)
        phone.register()
        return phone

    def close(self) -> None:
        for peer in self._opened:
            peer.close()

    def subscriptions(self) -> int:
        return int(self.stack.ask("status")["subscriptions"])

    def until(self, done: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.02)

    def kill_calls(self) -> None:
        """SIGKILL of pbx-calls, and until it serves again."""
        self.stack.processes["calls"].send_signal(signal.SIGKILL)
        self.stack.processes["calls"].wait()
        self.stack.start("calls")
        self.until(self.serves)

    def serves(self) -> bool:
        try:
            return len(self.stack.ask("status")["epochs"]) == 2
        except OSError:
            return False


def document() -> dict[str, Any]:
    """The example, and the same once more as another tenant."""
    made = document_of(EXAMPLES)
    plain = made["tenants"]["romashka"]["plain"]
    plain["users"]["ivanov"]["presence"] = {"watched_by": ["user/petrova"], "numbers_to": ["user/petrova"]}
    plain["users"]["sidorov"]["presence"] = {"watches": ["user/petrova", "user/ivanov", "ring_group/office"]}
    other = {**plain, "tenant": {**plain["tenant"], "id": "vasilek", "domain": OTHER}}
    made["tenants"]["vasilek"] = {"revision": "r", "plain": other}
    return made


@pytest.fixture(scope="module")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FullEdge, Stack]]:
    edge = FullEdge(private_mb=64, features="WITH_TLS")
    certify(edge.folder, "presence")
    (edge.folder / "tls.cfg").write_text(
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
        f"certificate = {edge.folder}/server.pem\nprivate_key = {edge.folder}/server.key\n"
    )
    try:
        edge.start()
        edge.fill("domain", {DOMAIN: "romashka", OTHER: "vasilek"})
        edge.fill("owner", {tenant: f"sip:{CALLS}:{CALLS_PORT}" for tenant in ("romashka", "vasilek")})
        edge.fill("token", {token_of(tenant): tenant for tenant in ("romashka", "vasilek")})
        keys = [(user, domain) for user in DEVICES for domain in (DOMAIN, OTHER)]
        edge.fill("ha1", {f"{user}@{domain}": ha1(user, domain, PASSWORD) for user, domain in keys})
        edge.addresses(f"1 {CARRIER} 32 0 mtt/e164_digits\n2 {CALLS} 32 0 calls1\n")
        enter = ("nsenter", f"--net=/proc/{edge.namespace}/ns/net")
        place = Place(calls=CALLS, edge=EDGE, edge_port=5080, enter=enter)
        folder: Path = tmp_path_factory.mktemp("presence") / "stack"
        with running(folder, place, document=document()) as stack:
            yield edge, stack
    finally:
        edge.close()


@pytest.fixture
def site(running_site: tuple[FullEdge, Stack]) -> Iterator[Site]:
    made = Site(*running_site)
    made.until(made.serves)
    for table in ("ban", "authfail", "rate"):
        made.edge.rpc.call("htable.flush", table)
    yield made
    made.close()


def answer(callee: Subscriber) -> Callable[[], None]:
    """The callee rings; what is returned answers."""
    callee.ringing = ringing = callee.peer.request("INVITE")
    contact = (f"Contact: {callee.peer.contact(callee.user)}",)
    callee.peer.send(reply(ringing, 180, "Ringing", headers=contact), ringing.source)

    def accept() -> None:
        callee.peer.send(reply(ringing, 200, "OK", headers=contact, body=SDP), ringing.source)
        callee.peer.request("ACK")

    return accept


def call_up(caller: Subscriber, callee: Subscriber) -> Any:
    """Two who talk; the 200 that the caller got."""
    caller.call(f"sip:202@{DOMAIN}", SDP)
    answer(callee)()
    ok = caller.peer.receive(lambda message: message.status == 200)
    caller.in_call("ACK", ok)
    return ok


def hang_up(caller: Subscriber, callee: Subscriber, ok: Any) -> None:
    caller.in_call("BYE", ok)
    bye = callee.peer.request("BYE")
    callee.peer.send(reply(bye, 200, "OK"), bye.source)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_colleague_is_seen_idle_early_confirmed_and_idle_again(site: Site, transport: str) -> None:
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    watcher = site.registered("sidorov-desk", transport=transport)
    accepted = watcher.subscribe("202", expires=7200)
    assert accepted.status == 200 and accepted.get("Expires") == "3600"  # shortened
    assert f"sip:{token_of('romashka')}@{EDGE}" in accepted.need("Contact")
    first = watcher.notified()
    assert first.state == "active;expires=3600" and first.version == 0 and first.dialogs == []
    assert first.entity == f"sip:202@{DOMAIN}"
    caller.call(f"sip:202@{DOMAIN}", SDP)
    accept = answer(callee)
    early = watcher.until([("recipient", "early")])
    accept()
    confirmed = watcher.until([("recipient", "confirmed")])
    ok = caller.peer.receive(lambda message: message.status == 200)
    caller.in_call("ACK", ok)
    hang_up(caller, callee, ok)
    ended = watcher.until([("recipient", "terminated")])
    assert 0 < early.version < confirmed.version < ended.version
    assert "sip:201@" not in early.body + confirmed.body + ended.body  # nobody said that he may know who calls
    assert watcher.refresh(0).status == 200
    assert watcher.notified().state == "terminated;reason=timeout"
    site.until(lambda: site.subscriptions() == 0)


def test_a_phone_that_connects_anew_is_told_over_its_new_connection(site: Site) -> None:
    watcher = site.registered("sidorov-desk", transport="tcp")
    assert watcher.subscribe("202").status == 200
    watcher.notified()
    watcher.peer.close()
    site.edge.rpc.call("ul.flush")  # what is in the file stays in memory for a while after it was replaced
    old, watcher.peer = watcher.peer, site.phone("sidorov-desk", transport="tcp").peer
    assert watcher.peer.port != old.port
    watcher.register()
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    ok = call_up(caller, callee)
    told = watcher.until([("recipient", "confirmed")])
    assert f":{old.port};" in told.request.uri  # the contact that it subscribed with
    hang_up(caller, callee, ok)
    watcher.until([("recipient", "terminated")])
    assert watcher.refresh(0).status == 200
    watcher.notified()
    site.until(lambda: site.subscriptions() == 0)


def test_a_phone_without_a_connection_is_told_when_it_has_one_again(site: Site) -> None:
    watcher = site.registered("sidorov-desk", transport="tls")
    assert watcher.subscribe("202").status == 200
    watcher.notified()
    watcher.peer.close()
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    ok = call_up(caller, callee)
    site.until(lambda: site.stack.ask("status")["subscriptions_held"] == 1)
    watcher.peer = site.phone("sidorov-desk", transport="tls").peer
    watcher.register()
    watcher.until([("recipient", "confirmed")], 8.0)
    hang_up(caller, callee, ok)
    watcher.until([("recipient", "terminated")])
    assert watcher.refresh(0).status == 200
    watcher.notified()
    site.until(lambda: site.subscriptions() == 0)


def test_sigkill_the_subscription_goes_on_with_its_versions(site: Site) -> None:
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    watcher = site.registered("sidorov-desk")
    assert watcher.subscribe("202").status == 200
    watcher.notified()
    ok = call_up(caller, callee)
    before = watcher.until([("recipient", "confirmed")])
    for _ in range(2):
        site.kill_calls()
        again = watcher.notified(5.0)
        assert again.states == [("recipient", "confirmed")]  # the call went on as well
        assert again.version > before.version and again.request.need("Call-ID") == before.request.need("Call-ID")
        before = again
    assert watcher.refresh().status == 200
    assert watcher.notified().states == [("recipient", "confirmed")]
    hang_up(caller, callee, ok)
    assert watcher.until([("recipient", "terminated")]).version > before.version
    assert watcher.refresh(0).status == 200
    site.until(lambda: site.subscriptions() == 0)


def test_a_stranger_is_challenged_whoever_it_asks_for(site: Site) -> None:
    stranger = site.phone("ivanov-desk", STRANGER, password="wrong")
    known, unknown = stranger.subscribe("202"), stranger.subscribe("999")
    assert (known.status, unknown.status) == (407, 407)
    nobody = site.phone("nobody-desk", STRANGER).subscribe("202")
    assert nobody.status == 407 and site.subscriptions() == 0


def test_a_colleague_of_another_tenant_is_no_more_than_an_unknown_one(site: Site) -> None:
    foreign = site.registered("ivanov-desk", domain=OTHER)
    answers = [foreign.subscribe(f"sip:202@{DOMAIN}"), foreign.subscribe("sip:999@nowhere.example")]
    answers += [foreign.subscribe(f"sip:999@{DOMAIN}")]
    assert [one.start for one in answers] == ["SIP/2.0 404 Not Found"] * 3
    assert foreign.subscribe("999").start == "SIP/2.0 404 Not Found"
    assert site.subscriptions() == 0


def test_what_happens_at_one_tenant_is_not_told_at_the_other(site: Site) -> None:
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    foreign = site.registered("sidorov-desk", domain=OTHER)
    assert foreign.subscribe("202").status == 200
    foreign.notified()
    ok = call_up(caller, callee)
    hang_up(caller, callee, ok)
    assert foreign.refresh(0).status == 200  # what comes next is its end, and nothing came between
    last = foreign.notified()
    assert last.state == "terminated;reason=timeout" and last.version == 1 and last.dialogs == []


@pytest.mark.parametrize(
    ("resource", "event", "expires", "status"),
    [
        ("202", "presence", 600, 489),
        ("202", "dialog", 10, 423),
        ("999", "dialog", 600, 404),
        ("202", "message-summary", 600, 403),  # somebody else's
    ],
)
def test_what_is_refused(site: Site, resource: str, event: str, expires: int, status: int) -> None:
    answer = site.registered("ivanov-desk").subscribe(resource, event=event, expires=expires)
    assert answer.status == status
    if status == 489:
        assert answer.get("Allow-Events") == "dialog, message-summary"
    if status == 423:
        assert answer.get("Min-Expires") == "60"


def test_own_messages(site: Site) -> None:
    phone = site.registered("ivanov-desk")
    assert phone.subscribe("ivanov-desk", event="message-summary").status == 200
    told = phone.notified()
    box = f"Message-Account: sip:*97@{DOMAIN}\r\n"
    assert told.body == f"Messages-Waiting: no\r\n{box}Voice-Message: 0/0 (0/0)\r\n"
    assert told.request.get("Content-Type") == "application/simple-message-summary"
    assert phone.refresh(0).status == 200


def test_who_may_know_is_told_with_whom_and_others_are_refused(site: Site) -> None:
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    assert site.registered("sidorov-desk").subscribe("201").status == 403
    assert callee.subscribe("201").status == 200
    callee.notified()
    ok = call_up(caller, callee)
    told = callee.until([("initiator", "confirmed")])
    assert told.dialogs == [("initiator", "confirmed", f"sip:202@{DOMAIN}")]
    hang_up(caller, callee, ok)
    assert callee.refresh(0).status == 200


@pytest.fixture
def namespace(site: Site) -> Iterator[str]:
    """The site's network under a name, for programs."""
    name = f"presence-{site.edge.namespace}"
    subprocess.run(["ip", "netns", "attach", name, str(site.edge.namespace)], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_baresip_is_told_of_its_messages_over_a_restart(site: Site, namespace: str) -> None:
    with Baresip(
        f"ivanov-desk@{DOMAIN}",
        namespace=namespace,
        address=PHONE,
        port=5066,
        password=PASSWORD,
        proxy=f"{EDGE}:5060",
        account="mwi=yes",
        modules=("mwi",),
    ) as phone:
        phone.register()
        told = phone.control.wait_for("MWI_NOTIFY", deadline=5.0)
        assert told.param.splitlines()[0] == "Messages-Waiting: no"
        place = phone.control.mark()
        site.kill_calls()
        again = phone.control.wait_for("MWI_NOTIFY", deadline=5.0, since=place)
        assert again.param == told.param
        assert [m.status for way, m in phone.messages() if way == "sent" and m.status and m.method == "NOTIFY"] == [
            200,
            200,
        ]


def test_a_phone_that_knows_nothing_of_it_is_told_no_more(site: Site) -> None:
    phone = site.registered("ivanov-desk")
    assert phone.subscribe("202").status == 200
    phone.notified(status=481)
    site.until(lambda: site.subscriptions() == 0)


@pytest.mark.row("R09")
def test_a_slot_is_lit_while_a_call_waits_in_it_also_over_a_restart(site: Site) -> None:
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    watcher = site.registered("sidorov-desk")
    assert watcher.subscribe("*693").status == 200
    assert watcher.notified().dialogs == []
    call_up(caller, callee)
    callee.send_on("*683")
    lit = watcher.until([("recipient", "confirmed")])
    assert "201" not in lit.body
    site.kill_calls()
    assert watcher.notified(5.0).states == [("recipient", "confirmed")]
    taker = site.phone("petrova-desk", PHONE_2)
    taker.call(f"sip:*693@{DOMAIN}", SDP)
    ok = taker.peer.receive(lambda message: message.status == 200, 5.0)
    taker.in_call("ACK", ok)
    watcher.until([("recipient", "terminated")])
    taker.in_call("BYE", ok)
    assert watcher.refresh(0).status == 200
    site.until(lambda: site.stack.ask("status")["calls"] == 0)


def test_ring_group_is_seen_ringing_and_talking(site: Site) -> None:
    caller, callee = site.registered("sidorov-desk"), site.registered("petrova-desk", PHONE_2)
    watcher = site.registered("ivanov-desk")
    assert watcher.subscribe("640").status == 200
    watcher.notified()
    caller.call(f"sip:640@{DOMAIN}", SDP)
    accept = answer(callee)
    watcher.until([("recipient", "early")])
    accept()
    ok = caller.peer.receive(lambda message: message.status == 200)
    caller.in_call("ACK", ok)
    watcher.until([("recipient", "confirmed")])
    hang_up(caller, callee, ok)
    watcher.until([("recipient", "terminated")])
    assert watcher.refresh(0).status == 200


def test_a_list_is_one_subscription_and_tells_what_changes(site: Site) -> None:
    """Ivanov, whom sidorov may not watch, is left out of it."""
    caller, callee = site.registered("ivanov-desk"), site.registered("petrova-desk", PHONE_2)
    watcher = site.registered("sidorov-desk")
    assert watcher.subscribe("blf-list").status == 421
    accepted = watcher.subscribe("blf-list", headers=("Supported: eventlist",))
    assert (accepted.status, accepted.need("Require")) == (200, "eventlist")

    def listed(body: str) -> list[str]:
        return re.findall(r'<resource uri="sip:(\d+)@', body)

    first = watcher.notified()
    assert first.request.need("Require") == "eventlist" and listed(first.body) == ["202", "640"]
    ok = call_up(caller, callee)
    while "<state>confirmed</state>" not in (told := watcher.notified().body):
        assert "<state>" in told
    assert listed(told) == ["202"] and 'fullState="false"' in told
    site.kill_calls()
    while not listed(told := watcher.notified(timeout=15.0).body)[1:]:
        pass
    assert 'fullState="true"' in told and "<state>confirmed</state>" in told
    hang_up(caller, callee, ok)
    while "<state>terminated</state>" not in watcher.notified().body:
        pass
    assert watcher.refresh(0).status == 200
    site.until(lambda: site.stack.ask("status")["calls"] == 0)
