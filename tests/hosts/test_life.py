"""A tenant renamed and removed, keys and certificates rotated: what changes, and that no call and no service does."""

import shutil
import socket
import ssl
from collections.abc import Iterator

import pytest
import yaml
from hosts.carriers import EDGE, Carriers, both, call_up, talk
from hosts.story import Site
from hosts.traffic import Registrations
from phones import netns

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

OTHERS_NUMBER = "+73430000190"
TENANT = """version: pbx/v1
tenant: {{id: {id}, name: Second, domain: second.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}}
locations: {{office: {{address: "Somewhere 1", emergency: {{caller_id: "{number}", trunks: [trunk/ural]}}}}}}
emergency: {{numbers: ["112"]}}
users:
  smirnov:
    name: S
    extension: "201"
    location: location/office
    caller_id: "{number}"
    devices: {{desk: {{type: desk_phone}}}}
numbers: {{"{number}": {{trunk: trunk/ural, to: "+79160000002"}}}}
"""
UNITS = {"kamailio.service": "edge1", "rtpengine-daemon.service": "relay1"}
UNITS |= {f"pbx-{name}.service": "calls1" for name in ("calls@1", "media@1", "journal")}


def write_tenant(site: Site, id_: str) -> None:
    folder = site.model / id_
    folder.mkdir()
    (folder / "tenant.yml").write_text(TENANT.format(id=id_, number=OTHERS_NUMBER))


def secrets_of(site: Site) -> dict[str, object]:
    text = (site.inventory.parent / "group_vars/all/secrets.yml").read_text()
    found: dict[str, object] = yaml.safe_load(text)
    return found


def write_secrets(site: Site, values: dict[str, object]) -> None:
    (site.inventory.parent / "group_vars/all/secrets.yml").write_text(yaml.safe_dump(values))


def edge_rows(site: Site, word: str) -> str:
    """Lines of every table of the running edge, and of its file, that hold a word."""
    tables = ("domain", "did", "owner", "token", "emergency", "ha1")
    dump = "; ".join(f"kamcmd -s unix:/run/kamailio/ctl.sock htable.dump {table}" for table in tables)
    stored = "sqlite3 /var/lib/kamailio/pbx.sqlite .dump"
    return site.lab.exec("edge1", "sh", "-c", f"{{ {dump}; {stored}; }} | grep -F {word}", check=False).stdout


@pytest.fixture(scope="module")
def carriers(site: Site) -> Iterator[Carriers]:
    with both(site) as parties:
        yield parties


@pytest.fixture(autouse=True)
def undisturbed(site: Site) -> Iterator[None]:
    """No service is restarted by any of this."""
    before = {unit: site.pid(host, unit) for unit, host in UNITS.items()}
    yield
    assert {unit: site.pid(host, unit) for unit, host in UNITS.items()} == before


def registers(site: Site, password: str) -> list[str]:
    """What a phone with this password is told that is not 200."""
    at = site.lab.netns("phone1"), site.lab.address("phone1")
    with Registrations(*at, "ivanov-desk", "romashka.example", password) as phone:
        phone.wait_done(1)
    return phone.failures


def serial(site: Site) -> int:
    """Of the certificate that the edge shows."""
    raw = netns.open_socket(site.lab.netns("phone1"), socket.AF_INET, socket.SOCK_STREAM)
    raw.settimeout(5)
    raw.connect((EDGE[0], 5061))
    context = ssl.create_default_context(cafile=site.folder / "ca/ca.pem")
    with context.wrap_socket(raw, server_hostname="romashka.example") as connection:
        return int(str((connection.getpeercert() or {})["serialNumber"]), 16)


def test_a_tenant_is_renamed(site: Site, carriers: Carriers) -> None:
    write_tenant(site, "second")
    site.pbx("apply", expect=0)
    with call_up(site, carriers, OTHERS_NUMBER) as (ours, theirs):
        talk(ours, theirs)
    shutil.rmtree(site.model / "second")
    write_tenant(site, "renamed")
    refused = site.pbx("apply", expect=1)
    assert "--remove-tenant second" in refused.stderr
    site.pbx("apply", "--remove-tenant", "second", expect=0)
    assert list(site.status()["tenants"]) == ["renamed", "romashka"]
    with call_up(site, carriers, OTHERS_NUMBER) as (ours, theirs):
        talk(ours, theirs)
    records = site.lab.exec("calls1", "/opt/pbx/current/bin/pbx-calls", "cdr", "--last", "2", "--json").stdout
    assert '"second"' in records and '"renamed"' in records


def test_a_tenant_with_calls_up_is_removed_with_a_word_only(site: Site, carriers: Carriers) -> None:
    words = ("--remove-tenant", "renamed")
    with (
        call_up(site, carriers, OTHERS_NUMBER) as (ours, theirs),
        call_up(site, carriers) as (kept, kept_far),
    ):
        (site.model / "renamed").rename(site.folder / "aside")
        refused = site.pbx("apply", *words, expect=1)
        assert "renamed has 1 calls up" in refused.stderr
        talk(ours, theirs)
        site.pbx("apply", *words, "--cut-calls", expect=0)
        ours.wait_ended()
        theirs.wait_ended()
        talk(kept, kept_far)
        kept.bye()
    assert edge_rows(site, "second.example") == edge_rows(site, "renamed") == ""
    held = site.lab.exec(
        "calls1", "sh", "-c", "grep -lF second.example /var/lib/pbx/documents/* /etc/pbx/*", check=False
    )
    assert held.stdout == ""
    assert site.pbx("drift", expect=0).stdout == "no differences\n"


def test_a_trunk_gets_a_new_login(site: Site, carriers: Carriers) -> None:
    before = secrets_of(site)
    new = "a-new-login-of-the-trunk"
    write_secrets(site, {**before, "pbx_secrets": {**before["pbx_secrets"], "trunk_mtt": new}})  # type: ignore[dict-item]
    done = site.changes("apply", "--tags", "model", expect=0)
    assert done == {"calls1": ["~ secret trunk_mtt", "! load model calls1"]}
    carriers["mtt"].challenge = ("romashka", new)
    with call_up(site, carriers) as (ours, theirs):
        talk(ours, theirs)
    carriers["mtt"].challenge = None
    write_secrets(site, before)
    site.pbx("apply", "--tags", "model", expect=0)


def test_the_site_key_is_rotated(site: Site, carriers: Carriers) -> None:
    before = secrets_of(site)
    old = site.secret_values()["ivanov-desk"]
    with call_up(site, carriers) as (ours, theirs):
        write_secrets(site, {**before, "pbx_site_key": "another-key-" * 4})
        done = site.changes("apply", "--tags", "model", expect=0)
        assert set(done) == {"edge1", "calls1"} and all("htable/ha1" in line for line in done["edge1"])
        assert "~ file /var/lib/pbx-web/tokens.json (content)" in done["calls1"]  # tokens are made of it, too
        assert not any("restart" in line for line in done["calls1"])
        assert registers(site, site.secret_values()["ivanov-desk"]) == []
        assert registers(site, old) != []
        talk(ours, theirs)
    write_secrets(site, before)
    site.pbx("apply", "--tags", "model", expect=0)
    assert registers(site, old) == []


def test_a_certificate_is_renewed(site: Site, carriers: Carriers) -> None:
    before = serial(site)
    with call_up(site, carriers) as (ours, theirs):
        for kept in (site.folder / "ca").glob("edge1-*.pem"):
            kept.unlink()
        done = site.changes("apply", expect=0)
        assert set(done) == {"edge1"}
        assert serial(site) != before
        talk(ours, theirs)
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
