"""A BLF list of one process: one subscription to all that a person's telephones watch (RFC 4662)."""

from __future__ import annotations

import asyncio
import email
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from unit.calls.test_presence import EXAMPLES, Process, tag_of

from pbx.calls.board import Board
from pbx.model.load import load
from pbx.model.objects import Tenant
from pbx.sip.dialog_info import WatchedDialog

pytestmark = pytest.mark.row("R10")
RLMI, INFO = "{urn:ietf:params:xml:ns:rlmi}", "{urn:ietf:params:xml:ns:dialog-info}"
LISTS = "Supported: eventlist"
TALKS = WatchedDialog("x", "confirmed", "recipient", "sip:+79161234567@x")


@dataclass(frozen=True)
class Told:
    """What one NOTIFY said: each resource of it with the states of its dialogs and the numbers in them."""

    is_full: bool
    version: int
    states: dict[str, list[str]]
    names: dict[str, str]
    text: str


def read(notify: str) -> Told:
    """By the MIME parser of the standard library, as a phone would: parts are found by their Content-ID."""
    head, _, body = notify.partition("\r\n\r\n")
    assert "\r\nRequire: eventlist\r\n" in head
    kind = next(line for line in head.split("\r\n") if line.startswith("Content-Type: "))
    whole = email.message_from_bytes(f"{kind}\r\n\r\n{body}".encode("latin-1"))
    parts = {str(part["Content-ID"]): part for part in whole.get_payload()}  # type: ignore[union-attr]
    start = parts.pop(str(whole.get_param("start")))
    assert whole.get_param("type") == start.get_content_type() == "application/rlmi+xml"
    rlmi = ET.fromstring(start.get_payload(decode=True))
    states, names = {}, {}
    for resource in rlmi:
        instance, name = resource.find(f"{RLMI}instance"), resource.find(f"{RLMI}name")
        assert instance is not None and name is not None and name.text
        part = parts.pop(f"<{instance.attrib['cid']}>")
        assert part.get_content_type() == "application/dialog-info+xml"
        info = ET.fromstring(part.get_payload(decode=True))
        assert info.attrib["entity"] == resource.attrib["uri"]
        states[resource.attrib["uri"]] = [str(one.text) for one in info.iter(f"{INFO}state")]
        names[resource.attrib["uri"]] = name.text
    assert parts == {}
    return Told(rlmi.attrib["fullState"] == "true", int(rlmi.attrib["version"]), states, names, notify)


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    """Ivanov has a list of two people and a group."""
    romashka = load(EXAMPLES).model.tenants["romashka"]
    return with_list(romashka, "user/petrova", "user/sidorov", "ring_group/office")


def with_list(tenant: Tenant, *nodes: str) -> Tenant:
    users = {**tenant.users, "ivanov": replace(tenant.users["ivanov"], watches=nodes)}
    return replace(tenant, users=users)


@pytest.fixture
def process(tmp_path: Path, tenant: Tenant) -> Iterator[Process]:
    with asyncio.Runner():
        yield Process(tmp_path / "watch", tenant)


def talks(process: Process, node: str, *dialogs: WatchedDialog) -> None:
    """The board sees somebody otherwise than before."""
    board: Board = process.presence._boards["romashka"]
    board._of_node[node] = {one.id: one for one in dialogs}
    process.presence.touched("romashka", node)
    process.loop.run(1.0)


def test_all_at_first_then_what_changes(process: Process) -> None:
    answer = process.subscribe("blf-list", LISTS)
    assert " 200 " in answer and "\r\nRequire: eventlist\r\n" in answer
    first = read(process.notified()[0])
    assert first.is_full and first.states == {f"sip:{number}@romashka.example": [] for number in ("202", "301", "640")}
    assert first.names["sip:640@romashka.example"] == "office"
    talks(process, "user/petrova", TALKS)
    (told,) = process.notified()
    change = read(told)
    assert not change.is_full and change.states == {"sip:202@romashka.example": ["confirmed"]}
    assert change.version > first.version and "+7916" not in change.text
    assert " 200 " in process.subscribe("blf-list", LISTS, cseq=2, to_tag=tag_of(answer))
    again = read(process.notified()[0])
    assert again.is_full and again.states["sip:202@romashka.example"] == ["confirmed"]
    assert process.subscribe("blf-list", LISTS, cseq=3, to_tag=tag_of(answer), expires=0)
    process.notified()
    process.assert_nothing_left()


def test_a_notify_that_did_not_come_is_followed_by_the_whole_list(process: Process) -> None:
    process.subscribe("blf-list", LISTS)
    process.notified()
    talks(process, "user/petrova", TALKS)
    process.notified("480 Temporarily Unavailable\r\nRetry-After: 5\r\n")
    process.loop.run(6.0)
    assert read(process.notified()[0]).is_full


@pytest.mark.parametrize(
    ("lines", "device", "status"),
    [
        ((), "ivanov-desk", 421),
        (("Supported: path, EventList",), "ivanov-desk", 200),
        (("Require: eventlist", LISTS), "ivanov-desk", 200),
        ((LISTS, "Accept: application/dialog-info+xml"), "ivanov-desk", 406),
        ((LISTS, "Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related"), "ivanov-desk", 200),
        ((LISTS,), "petrova-desk", 404),  # has none
    ],
)
def test_who_may_subscribe_to_it(process: Process, lines: tuple[str, ...], device: str, status: int) -> None:
    answer = process.subscribe("blf-list", *lines, device=device)
    assert answer.startswith(f"SIP/2.0 {status} ")
    assert ("\r\nRequire: eventlist\r\n" in answer) == (status in (200, 421))
    assert len(process.notified()) == (status == 200)


def test_another_model_has_another_list_and_other_rights(process: Process, tenant: Tenant) -> None:
    process.subscribe("blf-list", LISTS)
    process.notified()
    sidorov = replace(tenant.users["sidorov"], watched_by=frozenset(), numbers_to=frozenset())
    petrova = replace(tenant.users["petrova"], numbers_to=frozenset({"user/ivanov"}))
    changed = replace(tenant, users={**tenant.users, "sidorov": sidorov, "petrova": petrova})
    process.serve(changed)
    process.loop.run(1.0)
    told = read(process.notified()[0])
    assert told.is_full and list(told.states) == ["sip:202@romashka.example", "sip:640@romashka.example"]
    talks(process, "user/petrova", TALKS)
    assert "+79161234567" in read(process.notified()[0]).text
    process.serve(with_list(changed))
    assert "terminated;reason=noresource" in process.notified()[0]
    process.assert_nothing_left()


def test_the_next_start_goes_on_with_the_whole_list(process: Process, tenant: Tenant, tmp_path: Path) -> None:
    process.subscribe("blf-list", LISTS)
    version = read(process.notified()[0]).version
    following = Process(tmp_path / "watch", tenant)
    following.loop.run(11.0)
    told = read(following.notified()[0])
    assert told.is_full and len(told.states) == 3 and told.version > version
