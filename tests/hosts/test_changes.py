"""What people change in the model, while calls are up and phones register: nothing but the change happens."""

import contextlib
from collections.abc import Iterator

import pytest
from hosts.story import ASK, Site
from hosts.traffic import Registrations
from phones.sipp import Sipp

pytestmark = [pytest.mark.lab, pytest.mark.row("C05"), pytest.mark.row("R34")]

CALLS = 20
UNITS = {"kamailio.service": "edge1", "rtpengine-daemon.service": "relay1"}
UNITS |= {f"pbx-{name}.service": "calls1" for name in ("calls@1", "media@1", "journal")}


@pytest.fixture(scope="module")
def phones(site: Site) -> Iterator[list[Registrations]]:
    """Two phones that register, 50 times a second together."""
    passwords = site.secret_values()
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                Registrations(site.lab.netns(at), site.lab.address(at), user, "romashka.example", passwords[user])
            )
            for at, user in (("phone1", "ivanov-desk"), ("phone2", "petrova-desk"))
        ]


@pytest.fixture(scope="module")
def calls(site: Site) -> Iterator[None]:
    """Calls from one carrier to another, up until the module ends."""
    far = Sipp("uas_answer", namespace=site.lab.netns("mtt"), address="198.51.100.10")
    near = Sipp(
        "uac_call",
        namespace=site.lab.netns("ural"),
        address="192.0.2.10",
        remote="10.77.0.11:5060",
        calls=CALLS,
        rate=10,
        keys={"called": "+74951000190", "caller": "+73430000001", "host": "romashka.example"},
        options=("-d", "3600000"),
    )
    with far, near:
        site.wait_calls(CALLS)
        yield
    # the carriers are gone without a BYE: what is up would keep restarts of others waiting
    site.lab.exec("calls1", "python3", "-c", ASK, '{"cmd":"cut"}')
    site.lab.exec("calls1", "python3", "-c", ASK, '{"cmd":"undrain"}')
    site.wait_calls(0)


@pytest.fixture(autouse=True)
def undisturbed(site: Site, calls: None, phones: list[Registrations]) -> Iterator[None]:
    """Around each test: the same processes, the same calls, and every registration answered."""
    before = {unit: site.pid(host, unit) for unit, host in UNITS.items()}
    registered = [phone.done for phone in phones]
    yield
    assert {unit: site.pid(host, unit) for unit, host in UNITS.items()} == before
    assert site.status()["calls"] == CALLS
    assert [phone.failures for phone in phones] == [[], []]
    assert all(phone.done > earlier for phone, earlier in zip(phones, registered, strict=True))


def test_a_hundred_users_are_added(site: Site) -> None:
    users = "\n".join(
        f'  new{n:03d}: {{extension: "5{n:03d}", location: location/msk, devices: {{desk: {{type: desk_phone}}}}}}'
        for n in range(100)
    )
    (site.model / "romashka" / "more.yml").write_text(f"users:\n{users}\n")
    planned = site.changes("plan", expect=2)
    done = site.changes("apply", expect=0)
    assert done == planned
    assert set(done) == {"edge1", "calls1"}
    assert "+ htable/ha1 new000-desk@romashka.example (running, stored)" in done["edge1"]
    assert "… and 80 more to create: user" in done["calls1"]


def test_a_number_is_moved(site: Site) -> None:
    before = '"+74951000112": {trunk: trunk/mtt, to: ring_group/office}'
    site.edit(before, before.replace("ring_group/office", "user/ivanov"))
    done = site.changes("apply", "--tags", "model", expect=0)
    assert done == {"calls1": ["~ number romashka/+74951000112 (to)", "! load model calls1 (tenant romashka)"]}


def test_a_user_gets_a_new_password(site: Site) -> None:
    old = 'caller_id: "+73431000200", devices: {desk: {type: desk_phone}}'
    site.edit(old, old.replace("desk_phone", "desk_phone, generation: 2"))
    done = site.changes("apply", "--tags", "model", expect=0)
    assert done["edge1"] == ["~ htable/ha1 sidorov-desk@romashka.example (running, stored)"]
    assert "~ user romashka/sidorov (devices)" in done["calls1"]


def test_a_trunk_is_changed(site: Site) -> None:
    path = site.model / "site" / "site.yml"
    path.write_text(path.read_text().replace('addresses: ["192.0.2.10"]', 'addresses: ["192.0.2.10", "192.0.2.11"]'))
    done = site.changes("apply", "--tags", "model", expect=0)
    assert len(done["edge1"]) == 1 and "192.0.2.11" in done["edge1"][0]
    assert "~ trunk site/ural (addresses)" in done["calls1"]


def test_a_relay_with_calls_waits_with_what_needs_a_restart(site: Site) -> None:
    settings = site.inventory.parent / "group_vars/all/story.yml"
    before = settings.read_text()
    settings.write_text(before.replace("timeout: 3600", "timeout: 3601, tos: 46"))
    done = site.pbx("apply", "-l", "relay1", expect=0).stdout
    assert "~ rtpengine_setting timeout" in done
    assert "relay1: tos waits for a restart without calls" in done
    waiting = site.pbx("drift", "-l", "relay1", expect=2).stdout
    assert waiting == "relay1: tos waits for a restart without calls\nno differences\n"
    settings.write_text(before)
    site.pbx("apply", "-l", "relay1", expect=0)


def test_users_are_deleted(site: Site) -> None:
    (site.model / "romashka" / "more.yml").unlink()
    refused = site.pbx("apply", expect=1).stderr
    assert "100 of 104 objects of the kind user would be deleted" in refused
    assert "nothing that runs was touched" in refused
    done = site.changes("apply", "--force", expect=0)
    assert "- htable/ha1 new000-desk@romashka.example (running, stored)" in done["edge1"]
    assert "- user romashka/new000" in done["calls1"]


def test_a_tenant_that_is_gone_needs_a_word(site: Site) -> None:
    (site.model / "romashka").rename(site.folder / "aside")
    second = site.model / "second"
    second.mkdir()
    second.joinpath("second.yml").write_text(
        "version: pbx/v1\ntenant: {id: second, name: Second, domain: second.example, country: RU,"
        " timezone: Europe/Moscow, languages: [ru-RU]}\n"
    )
    done = site.pbx("plan", expect=1)
    assert "--remove-tenant romashka" in done.stderr
    second.joinpath("second.yml").unlink()
    second.rmdir()
    (site.folder / "aside").rename(site.model / "romashka")
    assert site.pbx("plan", expect=0).stdout.startswith("no differences\n")
