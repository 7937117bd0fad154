"""Two call processes on one host, by the inventory: a second one comes, dies, and goes again, and no call is cut."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hosts.shape_site import LISTEN, Record, ShapeSite, new_shape, rings_and_talks
from phones.baresip import Baresip

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

HOST, SECOND = "pbx1", "pbx-calls@2.service"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapeSite]:
    """Everything on one host, with two tenants and one call process."""
    with new_shape(tmp_path_factory.mktemp("processes"), "single") as made:
        made.add_landysh()
        made.pbx("apply", expect=0, timeout=600)
        yield made


@pytest.fixture(scope="module")
def phones(site: ShapeSite) -> Iterator[tuple[Baresip, Baresip, Baresip]]:
    with (
        site.phone("ivanov", "phone1", HOST) as one,
        site.phone("petrova", "phone2", HOST) as two,
        site.phone("sidorov", "phone3", HOST) as three,
    ):
        for phone in (one, two, three):
            phone.register()
        yield one, two, three


def processes(site: ShapeSite, number: int) -> None:
    """romashka belongs to the last of so many processes, landysh to the first."""
    text = f"pbx_calls_instances: {number}\npbx_owners: {{romashka: pbx1.{number}, landysh: pbx1.1}}\n"
    (site.inventory.parent / "group_vars/all/processes.yml").write_text(text)


def served(site: ShapeSite, instance: int) -> list[str]:
    socket = "control.sock" if instance == 1 else f"control-{instance}.sock"
    return sorted(site.ask(HOST, "status", socket)["epochs"])


def wait_served(site: ShapeSite, instance: int, *tenants: str, seconds: float = 12.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := served(site, instance)) != sorted(tenants):
        assert time.monotonic() < deadline, f"process {instance} serves {found}"
        time.sleep(0.1)


@contextmanager
def conversation(phones: tuple[Baresip, Baresip, Baresip]) -> Iterator[None]:
    """A call from the first to the second for as long as the block lasts; at its end it is heard, and hung up."""
    one, two, _ = phones
    ringing = two.place()
    place = one.dial("sip:202@romashka.example")
    one.wait_ringing(place)
    two.answer(since=ringing)
    one.wait_established(place)
    yield
    since = time.monotonic()
    one.ear.wait_tone(two.hz, LISTEN, 3.0, since)
    two.ear.wait_tone(one.hz, LISTEN, 3.0, since)
    one.hangup()
    assert one.final(one.wait_closed(place).call) == 200
    two.wait_closed(ringing)


def hears_itself(phone: Baresip) -> None:
    """A new call: the echo test, by the media engine of the host."""
    place = phone.dial("sip:*43@romashka.example")
    phone.wait_established(place, 8.0)
    phone.ear.wait_tone(phone.hz, LISTEN, 6.0, time.monotonic())
    phone.hangup()
    assert phone.final(phone.wait_closed(place).call) == 200


def new_records(site: ShapeSite, began: float, number: int) -> list[tuple[str, str]]:
    """Node (of a call that was taken over: where it ended) and disposition of each of the calls since then, in their
    order, once so many have ended."""
    deadline = time.monotonic() + 10
    while True:
        found: list[Record] = [one for one in site.records(HOST) if one["started"] > began * 1000]
        if len(found) >= number and all(one["ended"] is not None for one in found):
            return [(one["node"], one["disposition"]) for one in reversed(found)]
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_second_process_comes_and_takes_its_tenants_once_they_have_no_calls(
    site: ShapeSite, phones: tuple[Baresip, Baresip, Baresip]
) -> None:
    began = time.time()
    processes(site, 2)
    with conversation(phones):
        done = site.pbx("apply", expect=0, timeout=600)
        assert f"start service {SECOND}" in done.stdout.replace("> ", ""), done.stdout
        assert (served(site, 1), served(site, 2)) == (["landysh", "romashka"], [])
        hears_itself(phones[2])  # a new call beside it, in the same process
    wait_served(site, 2, "romashka")
    assert served(site, 1) == ["landysh"]
    rings_and_talks(*phones[:2], "202")
    assert new_records(site, began, 3) == [("pbx1.1", "answered")] * 2 + [("pbx1.2", "answered")]


def test_with_two_processes_there_is_nothing_left_to_do(site: ShapeSite) -> None:
    assert site.pbx("plan", expect=0).stdout == "no differences\n"
    sockets = {line.split()[3] for line in site.lab.exec(HOST, "ss", "-lnuH").stdout.splitlines() if ":507" in line}
    assert {one.rpartition(":")[2] for one in sockets if one.startswith(site.lab.address(HOST))} >= {"5070", "5071"}
    assert "5070-5071" in site.lab.exec(HOST, "nft", "list", "table", "inet", "pbx").stdout


@pytest.mark.row("R33")
def test_a_process_that_stays_dead_is_followed_by_the_other_with_its_calls(
    site: ShapeSite, phones: tuple[Baresip, Baresip, Baresip]
) -> None:
    began = time.time()
    with conversation(phones):
        site.lab.exec(HOST, "systemctl", "mask", "--runtime", SECOND)
        site.lab.exec(HOST, "systemctl", "kill", "--signal=KILL", SECOND)
        wait_served(site, 1, "landysh", "romashka", seconds=6.0)
        assert site.ask(HOST, "status")["calls"] == 1
        hears_itself(phones[2])
    site.lab.exec(HOST, "systemctl", "unmask", "--runtime", SECOND)
    drift = site.pbx("drift", expect=2)
    assert SECOND in drift.stdout
    site.pbx("apply", expect=0)
    wait_served(site, 2, "romashka")
    rings_and_talks(*phones[:2], "202")
    assert new_records(site, began, 3) == [("pbx1.1", "answered")] * 2 + [("pbx1.2", "answered")]


def test_the_host_is_upgraded_with_all_its_processes(site: ShapeSite) -> None:
    assert site.pbx("upgrade", "--check", expect=0).stdout == "no differences\n"


def test_a_process_that_is_too_many_goes_and_its_calls_stay(
    site: ShapeSite, phones: tuple[Baresip, Baresip, Baresip]
) -> None:
    began = time.time()
    processes(site, 1)
    with conversation(phones):
        done = site.pbx("apply", expect=0, timeout=600)
        assert SECOND in done.stdout
        wait_served(site, 1, "landysh", "romashka")
        hears_itself(phones[2])
    assert new_records(site, began, 2) == [("pbx1.1", "answered")] * 2
    assert site.lab.exec(HOST, "systemctl", "is-enabled", SECOND, check=False).stdout.strip() == "disabled"
    assert site.lab.exec(HOST, "systemctl", "is-active", SECOND, check=False).stdout.strip() == "inactive"
    assert "5070-5071" not in site.lab.exec(HOST, "nft", "list", "table", "inet", "pbx").stdout
    assert site.pbx("plan", expect=0).stdout == "no differences\n"


def test_a_process_that_somebody_started_by_hand_is_drift(site: ShapeSite) -> None:
    site.lab.exec(HOST, "systemctl", "start", "pbx-calls@3.service")
    assert "pbx-calls@3.service" in site.pbx("drift", expect=2).stdout
    site.pbx("apply", expect=0)
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
