"""A repository of a user's own, made by `pbx init` of the installed wheel, with a lab host to apply it to.

Nothing of this checkout is on its way: an environment of its own, a home of its own, another folder.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from throwaway import CHECKOUT, Lab

HOST = "pbx1"
SECRETS = "inventory/group_vars/all/secrets.yml"
ADDRESS = "192.0.2.5"  # what `pbx init` writes, for the user to replace


@dataclass
class Own:
    """`folder` is the repository; commands run in it, with the virtual environment's programs first."""

    lab: Lab
    folder: Path
    venv: Path
    home: Path
    key: Path
    wheel: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        who = {f"GIT_{role}_{what}": "Ann" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.environment = {
            **pip, **who,
            "PATH": f"{self.venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "XDG_CACHE_HOME": cache,  # the wheels for targets, and pip's own
            "PIP_FIND_LINKS": f"{pip.get('PIP_FIND_LINKS', '')} {self.wheel.parent}".strip(),
        }  # fmt: skip

    @property
    def own_secrets(self) -> dict[str, str]:
        """What a person's shell, or a CI job, has besides: the ssh key and the vault's password, as paths."""
        return {
            "ANSIBLE_PRIVATE_KEY_FILE": str(self.key),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.folder / ".vault-password"),
        }

    def run(self, *words: str, expect: int = 0, timeout: float = 600, **more: str) -> subprocess.CompletedProcess[str]:
        """A command in the repository; the exit code must be the expected one."""
        done = subprocess.run(
            words, cwd=self.folder, env={**self.environment, **self.own_secrets, **more},
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == expect, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def pbx(self, verb: str, *words: str, expect: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """`pbx VERB -i inventory/hosts.yml WORDS`."""
        return self.run("pbx", verb, "-i", "inventory/hosts.yml", *words, expect=expect, **more)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace one piece of a file, which must be there."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.folder / path).write_text(text.replace(old, new, 1))

    def commit(self, message: str) -> str:
        """Everything; the commit's hash."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "-qm", message)
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def read_secrets(self) -> dict[str, object]:
        """The decrypted secrets.yml."""
        found: dict[str, object] = yaml.safe_load(self.run("ansible-vault", "view", SECRETS).stdout)
        return found

    def write_secrets(self, values: dict[str, object]) -> None:
        """Encrypt them into secrets.yml, as `ansible-vault edit` would."""
        clear = self.folder / "secrets.clear.yml"
        clear.write_text(yaml.safe_dump(values))
        self.run("ansible-vault", "encrypt", "--output", SECRETS, str(clear))
        clear.unlink()


@contextmanager
def new_repository(folder: Path) -> Iterator[Own]:
    """The wheel, an environment that has it, a host, and the repository with the host in its inventory, committed."""
    subprocess.run(["make", "--silent", "dist", f"DIST={folder}/dist"], cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    (folder / "home").mkdir()
    lab = Lab(f"o{secrets.token_hex(3)}")
    lab.run("up", "--shape", "single", timeout=900)
    state = Path(lab.status()["state_folder"])
    own = Own(lab, folder / "repository", folder / "venv", folder / "home", state / "id_ed25519", wheel)
    try:
        _install(own)
        _init(own, state)
        yield own
    finally:
        lab.run("down")
        shutil.rmtree(state)


def _install(own: Own) -> None:
    words = [f"{own.venv}/bin/python", "-m", "pip", "install", "--quiet", str(own.wheel)]
    done = subprocess.run(words, env=own.environment, cwd=own.home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _init(own: Own, state: Path) -> None:
    """What the new repository's README.md says under "Before the first apply"; the way to the lab comes on top."""
    program = [f"{own.venv}/bin/pbx", "init", str(own.folder), "--tenant", "beta"]
    subprocess.run(program, env=own.environment, cwd=own.home, check=True, capture_output=True)
    address = own.lab.address(HOST)
    hosts = own.folder / "inventory/hosts.yml"
    hosts.write_text(hosts.read_text().replace(ADDRESS, address).replace("ansible_user: admin", "ansible_user: ops"))
    key = own.lab.exec(HOST, "cut", "-d ", "-f1,2", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()
    with open(own.folder / "inventory/known_hosts", "a") as known:
        known.write(f"{address} {key}\n")
    way = re.search(r"-o ProxyCommand='[^']*'", (state / "group_vars/all/connection.yml").read_text())
    assert way is not None
    main = "inventory/group_vars/all/main.yml"
    own.edit(main, "/known_hosts'\"", f"/known_hosts' {way[0]} -o ControlPath={state}/cm/%h-%p-%r\"")
    own.run("git", "init", "-q", "-b", "main")
    own.commit("The PBX as pbx init makes it, with our host")
