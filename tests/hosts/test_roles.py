"""What each role leaves on its hosts: packages, services, sockets, users, closed files, filter rules, sandboxes."""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import testinfra
from hosts.story import Site
from testinfra.host import Host

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]

EDGE, RELAY, CALLS = "10.77.0.11", "10.77.0.12", "10.77.0.13"
SSH = {"tcp 0.0.0.0:22", "tcp [::]:22"}
RTP = range(30000, 40000)  # of calls that are up

PACKAGES = {
    "edge1": ["kamailio", "kamailio-sqlite-modules", "kamailio-tls-modules", "kamailio-websocket-modules", "nftables"],
    "relay1": ["rtpengine-daemon", "redis-server", "python3-venv", "nftables"],
    "calls1": ["python3-venv", "nftables"],
}
UNITS = {
    "edge1": ["kamailio.service", "kamailio-location.timer", "nftables.service"],
    "relay1": [
        "rtpengine-daemon.service",
        "redis-server.service",
        "pbx-relay.socket",
        "pbx-relay.service",
        "pbx-sealer.service",
        "nftables.service",
    ],
    "calls1": [
        "pbx-calls@1.service",
        "pbx-journal.service",
        "pbx-keeper.service",
        "pbx-media@1.service",
        "pbx-web.service",
        "nftables.service",
    ],
}
SOCKETS = {
    "edge1": {f"{proto} {EDGE}:{port}" for proto in ("udp", "tcp") for port in (5060, 5080)}
    | {f"tcp {EDGE}:{port}" for port in (5061, 8443)},
    "relay1": {f"udp {RELAY}:{port}" for port in (2223, 2225)}
    | {"udp 127.0.0.1:2226", "tcp 127.0.0.1:2224", "tcp 127.0.0.1:6379", "tcp [::1]:6379"},
    "calls1": {
        f"udp {CALLS}:5070",
        f"tcp {CALLS}:5070",
        f"udp {CALLS}:41000",
        f"udp {CALLS}:41001",
        f"tcp {CALLS}:9443",
        f"tcp {CALLS}:5180",
    },
}
RULES = {
    "edge1": {
        "udp dport 5060 accept",
        "tcp dport { 5060, 5061, 8443 } accept",
        "ip saddr @calls udp dport 5080 accept",
        "ip saddr @calls tcp dport 5080 accept",
    },
    "relay1": {"udp dport 30000-39999 accept", "ip saddr @calls udp dport { 2223, 2225 } accept"},
    "calls1": {
        "ip saddr @edges udp dport 5070 accept",
        "ip saddr @edges tcp dport 5070 accept",
        "ip saddr @relays udp dport 41000-41001 accept",
        "tcp dport 9443 accept",
        f"ip saddr {RELAY} tcp dport 5180 accept",
    },
}
RUN_AS = [
    ("edge1", "kamailio.service", "kamailio"),
    ("relay1", "rtpengine-daemon.service", "rtpengine"),
    ("relay1", "redis-server.service", "redis"),
    ("relay1", "pbx-relay.service", "pbx-relay"),
    ("calls1", "pbx-calls@1.service", "pbx-calls"),
    ("calls1", "pbx-journal.service", "pbx-calls"),
    ("relay1", "pbx-sealer.service", "pbx-relay"),
    ("calls1", "pbx-keeper.service", "pbx-calls"),
    ("calls1", "pbx-media@1.service", "pbx-media"),
    ("calls1", "pbx-web.service", "pbx-web"),
]
CLOSED = [
    ("edge1", "/var/lib/kamailio/pbx.sqlite", "root", "kamailio", 0o640),
    ("edge1", "/etc/kamailio/kamailio.cfg", "root", "kamailio", 0o640),
    ("calls1", "/var/lib/pbx/secrets", "pbx-calls", "root", 0o700),
    ("calls1", "/var/lib/pbx/secrets/calls.json", "pbx-calls", "root", 0o600),
    ("calls1", "/var/lib/pbx/secrets/keeper.json", "pbx-calls", "pbx", 0o600),
    ("calls1", "/run/pbx-keeper/api.sock", "pbx-calls", "pbx", 0o660),
    ("relay1", "/var/lib/pbx-sealer", "pbx-relay", "pbx", 0o700),
    ("relay1", "/var/lib/pbx-sealer/secrets.json", "pbx-relay", "pbx", 0o600),
    ("calls1", "/etc/pbx/calls.json", "root", "pbx", 0o640),
    ("calls1", "/var/lib/pbx-web/tokens.json", "root", "pbx-web", 0o640),
    ("calls1", "/etc/pbx/web/server.key", "root", "pbx-web", 0o640),
    ("calls1", "/run/pbx-calls/control.sock", "pbx-calls", "pbx", 0o600),
    *[(host, "/var/lib/pbx-apply", "root", "root", 0o700) for host in PACKAGES],
]
OWN_UNITS = [
    ("edge1", "kamailio.service"),
    ("edge1", "kamailio-location.service"),
    ("relay1", "rtpengine-daemon.service"),
    ("relay1", "pbx-relay.service"),
    ("calls1", "pbx-calls@1.service"),
    ("calls1", "pbx-journal.service"),
    ("relay1", "pbx-sealer.service"),
    ("calls1", "pbx-keeper.service"),
    ("calls1", "pbx-media@1.service"),
    ("calls1", "pbx-web.service"),
]
On = Callable[[str], Host]


@pytest.fixture(scope="module")
def on(site: Site) -> Iterator[On]:
    """A host as testinfra sees it, over the inventory's own connection and as its sudo user."""

    @cache
    def host(name: str) -> Host:
        return testinfra.get_host(f"ansible://{name}?ansible_inventory={site.inventory}")

    with pytest.MonkeyPatch.context() as patch:  # testinfra calls ansible-inventory by its name
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
        yield host


def listening(host: Host) -> set[str]:
    """`udp ADDRESS:PORT`, sshd and the media of calls left out."""
    rows = [line.split() for line in host.check_output("ss -lntuH").splitlines()]
    found = {f"{row[0]} {row[4]}" for row in rows}
    return {one for one in found if int(one.rpartition(":")[2]) not in RTP} - SSH


def rules(host: Host) -> set[str]:
    """The ports that our table opens; what every host has (loopback, ICMP, ssh) left out."""
    text = host.check_output("nft list table inet pbx")
    assert "policy drop" in text
    return {line.strip() for line in text.splitlines() if "dport" in line} - {"tcp dport 22 accept"}


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_are_installed(on: On, name: str) -> None:
    assert [one for one in PACKAGES[name] if not on(name).package(one).is_installed] == []


@pytest.mark.parametrize("name", UNITS)
def test_services_run_and_come_back_after_a_boot(on: On, name: str) -> None:
    for unit in UNITS[name]:
        assert (unit, on(name).service(unit).is_running, on(name).service(unit).is_enabled) == (unit, True, True)


@pytest.mark.parametrize("name", SOCKETS)
def test_sockets_are_bound_to_their_address_and_there_are_no_others(on: On, name: str) -> None:
    assert listening(on(name)) == SOCKETS[name]


@pytest.mark.parametrize("name", RULES)
def test_the_filter_opens_what_the_role_needs_and_no_more(on: On, name: str) -> None:
    assert rules(on(name)) == RULES[name]


@pytest.mark.parametrize("name, unit, user", RUN_AS)
def test_services_run_as_users_of_their_own_that_cannot_log_in(on: On, name: str, unit: str, user: str) -> None:
    pid = on(name).check_output("systemctl show -P MainPID %s", unit)
    assert on(name).check_output("ps -o user:32= -p %s", pid) == user
    assert on(name).user(user).shell in ("/usr/sbin/nologin", "/bin/false")


@pytest.mark.parametrize("name, path, user, group, mode", CLOSED)
def test_files_with_secrets_are_closed_to_others(
    on: On, name: str, path: str, user: str, group: str, mode: int
) -> None:
    file = on(name).file(path)
    assert (file.user, file.group, oct(file.mode)) == (user, group, oct(mode))


def test_prompts_are_what_their_names_say(on: On) -> None:
    sums = on("calls1").check_output("sh -c 'cd /var/lib/pbx/prompts && sha256sum *.alaw'").splitlines()
    assert len(sums) > 5
    assert [line for line in sums if line.split()[0] != line.split()[1].removesuffix(".alaw")] == []


@pytest.mark.parametrize("name, unit", OWN_UNITS)
def test_own_units_are_sandboxed(on: On, name: str, unit: str) -> None:
    report = on(name).check_output("systemd-analyze security --no-pager %s", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert found and float(found[1]) <= 3.0, report
