"""Debian 13 as a target: the same roles, clean at the second look, a call through menu, group and confirmation; and the
relay's own tests against its rtpengine. The image is built once per machine (about a minute)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.carriers import EDGE, both, talk
from hosts.story import HOSTS, Site, new_site
from hosts.traffic import Registrations
from phones.romashka import example
from throwaway import CHECKOUT

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]

RTPENGINE = """#!/bin/sh
# rtpengine of Debian 13 on this machine's loopback
exec unshare --mount --propagation private sh -c '
mount -t overlay overlay -o lowerdir={layer}:{base} {room}
for each in tmp dev proc sys; do mount --rbind /$each {room}/$each; done
exec chroot {room} /usr/bin/rtpengine "$@"' -- "$@"
"""


@pytest.fixture(scope="module")
def trixie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("trixie"), suite="trixie") as site:
        authority = "kamailio_tls: true\n"
        (site.inventory.parent / "group_vars/all/tls.yml").write_text(authority)
        site.pbx("apply", expect=0, timeout=600)
        yield site


def test_the_hosts_are_debian_13(trixie: Site) -> None:
    for host in HOSTS:
        assert trixie.lab.exec(host, "cat", "/etc/debian_version").stdout.startswith("13.")
    python = trixie.lab.exec("calls1", "/opt/pbx/current/venv/bin/python", "--version").stdout
    assert python.startswith("Python 3.13")


def test_the_second_look_finds_nothing_to_do(trixie: Site) -> None:
    assert trixie.pbx("drift", expect=0).stdout == "no differences\n"


def test_units_are_sandboxed_under_its_systemd(trixie: Site) -> None:
    for host in HOSTS:
        assert trixie.lab.exec(host, "systemctl", "--failed", "--no-legend").stdout == ""
    errors = "journalctl -p err -o cat --no-pager -u 'pbx-*' -u kamailio -u rtpengine-daemon"
    refused = f"{errors} | grep -v 'core/tcp_read.c'"  # a phone that ends its connection is no refusal
    for host in HOSTS:
        assert trixie.lab.exec(host, "sh", "-c", refused, check=False).stdout == ""


def test_a_phone_registers(trixie: Site) -> None:
    at = trixie.lab.netns("phone1"), trixie.lab.address("phone1")
    password = trixie.secret_values()["ivanov-desk"]
    with Registrations(*at, "ivanov-desk", "romashka.example", password) as phone:
        phone.wait_done(10)
    assert phone.failures == []


def test_a_call_through_menu_group_and_confirmation(trixie: Site) -> None:
    """The menu's key 2 rings 301, who is not there, then a mobile: the first carrier has 503, the second takes it."""
    with both(trixie) as carriers:
        mtt, ural = carriers["mtt"], carriers["ural"]
        mtt.policy = lambda request: 503
        call = mtt.call(f"sip:74951000114@{EDGE[0]}", EDGE, from_="<sip:79161234567@mtt.example>")
        call.wait_established()
        call.wait_tone(523, 0.1, 3.0, call.started)
        call.digits("2")
        mobile = ural.wait_call()
        mobile.ring()
        mobile.answer()
        mobile.wait_said(example.recording("system-confirm"), 5.0)
        mobile.digits("1")
        talk(call, mobile, "mtt", "ural")
        mobile.bye()
        call.wait_ended()
    trixie.wait_calls(0)


def test_the_relay_is_steered_as_on_debian_12(trixie: Site, tmp_path: Path) -> None:
    image = Path(os.environ.get("PBX_LAB_CACHE", "/var/cache/pbx-lab")) / trixie.lab.run("image").stdout.strip()
    (tmp_path / "room").mkdir()
    program = tmp_path / "rtpengine"
    program.write_text(RTPENGINE.format(layer=image / "layer", base=image / "base", room=tmp_path / "room"))
    program.chmod(0o755)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/media/test_relay_real.py"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:]
