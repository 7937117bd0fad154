"""A lab of its own, bare at first, with an inventory and a model that a story may change."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from throwaway import CHECKOUT, Lab

from pbx.desired.secrets import api_token, derived_password, ha1
from pbx.model.load import load

PBX = [sys.executable, "-c", "from pbx.cli.main import main; main()"]
HOSTS = ("edge1", "relay1", "calls1")
ASK = """import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/pbx-calls/" + (sys.argv[2:] or ["control.sock"])[0])
s.sendall(sys.argv[1].encode() + b"\\n")
print(s.makefile().readline())"""


@dataclass
class Site:
    """Three hosts, an inventory for them, and a copy of the examples as their model."""

    lab: Lab
    folder: Path
    root: Path | None = None  # of the model, when it is not the copy of the examples

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory" / "hosts.yml"

    @property
    def model(self) -> Path:
        return self.root or self.folder / "model"

    @property
    def tenant_file(self) -> Path:
        return self.model / "romashka" / "romashka.yml"

    def edit(self, old: str, new: str) -> None:
        """Replace one piece of the tenant's YAML."""
        text = self.tenant_file.read_text()
        assert old in text
        self.tenant_file.write_text(text.replace(old, new, 1))

    def pbx(self, verb: str, *words: str, expect: int, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`pbx VERB -i … --model …`; the exit code must be the expected one."""
        command = [*PBX, verb, *words, "-i", str(self.inventory), "--model", str(self.model)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == expect, f"pbx {verb}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def changes(self, verb: str, *words: str, expect: int) -> dict[str, list[str]]:
        """What the verb prints, by host."""
        return by_host(self.pbx(verb, *words, expect=expect).stdout)

    def playbook(self, name: str, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Plain ansible-playbook, as the README has it."""
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [str(program), "-i", str(self.inventory), "-e", f"pbx_model_root={self.model}", *words]
        return subprocess.run(
            [*command, f"playbooks/{name}"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "ANSIBLE_FORCE_COLOR": "0"},
        )

    def secret_values(self) -> dict[str, str]:
        """All secrets of this lab, made ones too, by a name for the message of a failing test."""
        given = yaml.safe_load((self.inventory.parent / "group_vars/all/secrets.yml").read_text())
        found = {"pbx_site_key": given["pbx_site_key"], **given["pbx_secrets"]}
        for tenant in load(str(self.model)).model.tenants.values():
            for token in tenant.services.api_tokens.values():
                found[f"api token {token.id}"] = api_token(
                    given["pbx_site_key"], given["pbx_secrets"], tenant.id, token
                )
            for user in tenant.users.values():
                for device in user.devices.values():
                    made = derived_password(given["pbx_site_key"], tenant.id, user.id, device.id, device.generation)
                    found[f"{user.id}-{device.id}"] = made
                    found[f"ha1 {user.id}-{device.id}"] = ha1(f"{user.id}-{device.id}", tenant.domain, made)
        return found

    def status(self, host: str = "calls1") -> dict[str, Any]:
        """What pbx-calls says of itself."""
        answer: dict[str, Any] = json.loads(self.lab.exec(host, "python3", "-c", ASK, '{"cmd":"status"}').stdout)
        return answer

    def wait_calls(self, number: int, seconds: float = 20.0, host: str = "calls1") -> None:
        """Until so many calls are up."""
        deadline = time.monotonic() + seconds
        while (found := self.status(host)["calls"]) != number:
            assert time.monotonic() < deadline, f"{found} calls of {number} are up"
            time.sleep(0.2)

    def pid(self, host: str, unit: str) -> str:
        return self.lab.exec(host, "systemctl", "show", "-P", "MainPID", unit).stdout.strip()


def by_host(text: str) -> dict[str, list[str]]:
    """The items of a printed plan under their hosts, without their values."""
    found: dict[str, list[str]] = {}
    host = ""
    for line in text.splitlines():
        if line in HOSTS:
            host = line
        elif line.startswith("  ") and not line.startswith("      ") and host:
            found.setdefault(host, []).append(line.strip())
    return found


@contextmanager
def filled(site: Site, host: str) -> Iterator[None]:
    """Not an octet left on the host's disk."""
    script = "dd if=/dev/zero of=/fill bs=1M 2>/dev/null; dd if=/dev/zero of=/fill2 bs=1k 2>/dev/null; true"
    site.lab.exec(host, "sh", "-c", script, timeout=120)
    try:
        yield
    finally:
        site.lab.exec(host, "rm", "-f", "/fill", "/fill2")


@contextmanager
def new_site(folder: Path, *options: str, suite: str = "") -> Iterator[Site]:
    """Boot hosts of their own with `lab/lab up OPTIONS`, of another Debian by `suite`; they end with the block."""
    hosts = Lab(f"s{secrets.token_hex(3)}")
    if suite:
        hosts.environment["PBX_LAB_SUITE"] = suite
    hosts.run("up", *options, timeout=900)
    state = Path(hosts.status()["state_folder"])
    variables = folder / "inventory" / "group_vars" / "all"
    variables.mkdir(parents=True)
    shutil.copy(CHECKOUT / "inventory/lab/hosts.yml", folder / "inventory")
    shutil.copy(CHECKOUT / "inventory/lab/group_vars/all/lab.yml", variables)
    for name in ("connection.yml", "secrets.yml"):
        shutil.copy(state / "group_vars/all" / name, variables)
    (variables / "ca.yml").write_text(f"pbx_lab_ca: {folder}/ca\n")  # certificates of the API, and of an edge with TLS
    shutil.copytree(CHECKOUT / "examples", folder / "model")
    try:
        yield Site(hosts, folder)
    finally:
        hosts.run("down")
        shutil.rmtree(state)
