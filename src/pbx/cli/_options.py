"""Options that plan, apply, drift and credentials share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_inventory(parser: argparse.ArgumentParser) -> None:
    """-i, --model and the vault's password."""
    parser.add_argument("-i", "--inventory", metavar="HOSTS", type=Path, required=True, help="an Ansible inventory")
    model_help = "a model root; default: the inventory's variable pbx_model_root"
    parser.add_argument("--model", metavar="PATH", type=Path, help=model_help)
    parser.add_argument("--vault-password-file", metavar="FILE", type=Path, help="as ansible-playbook has it")


def add_limit(parser: argparse.ArgumentParser) -> None:
    """-l and --tags, for part of the work."""
    parser.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts (Ansible's pattern)")
    parser.add_argument("--tags", metavar="TAGS", help="`model`: the model alone; `hosts`: packages, code, services")


def vault(path: Path | None) -> tuple[str, ...]:
    """The words for ansible-playbook."""
    return ("--vault-password-file", str(path)) if path else ()
