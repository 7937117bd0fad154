"""How the controller gets in: a user whose sudo asks for a password, and a bastion."""

from pathlib import Path

import pytest
import yaml
from hosts.story import Site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]

PASSWORD = "correct-horse-battery"  # of a host that lives for one test run


def _variables(site: Site, host: str, **values: str) -> Path:
    """What holds for one host; a file beside the inventory."""
    path = site.inventory.parent / f"host_vars/{host}.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_user_whose_sudo_asks_for_a_password(site: Site) -> None:
    script = (
        "useradd --create-home --shell /bin/bash pat; cp -r /home/ops/.ssh /home/pat/; chown -R pat: /home/pat/.ssh;"
        "echo 'pat ALL=(ALL) ALL' > /etc/sudoers.d/pat; chpasswd"
    )
    site.lab.exec("calls1", "sh", "-c", script, input=f"pat:{PASSWORD}\n")
    assert site.lab.exec("calls1", "su", "pat", "-c", "sudo -n true", check=False).returncode != 0
    variables = _variables(site, "calls1", ansible_user="pat", ansible_become_password=PASSWORD)
    try:
        done = site.pbx("apply", "--limit", "calls1", "--tags", "model", expect=0)
        assert done.stdout.startswith("no differences\n")
        assert "ansible_become_password" not in done.stderr and PASSWORD not in done.stdout + done.stderr
        _variables(site, "calls1", ansible_user="pat", ansible_become_password="wrong")
        refused = site.pbx("apply", "--limit", "calls1", "--tags", "model", expect=1)
        assert "sudo" in refused.stderr and "Traceback" not in refused.stderr
    finally:
        variables.unlink()
        site.lab.exec("calls1", "rm", "/etc/sudoers.d/pat")
    commands = site.lab.exec("calls1", "journalctl", "--no-pager", "-o", "cat", "_COMM=sudo").stdout
    assert "pat" in commands and PASSWORD not in commands


def test_through_a_bastion(site: Site, tmp_path: Path) -> None:
    connection = yaml.safe_load((site.inventory.parent / "group_vars/all/connection.yml").read_text())
    key, usual = connection["ansible_ssh_private_key_file"], connection["ansible_ssh_common_args"]
    direct = usual.split("ProxyCommand='")[1].split("'")[0]
    sockets = Path("/run/pbx-test-bastion")  # short: a socket's path ends at 108 bytes, and ssh adds 17 to it
    sockets.mkdir(mode=0o700, exist_ok=True)
    settings = tmp_path / "ssh_config"
    settings.write_text(
        f"Host 10.77.0.12\n  ProxyCommand {direct}\n"
        "Host 10.77.0.13\n  ProxyJump ops@10.77.0.12\n"
        f"Host *\n  IdentityFile {key}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    )
    arguments = f"-F {settings} -o ControlMaster=auto -o ControlPersist=30 -o ControlPath={sockets}/%C"
    variables = _variables(site, "calls1", ansible_ssh_common_args=arguments)
    try:
        done = site.pbx("apply", "--limit", "calls1", "--tags", "model", expect=0)
    finally:
        variables.unlink()
    assert done.stdout.startswith("no differences\n")
    seen = site.lab.exec("calls1", "journalctl", "--no-pager", "-o", "cat", "-u", "ssh.service").stdout
    assert "Accepted publickey for ops from 10.77.0.12" in seen
