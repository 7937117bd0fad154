"""What people change in the model: each plan names it, each apply does it, and nothing else happens."""

import pytest
from hosts.story import Site

pytestmark = pytest.mark.lab


def _apply(site: Site) -> dict[str, list[str]]:
    """Plan, apply, plan: check mode and real mode tell the same, and nothing is left."""
    planned = site.changes("plan", expect=2)
    done = site.changes("apply", expect=0)
    assert done == planned
    assert site.pbx("plan", expect=0).stdout == "no differences\n"
    return done


@pytest.fixture
def processes(site: Site) -> dict[str, str]:
    """What runs now: no change of the model may restart it."""
    units = [("edge1", "kamailio.service"), ("relay1", "rtpengine-daemon.service")]
    units += [("calls1", f"pbx-{name}.service") for name in ("calls@1", "media@1", "journal")]
    return {unit: site.pid(host, unit) for host, unit in units}


@pytest.fixture(autouse=True)
def nothing_restarts(site: Site, processes: dict[str, str]) -> None:
    """After each test the same processes are there."""
    yield
    units = {"kamailio.service": "edge1", "rtpengine-daemon.service": "relay1"}
    assert {unit: site.pid(units.get(unit, "calls1"), unit) for unit in processes} == processes


def test_a_hundred_users_are_added(site: Site) -> None:
    users = "\n".join(
        f'  new{n:03d}: {{extension: "5{n:03d}", location: location/msk, devices: {{desk: {{type: desk_phone}}}}}}'
        for n in range(100)
    )
    (site.model / "romashka" / "more.yml").write_text(f"users:\n{users}\n")
    done = _apply(site)
    assert sum("user" in line for line in done["calls1"]) > 10
    assert set(done) == {"edge1", "calls1"}


def test_a_number_is_moved(site: Site) -> None:
    site.edit(
        '"+74951000112": {trunk: trunk/mtt, to: ring_group/office}',
        '"+74951000112": {trunk: trunk/mtt, to: user/ivanov}',
    )
    done = _apply(site)
    assert done["calls1"][0] == "~ number romashka/+74951000112 (to)"
    assert set(done) == {"calls1"}


def test_a_user_gets_a_new_password(site: Site) -> None:
    site.edit("sidorov: {name: Пётр Сидоров,", "sidorov: {name: Пётр Сидоров, ")
    site.edit(
        'caller_id: "+73431000200", devices: {desk: {type: desk_phone}}',
        'caller_id: "+73431000200", devices: {desk: {type: desk_phone, generation: 2}}',
    )
    done = _apply(site)
    assert any(line.startswith("~ htable/ha1 sidorov-desk@romashka.example") for line in done["edge1"])
    assert "~ user romashka/sidorov (devices)" in done["calls1"]


def test_a_trunk_is_changed(site: Site) -> None:
    path = site.model / "site" / "site.yml"
    path.write_text(path.read_text().replace('addresses: ["192.0.2.10"]', 'addresses: ["192.0.2.10", "192.0.2.11"]'))
    done = _apply(site)
    assert any("192.0.2.11" in line for line in done["edge1"])
    assert "~ trunk site/ural (addresses)" in done["calls1"]


def test_users_are_deleted(site: Site) -> None:
    (site.model / "romashka" / "more.yml").unlink()
    done = _apply(site)
    assert any(line.startswith("- user romashka/new0") for line in done["calls1"])
    assert any(line.startswith("- htable/ha1 new0") for line in done["edge1"])


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
    assert site.pbx("plan", expect=0).stdout == "no differences\n"
