"""What the controller needs to speak to the hosts: a key, connection variables, the lab's secrets.

They are files that nobody commits, in the state folder and (for the checkout's own lab) beside the inventory:
inventory/lab/group_vars/all/connection.yml has literal absolute paths, so that Ansible from any directory and
testinfra, which knows no templates, read the same.
"""

import os
import secrets
import subprocess
from pathlib import Path

import instance
from instance import CHECKOUT, FOLDER, SSH_KEY, say
from places import HOSTS

INVENTORY = CHECKOUT / "inventory/lab/group_vars/all" if instance.IS_CHECKOUTS else FOLDER / "group_vars/all"
CONNECTION = INVENTORY / "connection.yml"
SECRETS = INVENTORY / "secrets.yml"
SOCKETS = FOLDER / "cm"
"""Of ssh's shared connections. A socket's path may have 107 bytes, 17 of which ssh wants while it makes one."""


def ensure() -> None:
    """Make what is missing; keep what is there (secrets stay until `reset`)."""
    if not SSH_KEY.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"pbx-lab-{instance.ID}", "-f", str(SSH_KEY)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    SOCKETS.mkdir(mode=0o700, exist_ok=True)
    INVENTORY.mkdir(parents=True, exist_ok=True)
    _write(CONNECTION, _connection(), 0o644)
    _ensure_secrets()
    if instance.IS_CHECKOUTS:
        link = CHECKOUT / "lab/state"
        if not link.is_symlink() or os.readlink(link) != str(FOLDER):
            link.unlink(missing_ok=True)
            link.symlink_to(FOLDER)


def forget_secrets() -> None:
    SECRETS.unlink(missing_ok=True)


def public_key() -> str:
    return SSH_KEY.with_suffix(".pub").read_text()


def close_connections(hosts: list[str]) -> None:
    """End the ssh masters that Ansible left: to a host that boots afresh they would only hang."""
    for path in [path for host in hosts for path in SOCKETS.glob(f"{HOSTS[host]}-*")]:
        subprocess.run(
            ["ssh", "-o", f"ControlPath={path}", "-O", "exit", "lab"], capture_output=True, check=False, timeout=10
        )
        path.unlink(missing_ok=True)


def _connection() -> str:
    options = {
        "ProxyCommand": f"'{CHECKOUT}/lab/lab connect %h %p'",
        "ControlMaster": "auto",
        "ControlPersist": "60",
        "ControlPath": f"{SOCKETS}/%h-%p-%r",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
    }
    if not instance.IS_CHECKOUTS:
        options["ProxyCommand"] = f"'env PBX_LAB_ID={instance.ID} {CHECKOUT}/lab/lab connect %h %p'"
    arguments = " ".join(f"-o {name}={value}" for name, value in options.items())
    return (
        "# Written by `lab/lab up`: how this checkout's controller reaches its lab hosts.\n"
        f'ansible_ssh_private_key_file: "{SSH_KEY}"\n'
        f'ansible_ssh_common_args: "{arguments}"\n'
    )


def _ensure_secrets() -> None:
    """Make those that are missing: an older lab does not know what the example has named since."""
    known = SECRETS.read_text() if SECRETS.exists() else ""
    text = known or (
        "# Made by `lab/lab up` for this lab only; `lab/lab reset` makes new ones. Never commit it.\n"
        f'pbx_site_key: "{secrets.token_hex(32)}"\n'
        "pbx_secrets:\n"
    )
    for name, value in GIVEN.items():
        if f"\n  {name}:" not in text:
            text += f'  {name}: "{value()}"\n'
    if text != known:
        say(f"new secrets in {SECRETS}")
        _write(SECRETS, text, 0o600)


def _pin() -> str:
    """Ten digits in any order: none that is refused as too easy but for one row up and one down; and long enough that
    a search for it in all files of a host finds no other number."""
    return "".join(secrets.SystemRandom().sample("0123456789", 10))


GIVEN = {"trunk_mtt": lambda: secrets.token_urlsafe(18), "voicemail_ivanov": _pin}
"""What `examples/` names, and how each value is made."""


def _write(path: Path, text: str, bits: int) -> None:
    """Whole or not at all, and never readable for a moment by those who must not."""
    if path.exists() and path.read_text() == text:
        return
    making = path.with_name(f".{path.name}.new")
    making.unlink(missing_ok=True)
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, bits)
    with open(handle, "w") as file:
        file.write(text)
    os.rename(making, path)
