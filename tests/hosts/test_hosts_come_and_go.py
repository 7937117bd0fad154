"""A call host is added, a tenant moves there and back with and without calls up, and the host is removed again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hosts.carriers import Carriers, both, call_up, talk
from hosts.story import Site, new_site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

UNITS = ("pbx-calls@1.service", "pbx-media@1.service", "pbx-journal.service")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four hosts, of which the inventory knows three."""
    with new_site(tmp_path_factory.mktemp("two"), "--hosts", "edge1,relay1,calls1,calls2") as site:
        site.edit("numbers:\n", 'numbers:\n  "+74951000190": {trunk: trunk/ural, to: "+79220000002"}\n')
        pin(site, "calls1")
        site.pbx("apply", expect=0, timeout=600)
        yield site


@pytest.fixture(scope="module")
def carriers(two: Site) -> Iterator[Carriers]:
    with both(two) as parties:
        yield parties


def pin(site: Site, host: str) -> None:
    (site.inventory.parent / "group_vars/all/owners.yml").write_text(f"pbx_owners: {{romashka: {host}}}\n")


def inventory(site: Site, change: str) -> None:
    """Write calls2 into the inventory, or take it out."""
    path = Path(site.inventory)
    found = yaml.safe_load(path.read_text())
    address = site.lab.address("calls2")
    groups = [found["all"]["children"][name]["hosts"] for name in ("calls", "media")]
    if change == "add":
        found["all"]["hosts"]["calls2"] = {
            "ansible_host": address, "sip_address": address, "media_address": address,
        }  # fmt: skip
        for group in groups:
            group["calls2"] = None
    else:
        for group in (found["all"]["hosts"], *groups):
            del group["calls2"]
    path.write_text(yaml.safe_dump(found))


def served_by(site: Site) -> str:
    """The host that the edge's owner table names for the tenant."""
    shown = site.lab.exec("edge1", "kamcmd", "-s", "unix:/run/kamailio/ctl.sock", "htable.get", "owner", "romashka")
    return next(name for name in ("calls1", "calls2") if f"{site.lab.address(name)}:5070" in shown.stdout)


def test_a_call_host_is_added_and_takes_no_tenant_that_is_pinned(two: Site, carriers: Carriers) -> None:
    inventory(two, "add")
    with call_up(two, carriers) as (ours, theirs):
        done = two.pbx("apply", expect=0, timeout=600)
        assert "calls2" in done.stdout
        talk(ours, theirs)
    assert served_by(two) == "calls1"
    assert two.pbx("drift", expect=0).stdout == "no differences\n"


def test_a_tenant_with_calls_up_does_not_move(two: Site, carriers: Carriers) -> None:
    with call_up(two, carriers) as (ours, theirs):
        pin(two, "calls2")
        refused = two.pbx("apply", expect=1)
        assert "romashka has 1 calls up" in refused.stderr
        talk(ours, theirs)
    assert served_by(two) == "calls1"


def test_a_tenant_without_calls_moves(two: Site, carriers: Carriers) -> None:
    two.pbx("apply", expect=0)
    assert served_by(two) == "calls2"
    with call_up(two, carriers, host="calls2") as (ours, theirs):
        talk(ours, theirs)
    records = two.lab.exec("calls2", "/opt/pbx/current/bin/pbx-calls", "cdr", "--last", "1").stdout
    assert "+73430000001" in records


def test_the_host_is_removed_and_knows_nothing(two: Site, carriers: Carriers) -> None:
    refused = two.pbx("remove-host", "calls2", expect=1)
    assert "pbx_owners: romashka: no host calls2" in refused.stderr
    (two.inventory.parent / "group_vars/all/owners.yml").unlink()
    two.pbx("remove-host", "calls2", expect=0)
    assert served_by(two) == "calls1"
    for unit in UNITS:
        assert two.lab.exec("calls2", "systemctl", "is-enabled", unit, check=False).stdout.strip() == "disabled"
        assert two.lab.exec("calls2", "systemctl", "is-active", unit, check=False).stdout.strip() == "inactive"
    places = "/etc/pbx /run/pbx-apply /var/lib/pbx/secrets /var/lib/pbx/documents /var/lib/pbx-apply"
    look = f"grep -rlF romashka --exclude=journal.jsonl {places} 2>/dev/null"
    assert two.lab.exec("calls2", "sh", "-c", look, check=False).stdout == ""
    assert two.lab.address("calls2") not in two.lab.exec("edge1", "nft", "list", "ruleset").stdout
    inventory(two, "remove")
    assert two.pbx("drift", expect=0).stdout == "no differences\n"
    with call_up(two, carriers) as (ours, theirs):
        talk(ours, theirs)
