"""`pbx init DIR`: a repository of one's own, with a small PBX that is valid and can be applied."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parent / "new_repository"
CI = {"github": ("dot-github/",), "gitlab": ("dot-gitlab-ci.yml",)}
SECRETS = "inventory/group_vars/all/secrets.yml"
PASSWORD = ".vault-password"


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a repository of your own in a new folder: a small PBX, an inventory, encrypted secrets, CI files."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="does not exist yet, or is empty (.git may be there)")
    parser.add_argument("--tenant", metavar="ID", default="acme", help="the first tenant: a-z, 0-9, - and _ (acme)")
    parser.add_argument("--ci", choices=("github", "gitlab", "both", "none"), default="both", help="whose files (both)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    problem = _problem(folder, arguments.tenant)
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    try:
        _write(folder, arguments.tenant, arguments.ci)
    except OSError as error:
        print(f"error: {error.filename or folder}: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"{folder} is a PBX with the tenant {arguments.tenant}. Next: {folder}/README.md\n"
        f"{folder}/{PASSWORD} opens {SECRETS}: keep it in your password store, Git ignores it."
    )
    return 0


def _problem(folder: Path, tenant: str) -> str:
    """Why nothing is written; empty when nothing stands against it."""
    from pbx.model.load import SITE
    from pbx.model.schemas import bundle

    if not re.search(bundle()["common.schema.json"]["$defs"]["id"]["pattern"], tenant):
        return f"--tenant {tenant}: an id has small Latin letters, digits, - and _, and begins with a letter or digit"
    if tenant == SITE:
        return f"--tenant {tenant}: that is the name of the folder all tenants share; choose another"
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", tenant):
        return f"--tenant {tenant}: it is the first word of a domain here, so without _ and without - at its end"
    if folder.exists() and not folder.is_dir():
        return f"{folder}: is a file; give a new folder"
    if folder.is_dir() and (there := sorted(each.name for each in folder.iterdir() if each.name != ".git")):
        shown = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
        return f"{folder}: is not empty ({shown}); give a new folder, nothing was written"
    return ""


def _write(folder: Path, tenant: str, ci: str) -> None:
    """Whole or not at all: made beside it, then put in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f".{folder.resolve().name}.{secrets.token_hex(4)}")
    try:
        _copy(making, tenant, ci)
        _add_secrets(making)
        folder.mkdir(exist_ok=True)
        for each in sorted(making.iterdir()):
            each.rename(folder / each.name)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _copy(to: Path, tenant: str, ci: str) -> None:
    import pbx
    from pbx.model.format import formatted

    left_out = tuple(start for name, starts in CI.items() if ci not in {name, "both"} for start in starts)
    for source in sorted(TEMPLATE.rglob("*")):
        name = source.relative_to(TEMPLATE).as_posix()
        if not source.is_file() or name.startswith(left_out) or "__pycache__" in source.parts:
            continue
        target = to / name.replace("TENANT", tenant).replace("dot-", ".")
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        if source.suffix != ".wav":
            data = data.replace(b"TENANT", tenant.encode()).replace(b"==VERSION", b"==" + pbx.__version__.encode())
        if name.startswith("pbx/") and source.suffix == ".yml":  # an id may need its quotes or not
            data = formatted(data, "site" if source.parent.name == "site" else "tenant").encode()
        target.write_bytes(data)


def _add_secrets(folder: Path) -> None:
    """A site key and a place for given secrets, encrypted by a password that stays out of Git."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    password = secrets.token_urlsafe(32)
    text = (
        "# Every phone's password is derived from it. Keep it for good.\n"
        f'pbx_site_key: "{secrets.token_hex(32)}"\n'
        "# By the names that the model uses.\n"
        "pbx_secrets:\n"
        f'  trunk_main: "not yet known: {secrets.token_urlsafe(8)}"\n'
    )
    closed = VaultLib().encrypt(text, secret=VaultSecret(password.encode()))
    (folder / SECRETS).write_bytes(closed)
    with open(os.open(folder / PASSWORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(f"{password}\n")
