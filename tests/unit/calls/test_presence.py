"""Presence of one process: who may watch what, limits, other models, what is kept, and that nothing is left."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.sip.sip_network import ALICE, BOB, Network, Phone, Wire
from unit.sip.test_sip_torture import mutated

from pbx.calls.live.connections import Edge
from pbx.calls.live.mailbox import Boxes, message_of
from pbx.calls.live.presence import MOST_OF_DEVICE, Presence
from pbx.calls.live.serving import Serving
from pbx.model.load import load
from pbx.model.objects import Destination, Model, Tenant
from pbx.model.services import Override, Voicemail
from pbx.sip.dialog_info import WatchedDialog
from pbx.store import database
from pbx.store.kept_calls import KeptCalls

pytestmark = pytest.mark.row("R10")
EXAMPLES = Path(__file__).parents[3] / "examples"
UTC = 1_700_000_000.0


class Loop:
    """`call_later` on the network's clock."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.waiting.append((self.network.clock.now + seconds, callback))

    def run(self, seconds: float) -> None:
        end = self.network.clock.now + seconds
        while due := sorted((at for at, _ in self.waiting if at <= end)):
            self.network.run(due[0] - self.network.clock.now)
            ready = [callback for at, callback in self.waiting if at <= due[0]]
            self.waiting = [(at, callback) for at, callback in self.waiting if at > due[0]]
            for callback in ready:
                callback()
        self.network.run(end - self.network.clock.now)


class Process:
    """One start of a process, and the phone that talks to it as the edge passes it on."""

    def __init__(self, folder: Path, tenant: Tenant) -> None:
        self.seen: set[str] = set()  # the Via of each NOTIFY that came
        self.network = Network()
        self.loop = Loop(self.network)
        clock = self.network.clock
        self.boxes = Boxes(
            folder.with_name("messages"),
            folder.with_name("heard"),
            write=lambda kind, row: None,
            connect=lambda: database.connect(folder.with_name("store.sqlite")),
            key=lambda: "a key of this test alone",
            now=lambda: int((UTC + clock.now) * 1000),
        )
        self.boxes.recover()
        self.exchange: Any = SimpleNamespace(
            serving=Serving.of(Model({tenant.id: tenant}), {}, "", [tenant.id]),
            leases={tenant.id: 1},
            calls={},
            overloaded=lambda: False,
            boxes=self.boxes,
        )
        self.kept = KeptCalls(folder)
        documents = self.kept.read()
        self.presence = Presence(
            self.exchange,
            edges={"edge1": Edge("edge1", ALICE, "203.0.113.5", 5060)},
            kept=self.kept,
            clock=lambda: UTC + self.network.clock.now,
            later=self.loop.later,
            now=self.network.clock,
        )
        self.boxes.on_change = self.presence.box_changed
        self.phone = Phone(self.network, BOB, events=self.presence.packages)
        self.wire = Wire(self.network, ALICE)
        self.presence.resume(documents, self.phone.stack)

    def serve(self, tenant: Tenant | None) -> None:
        """Another model."""
        model = Model({tenant.id: tenant} if tenant else {})
        self.exchange.serving = Serving.of(model, {}, "", model.tenants)
        self.presence.reload()

    def subscribe(
        self,
        resource: str,
        *lines: str,
        call: str = "one",
        cseq: int = 1,
        device: str = "ivanov-desk",
        event: str = "dialog",
        expires: int = 600,
        to_tag: str = "",
        source: str = "device",
        tenant: str = "romashka",
        name: str = "",
    ) -> str:
        """The status line and header of the answer; what is said goes over the wire in Latin-1."""
        head = [
            f"SUBSCRIBE sip:{resource}@romashka.example SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call}{cseq}",
            f"From: {name}<sip:{device}@romashka.example>;tag=w",
            f"To: <sip:{resource}@romashka.example>{to_tag}",
            f"Call-ID: {call}",
            f"CSeq: {cseq} SUBSCRIBE",
            "Contact: <sip:201@192.0.2.1>",
            f"Event: {event}",
            f"Expires: {expires}",
            f"X-PBX-Tenant: {tenant}",
            f"X-PBX-Source: {source} {device}",
            "X-PBX-Edge: edge1",
            *lines,
            "Content-Length: 0",
        ]
        self.wire_text = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        self.wire.send(self.wire_text, BOB)
        self.network.run(0.01)
        (answer,) = self.wire.take("SIP/2.0 ")
        return answer.decode("latin-1")

    def notified(self, answer: str = "200 OK\r\n") -> list[str]:
        """Each NOTIFY that came, answered; one that came again is one."""
        self.network.run(0.01)
        found = []
        for data in self.wire.take("NOTIFY"):
            head, _, _ = data.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
            echo = "".join([f"{name}: {lines[name]}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")])
            self.wire.send(f"SIP/2.0 {answer}{echo}Content-Length: 0\r\n\r\n".encode("latin-1"), BOB)
            if lines["Via"] not in self.seen:
                self.seen.add(lines["Via"])
                found.append(data.decode("latin-1"))
        self.network.run(0.01)
        return found

    def assert_nothing_left(self) -> None:
        presence = self.presence
        assert len(presence) == len(presence._pace) == 0
        assert presence._boards == presence._watching == presence._of_device == {}
        assert self.phone.faults == [] and len(self.phone.stack.subscriptions) == 0
        assert KeptCalls(self.kept._path.parent).read() == {}


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return load(EXAMPLES).model.tenants["romashka"]


@pytest.fixture
def process(tmp_path: Path, tenant: Tenant) -> Iterator[Process]:
    with asyncio.Runner():
        yield Process(tmp_path / "watch", tenant)


def tag_of(answer: str) -> str:
    return ";tag=" + answer.partition("\r\nTo: ")[2].partition("\r\n")[0].rpartition("tag=")[2]


@pytest.mark.parametrize(
    ("resource", "more", "status"),
    [
        ("202", {}, 200),
        ("petrova", {}, 200),
        ("640", {}, 200),
        ("*693", {}, 200),
        ("*6999", {}, 404),
        ("ivanov-desk", {"event": "message-summary"}, 200),
        ("201", {"event": "message-summary"}, 200),
        ("202", {"event": "message-summary"}, 403),
        ("640", {"event": "message-summary"}, 404),
        ("299", {}, 404),
        ("202", {"device": "nobody-desk"}, 403),
        ("202", {"source": "trunk"}, 404),
        ("202", {"tenant": "vasilek"}, 404),
    ],
)
def test_who_may_watch_what(process: Process, resource: str, more: dict[str, str], status: int) -> None:
    assert process.subscribe(resource, **more).startswith(f"SIP/2.0 {status} ")
    assert len(process.presence) == len(process.notified()) == (status == 200)


def test_accept_that_is_not_ours(process: Process) -> None:
    assert " 406 " in process.subscribe("202", "Accept: application/pidf+xml")
    assert " 200 " in process.subscribe("202", "Accept: application/pidf+xml, application/dialog-info+xml", call="two")


def test_load_that_is_shed(process: Process) -> None:
    process.exchange.overloaded = lambda: True
    answer = process.subscribe("202")
    assert answer.startswith("SIP/2.0 503 Overloaded\r\n") and "\r\nX-PBX-Shed: 1\r\n" in answer
    process.exchange.overloaded = lambda: False
    process.exchange.leases = {}
    assert process.subscribe("202", call="two").startswith("SIP/2.0 503 Not The Owner\r\n")
    process.assert_nothing_left()


def test_only_to_look_leaves_nothing(process: Process) -> None:
    assert " 200 " in process.subscribe("202", expires=0)
    (told,) = process.notified()
    assert "\r\nSubscription-State: terminated;reason=timeout\r\n" in told and "<dialog-info" in told
    process.assert_nothing_left()


def test_limit_of_a_device_and_who_gives_way(process: Process) -> None:
    for number in range(MOST_OF_DEVICE):
        assert " 200 " in process.subscribe("202" if number == 7 else "301", call=f"c{number}")
    process.notified()
    assert " 403 " in process.subscribe("640", call="more")
    assert " 200 " in process.subscribe("202", call="again")  # the phone was switched off and on
    assert len(process.presence) == MOST_OF_DEVICE
    over = [one for one in process.notified() if "terminated" in one]
    assert len(over) == 1 and "\r\nCall-ID: c7\r\n" in over[0]
    assert " 200 " in process.subscribe("640", call="other", device="petrova-desk")


def test_what_another_source_says(process: Process, tenant: Tenant) -> None:
    on: dict[str, list[WatchedDialog]] = {}
    switches = {"night": Override("night", "*28", light=True), "dark": Override("dark", "*29")}
    process.serve(replace(tenant, services=replace(tenant.services, overrides=switches)))
    assert " 404 " in process.subscribe("*28", call="early")
    process.presence.add_source("override", lambda tenant, switch: on.get(switch, []))
    assert " 404 " in process.subscribe("*29", call="dark")
    assert " 200 " in process.subscribe("*28")
    assert "<dialog " not in process.notified()[0]
    on["night"] = [WatchedDialog("x", "confirmed", "recipient", "sip:+79161234567@x")]
    process.presence.touched("romashka", "override/night")
    process.loop.run(1.0)
    (told,) = process.notified()
    assert "<state>confirmed</state>" in told and "+7916" not in told


def test_a_phone_that_cannot_be_reached_is_tried_less_and_less_often(process: Process) -> None:
    process.subscribe("202", expires=3600)
    gone = "480 Temporarily Unavailable\r\nRetry-After: 5\r\n"
    assert len(process.notified(gone)) == 1
    times: list[float] = []
    began = process.network.clock.now
    while process.network.clock.now - began < 1000:
        process.presence.touched("romashka", "user/petrova")  # many changes make no more attempts
        process.loop.run(1.0)
        if process.notified(gone):
            times.append(process.network.clock.now - began)
    apart = [b - a for a, b in pairwise([0.0, *times])]
    assert apart == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300], abs=2.0)
    for _ in range(300):
        process.loop.run(1.0)
        if process.notified():  # there it is again
            break
    process.presence.touched("romashka", "user/petrova")
    process.loop.run(1.0)
    assert len(process.notified()) == 1
    process.loop.run(3600.0)
    process.notified()
    process.assert_nothing_left()


def test_another_model_ends_what_is_gone_and_follows_an_extension(process: Process, tenant: Tenant) -> None:
    for call, resource in (("a", "202"), ("b", "301"), ("c", "petrova")):
        process.subscribe(resource, call=call)
    process.notified()
    moved = {**tenant.extensions, "202": Destination("user", "sidorov")}
    del moved["301"]
    process.serve(replace(tenant, extensions=moved))
    assert [one for one in process.notified() if "\r\nSubscription-State: terminated;reason=noresource\r\n" in one]
    assert sorted(node for _, node in process.presence._watching) == ["user/petrova", "user/sidorov"]
    process.loop.run(1.0)
    assert len(process.notified()) == 1  # 202 is somebody else's now
    users = {name: user for name, user in tenant.users.items() if name != "ivanov"}
    process.serve(replace(tenant, users=users))
    assert len([one for one in process.notified() if "terminated;reason=rejected" in one]) == 2
    process.assert_nothing_left()


def test_another_model_says_who_may_watch_and_know(process: Process, tenant: Tenant) -> None:
    for call, device in (("a", "ivanov-desk"), ("b", "sidorov-desk")):
        process.subscribe("202", call=call, device=device)
    process.notified()
    petrova = replace(
        tenant.users["petrova"], watched_by=frozenset({"user/ivanov"}), numbers_to=frozenset({"user/ivanov"})
    )
    process.serve(replace(tenant, users={**tenant.users, "petrova": petrova}))
    over = [one for one in process.notified() if "terminated;reason=rejected" in one]
    assert len(over) == 1 and "\r\nCall-ID: b\r\n" in over[0]
    assert " 403 " in process.subscribe("202", call="c", device="sidorov-desk")
    process.loop.run(1.0)
    assert len(process.notified()) == 1
    (watcher,) = process.presence._watching["romashka", "user/petrova"]
    assert watcher.known == {"user/petrova"}


def test_a_tenant_that_moved_away(process: Process) -> None:
    process.subscribe("202")
    process.notified()
    process.serve(None)
    assert "terminated;reason=deactivated" in process.notified()[0]
    process.assert_nothing_left()


def test_a_tenant_that_is_given_back_sends_its_phones_away(process: Process) -> None:
    for number in range(5):
        process.subscribe("202", call=f"c{number}")
    process.notified()
    leases, process.exchange.leases = process.exchange.leases, {}
    process.presence.gave_back(["romashka", "vasilek"])
    process.loop.run(5.0)
    process.exchange.leases = leases  # it was a moment only
    process.loop.run(10.0)
    assert process.notified() == []
    process.exchange.leases = {}
    process.presence.gave_back(["romashka"])
    process.loop.run(11.1)
    assert len([one for one in process.notified() if "terminated;reason=deactivated" in one]) == 5
    process.assert_nothing_left()


def test_who_has_no_lease_tells_nobody_until_it_has_one(process: Process) -> None:
    process.subscribe("202")
    process.notified()
    leases, process.exchange.leases = process.exchange.leases, {}
    process.presence.touched("romashka", "user/petrova")
    process.loop.run(3.0)
    assert process.notified() == []
    process.exchange.leases = leases
    process.loop.run(1.0)
    assert len(process.notified()) == 1


def test_the_next_start_goes_on(process: Process, tenant: Tenant, tmp_path: Path) -> None:
    for number in range(20):
        answer = process.subscribe("202", call=f"c{number}")
    assert len(process.notified()) == 20
    process.subscribe("gone", call="gone")
    process.subscribe("202", call="over", device="petrova-desk", expires=60)
    process.notified()
    again = Process(tmp_path / "watch", tenant)
    again.network.clock.now = process.network.clock.now
    assert len(again.presence) == 21
    again.loop.run(0.3)
    first = again.notified()
    assert 0 < len(first) < 15  # one after another
    again.loop.run(10.0)
    told = first + again.notified()
    assert len(told) == 21
    assert all("\r\nCSeq: 1001 NOTIFY\r\n" in one and ' version="1000" ' in one for one in told)
    assert " 200 " in again.subscribe("202", call="c19", cseq=2, to_tag=tag_of(answer), expires=0)
    assert len(again.presence) == 20
    third = Process(tmp_path / "watch", tenant)
    third.network.clock.now = again.network.clock.now
    third.loop.run(11.0)
    told = third.notified()
    assert len(told) == 20 and all("\r\nCSeq: 2001 NOTIFY\r\n" in one for one in told)  # killed twice, and still above
    third.loop.run(700.0)
    third.notified()
    third.assert_nothing_left()


def test_mutated_requests_are_answered_and_never_a_fault(process: Process) -> None:
    rng = random.Random(6665)
    answer = process.subscribe("202")
    seeds = [
        process.wire_text,
        *[process.wire_text.replace(b"dialog", one) for one in (b"message-summary", b"presence")],
    ]
    seeds.append(
        process.wire_text.replace(b"romashka.example>\r\nCall", f"romashka.example>{tag_of(answer)}\r\nCall".encode())
    )
    statuses: Counter[int] = Counter()
    expiries = [b"Expires: 600", b"Expires: 6", b"Expires: 0"]
    for number in range(3000):
        text = rng.choice(seeds).replace(b"z9hG4bKone1", b"z9hG4bK%d" % number)
        text = text.replace(b"CSeq: 1 ", b"CSeq: %d " % (number + 1)).replace(b"Expires: 600", rng.choice(expiries))
        process.phone.stack.receive(mutated(text, rng), ALICE)
        process.loop.run(0.01)
        assert process.phone.faults == []
        statuses.update(int(text[8:11]) for text in process.wire.take("SIP/2.0 "))
        if rng.random() < 0.1:
            process.presence.touched("romashka", "user/petrova")
    assert {200, 400, 404, 423, 481, 489} <= set(statuses) and statuses[200] > 30, statuses
    assert not [status for status in statuses if status >= 500 and status not in (500, 501, 505, 513)]
    process.loop.run(4000.0)
    process.notified()
    process.assert_nothing_left()


def test_a_call_that_cannot_be_seen_is_not_hurt(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    process.subscribe("202")
    call: Any = SimpleNamespace(tenant=SimpleNamespace(id="romashka"), record=SimpleNamespace(id="broken", ended=None))
    process.presence.changed(call)
    assert "call broken is not seen as it is" in caplog.text


def test_a_name_in_latin_1_is_kept_as_it_was_sent(process: Process, tenant: Tenant, tmp_path: Path) -> None:
    assert " 200 " in process.subscribe("202", name='"J\xfcrgen" ')
    (before,) = process.notified()
    again = Process(tmp_path / "watch", tenant)
    again.loop.run(1.0)
    (after,) = again.notified()
    told = '\r\nTo: "J\xfcrgen" <sip:ivanov-desk@romashka.example>;tag=w\r\n'
    assert told in before and told in after and process.phone.faults == again.phone.faults == []


@pytest.mark.parametrize("damage", ["format", "until", "tenant", "device", "subscription"])
def test_what_is_kept_and_of_no_use_is_dropped(process: Process, tenant: Tenant, tmp_path: Path, damage: str) -> None:
    process.subscribe("202")
    process.notified()
    ((name, document),) = KeptCalls(tmp_path / "watch").read().items()
    values = {"format": 99, "until": UTC, "tenant": "nobody", "device": "nobody-desk", "subscription": {}}
    kept = KeptCalls(tmp_path / "watch")
    kept.read()
    kept.write(name, {**document, damage: values[damage]})
    again = Process(tmp_path / "watch", tenant)
    assert len(again.presence) == 0
    again.network.run(1.0)
    again.notified()
    again.assert_nothing_left()


# --- messages ---------------------------------------------------------------------------------------------------------


def message_row(name: str, state: str, changed: int) -> dict[str, Any]:
    return {
        "id": name, "tenant": "romashka", "box": "ivanov", "caller": "+79161234567", "name": "", "origin": "c",
        "born": 1, "length": 5000, "state": state, "author": "c", "changed": changed, "sealed_with": "k",
    }  # fmt: skip


@pytest.mark.row("R12")
def test_lamps_follow_the_messages_of_the_own_boxes_and_are_right_after_a_restart(
    tmp_path: Path, tenant: Tenant
) -> None:
    boxes = {
        name: Voicemail(name, owner) for name, owner in (("ivanov", "ivanov"), ("second", "ivanov"), ("x", "petrova"))
    }
    owning = replace(tenant, services=replace(tenant.services, voicemails=boxes))
    with asyncio.Runner():
        process = Process(tmp_path / "watch", owning)
        process.subscribe("ivanov-desk", event="message-summary")
        (told,) = process.notified()
        assert "Messages-Waiting: no\r\n" in told and "Voice-Message: 0/0 (0/0)" in told
        rows = [message_row("a", "new", 1), message_row("b", "new", 1), message_row("g", "greeting", 1)]
        process.boxes.learn(rows)
        process.loop.run(2.0)
        (told,) = process.notified()
        assert "Messages-Waiting: yes\r\n" in told and "Voice-Message: 2/0 (0/0)" in told
        process.boxes.learn([message_row("a", "saved", 2), message_row("a", "new", 1), message_row("b", "deleted", 5)])
        process.loop.run(2.0)
        assert "Voice-Message: 0/1 (0/0)" in process.notified()[-1]
        process.boxes.put("romashka", message_of({**message_row("c", "new", 3), "box": "x"}))
        process.loop.run(2.0)
        assert process.notified() == [], "of somebody else's box"

        again = Process(tmp_path / "watch", owning)
        again.boxes.learn([message_row("a", "saved", 2), message_row("d", "new", 9)])
        again.loop.run(12.0)
        assert "Voice-Message: 1/1 (0/0)" in again.notified()[-1]


@pytest.mark.row("R12")
def test_a_shared_box_lights_the_lamp_of_everybody_who_hears_it(tmp_path: Path, tenant: Tenant) -> None:
    boxes = {"x": Voicemail("x", "petrova", shared_with=("ivanov",))}
    owning = replace(tenant, services=replace(tenant.services, voicemails=boxes))
    with asyncio.Runner():
        process = Process(tmp_path / "watch", owning)
        process.subscribe("ivanov-desk", event="message-summary")
        process.notified()
        process.boxes.learn([{**message_row("a", "new", 1), "box": "x"}])
        process.loop.run(2.0)
        assert "Voice-Message: 1/0 (0/0)" in process.notified()[-1]
        process.boxes.learn([{**message_row("a", "deleted", 2), "box": "x"}])  # by somebody else
        process.loop.run(2.0)
        assert "Messages-Waiting: no\r\n" in process.notified()[-1]
