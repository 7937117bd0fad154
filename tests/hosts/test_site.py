"""The site playbook on bare hosts, told as a story: each test goes on where the one before it ended."""

import re

import pytest
from hosts.story import Site

pytestmark = [pytest.mark.lab, pytest.mark.row("C01")]

FOLDERS = ("/etc", "/opt", "/var/lib/pbx", "/usr/sbin", "/run")
NOISE = ("/run/systemd", "/run/log", "/run/udev", "/run/user", "/run/dbus", "/run/sudo", "/run/sshd", "/run/utmp",
         "/run/credentials", "/run/host", "/run/lock", "/run/agetty", "/etc/resolv.conf", "/run/motd", "/run/initctl",
         "/run/apt", "/run/cloud", "/run/network", "/run/blkid", "/run/mount")  # fmt: skip


def _files(site: Site, host: str) -> set[str]:
    """Path, mode, size and time of each file, apart from what a login or systemd itself touches."""
    text = site.lab.exec(host, "find", *FOLDERS, "-xdev", "-printf", "%p %m %U %s %T@\\n", check=False).stdout
    return {line for line in text.splitlines() if not line.startswith(NOISE) and not line.startswith("/run ")}


def test_check_on_bare_hosts_ends_well_and_changes_nothing(bare_site: Site) -> None:
    before = {host: _files(bare_site, host) for host in ("edge1", "relay1", "calls1")}
    planned = bare_site.changes("plan", expect=2)
    after = {host: _files(bare_site, host) for host in before}
    assert {host: after[host] ^ before[host] for host in before} == {host: set() for host in before}
    assert "+ user pbx-calls" in planned["calls1"]
    assert "+ tenant romashka" in planned["calls1"]
    assert "+ file /etc/rtpengine/rtpengine.conf" in planned["relay1"]
    assert any("kamailio" in line for line in planned["edge1"])


def test_the_first_apply_gives_running_services(bare_site: Site) -> None:
    done = bare_site.pbx("apply", expect=0, timeout=900)
    assert "+ user romashka/ivanov" in done.stdout
    status = bare_site.status()
    assert list(status["tenants"]) == ["romashka"]


def test_the_second_apply_changes_nothing(bare_site: Site) -> None:
    done = bare_site.playbook("site.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    recap = re.findall(r"^(\w+) +: .*changed=(\d+) .*failed=(\d+)", done.stdout, re.MULTILINE)
    assert sorted(recap) == [(host, "0", "0") for host in ("calls1", "edge1", "relay1")]


def test_plan_and_drift_say_that_there_is_nothing(bare_site: Site) -> None:
    assert bare_site.pbx("plan", expect=0).stdout == "no differences\n"
    assert bare_site.pbx("drift", expect=0).stdout == "no differences\n"


@pytest.mark.row("R20")
def test_a_changed_text_is_one_new_sound_and_the_plan_says_it(bare_site: Site) -> None:
    before = bare_site.tenant_file.read_text()
    bare_site.edit("This is Romashka.", "You have reached Romashka.")
    told = bare_site.pbx("plan", "--tags", "model", expect=2).stdout
    bare_site.tenant_file.write_text(before)
    new = re.findall(r"^  \+ prompt [0-9a-f]{64}\.alaw \((.*)\)$", told, re.MULTILINE)
    assert len(new) == 1 and re.fullmatch(r"«You have reached Romashka\. We are open from», \d\.\d s", new[0]), told
    assert len(re.findall(r"^  - prompt [0-9a-f]{64}\.alaw$", told, re.MULTILINE)) <= 1


@pytest.mark.parametrize(
    "host, unit",
    [
        ("calls1", "pbx-calls@1"),
        ("calls1", "pbx-media@1"),
        ("calls1", "pbx-journal"),
        ("relay1", "rtpengine-daemon"),
        ("relay1", "pbx-relay"),
        ("relay1", "pbx-sealer"),
        ("calls1", "pbx-keeper"),
    ],
)
def test_services_are_sandboxed_and_not_root(bare_site: Site, host: str, unit: str) -> None:
    report = bare_site.lab.exec(
        host, "systemd-analyze", "security", "--no-pager", f"{unit}.service", check=False
    ).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert exposure and float(exposure[1]) <= 3.0, report
    pid = bare_site.lab.exec(host, "systemctl", "show", "-P", "MainPID", f"{unit}.service").stdout.strip()
    uid = bare_site.lab.exec(host, "stat", "-c", "%u", f"/proc/{pid}").stdout.strip()
    assert uid != "0"


def test_the_firewall_lets_in_what_it_should(bare_site: Site) -> None:
    def can_connect(source: str, host: str, port: int) -> bool:
        program = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
        return bare_site.lab.exec(source, "python3", "-c", program, host, str(port), check=False).returncode == 0

    assert can_connect("stranger", "10.77.0.11", 5060)
    assert not can_connect("stranger", "10.77.0.13", 5070)
    assert not can_connect("stranger", "10.77.0.11", 5080)
    assert can_connect("edge1", "10.77.0.13", 5070)
    assert not can_connect("relay1", "10.77.0.13", 5070)


def test_files_with_secrets_are_closed(bare_site: Site) -> None:
    exec_ = bare_site.lab.exec
    assert exec_("calls1", "stat", "-c", "%a %U", "/var/lib/pbx/secrets/calls.json").stdout.strip() == "600 pbx-calls"
    for host in ("edge1", "relay1", "calls1"):
        assert exec_(host, "stat", "-c", "%a %U", "/var/lib/pbx-apply").stdout.strip() == "700 root"
        # kept prompts are links to those in use, whose mode they share; nobody else comes into the folder
        open_to_others = exec_(host, "find", "/var/lib/pbx-apply", "-type", "f", "-links", "1", "-perm", "/077").stdout
        assert open_to_others == ""


def test_no_secret_is_in_output_journal_or_process_list(bare_site: Site) -> None:
    bare_site.edit("desk: {type: desk_phone}", "desk: {type: desk_phone, generation: 2}")
    done = bare_site.playbook("site.yml", "-vvv", "--diff")
    assert done.returncode == 0, done.stdout[-4000:]
    seen = {"output": done.stdout + done.stderr}
    for host in ("edge1", "relay1", "calls1"):
        seen[f"journal of {host}"] = bare_site.lab.exec(host, "journalctl", "--no-pager", "-o", "cat").stdout
        seen[f"processes of {host}"] = bare_site.lab.exec(
            host, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
        ).stdout
    found = [
        (name, where) for name, value in bare_site.secret_values().items() for where in seen if value in seen[where]
    ]
    assert found == []
