"""An apply that is cut or fails, and services that are killed: nobody has to do anything but run it again."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hosts import cuts
from hosts.story import HOSTS, PBX, Site, filled

pytestmark = [pytest.mark.lab, pytest.mark.row("R34"), pytest.mark.row("C07")]

DATABASE = "/var/lib/kamailio/pbx.sqlite"


def _journal(site: Site, host: str) -> list[str]:
    text = site.lab.exec(host, "cat", "/var/lib/pbx-apply/journal.jsonl").stdout
    return [json.loads(line)["event"] for line in text.splitlines()]


def _add_user(site: Site, name: str, extension: str) -> None:
    devices = "{desk: {type: desk_phone}}"
    text = f'users: {{{name}: {{extension: "{extension}", location: location/msk, devices: {devices}}}}}\n'
    (site.model / "romashka" / f"{name}.yml").write_text(text)


def test_an_apply_that_was_cut_is_finished_by_the_next(site: Site) -> None:
    _add_user(site, "cut", "571")
    command = [*PBX, "apply", "-i", str(site.inventory), "--model", str(site.model)]
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "Expand the edges" in line:
            os.killpg(running.pid, signal.SIGKILL)
            break
    running.stderr.close()
    assert running.wait() == -signal.SIGKILL
    left = site.changes("plan", expect=2)
    assert left == {"edge1": ["+ htable/ha1 cut-desk@romashka.example (running, stored)"]}
    assert site.changes("apply", expect=0) == left
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
    assert _journal(site, "calls1")[-4:] == ["begin", "lease_taken", "begin", "verified"]


def test_an_apply_that_fails_puts_the_revision_from_before_back(site: Site) -> None:
    before = site.status()["tenants"]
    _add_user(site, "failing", "572")
    site.lab.exec("edge1", "sh", "-c", f"mount --bind {DATABASE} {DATABASE} && mount -o remount,ro,bind {DATABASE}")
    try:
        done = site.pbx("apply", expect=1)
    finally:
        site.lab.exec("edge1", "umount", DATABASE)
    assert "error: edge1: pbx.core.kamailio : Tables" in done.stderr
    for host in HOSTS:
        assert f"{host}: has the revision from before" in done.stderr
    assert site.status()["tenants"] == before
    assert _journal(site, "calls1")[-2:] == ["begin", "restored"]
    (site.model / "romashka" / "failing.yml").unlink()
    assert site.pbx("drift", expect=0).stdout == "no differences\n"


def _settings(site: Site, text: str) -> None:
    """Variables of the inventory beside those of the story."""
    (site.inventory.parent / "group_vars/all/fault.yml").write_text(text)


@pytest.mark.long
def test_kamailio_does_not_start_with_what_its_gate_has_passed(site: Site) -> None:
    """The gate starts it in an empty network, so it cannot know that another program has the port."""
    before = site.status()["tenants"], site.lab.exec("edge1", "cat", "/etc/kamailio/kamailio.cfg").stdout
    _settings(site, "kamailio_tls_port: 5071\n")
    holder = "import socket,time; s=socket.create_server(('10.77.0.11',5071)); time.sleep(600)"
    site.lab.exec("edge1", "systemd-run", "--unit=holder", "python3", "-c", holder)
    try:
        done = site.pbx("apply", expect=1)
    finally:
        site.lab.exec("edge1", "systemctl", "stop", "holder.service")
    assert "5071" in done.stderr and "edge1" in done.stderr, done.stderr
    assert "edge1: has the revision from before" in done.stderr, done.stderr
    assert (site.status()["tenants"], site.lab.exec("edge1", "cat", "/etc/kamailio/kamailio.cfg").stdout) == before
    assert site.lab.exec("edge1", "systemctl", "is-active", "kamailio.service").stdout.strip() == "active"
    (site.inventory.parent / "group_vars/all/fault.yml").unlink()
    assert site.pbx("drift", expect=0).stdout == "no differences\n"


@pytest.mark.long
def test_a_certificate_with_another_key_touches_no_server(site: Site) -> None:
    key = next((site.folder / "ca").glob("edge1-*.key"))
    own = key.read_bytes()
    other = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(other.private_bytes(*plain))
    before = site.pid("edge1", "kamailio.service")
    try:
        done = site.pbx("apply", expect=1)
    finally:
        key.write_bytes(own)
    assert "server.pem and server.key do not belong together" in done.stderr, done.stderr
    assert "nothing that runs was touched" in done.stderr
    assert site.pid("edge1", "kamailio.service") == before


@pytest.mark.long
def test_a_disk_that_fills_in_the_middle(site: Site, tmp_path: Path) -> None:
    before = site.status()["tenants"]
    _add_user(site, "full", "573")
    with cuts.apply(site, tmp_path) as run:
        run.until("Model of the call process")
        with filled(site, "calls1"):
            assert run.to_the_end() == 1
    assert "calls1" in run.error and "No space left" in run.error, run.error
    assert site.status()["tenants"] == before
    (site.model / "romashka" / "full.yml").unlink()
    site.pbx("apply", expect=0)
    assert site.pbx("drift", expect=0).stdout == "no differences\n"


def test_a_model_with_a_mistake_touches_no_server(site: Site) -> None:
    _add_user(site, "wrong", "201")
    done = site.pbx("apply", expect=1)
    assert "wrong.yml" in done.stderr
    assert "nothing that runs was touched" in done.stderr
    (site.model / "romashka" / "wrong.yml").unlink()
    assert site.pbx("plan", expect=0).stdout == "no differences\n"


@pytest.mark.parametrize(
    "host, unit",
    [
        ("edge1", "kamailio.service"),
        ("relay1", "rtpengine-daemon.service"),
        ("relay1", "redis-server.service"),
        ("relay1", "pbx-relay.service"),
        ("calls1", "pbx-calls@1.service"),
        ("calls1", "pbx-media@1.service"),
        ("calls1", "pbx-journal.service"),
    ],
)
def test_a_killed_service_comes_back(site: Site, host: str, unit: str) -> None:
    before = site.pid(host, unit)
    site.lab.exec(host, "kill", "-KILL", before)
    deadline = time.monotonic() + 10
    words = ("systemctl", "show", "-P", "ActiveState", unit)
    while site.pid(host, unit) in {"0", before} or site.lab.exec(host, *words).stdout.strip() != "active":
        assert time.monotonic() < deadline, f"{unit} did not come back"
        time.sleep(0.1)


def test_after_all_that_nothing_is_left_to_do(site: Site) -> None:
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
