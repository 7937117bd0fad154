"""Options that plan, apply, drift and credentials share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Inventory = Annotated[Path, typer.Option("-i", "--inventory", help="Ansible inventory: a file or a folder.")]
ModelRoot = Annotated[
    Path | None, typer.Option("--model", help="Model root; default: the inventory's variable pbx_model_root.")
]
Limit = Annotated[str | None, typer.Option("-l", "--limit", help="Only these hosts (Ansible's pattern).")]
VaultFile = Annotated[Path | None, typer.Option("--vault-password-file", help="File with the vault's password.")]


def vault(path: Path | None) -> tuple[str, ...]:
    """The words for ansible-playbook."""
    return ("--vault-password-file", str(path)) if path else ()
