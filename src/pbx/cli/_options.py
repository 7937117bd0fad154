"""Options that several verbs share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

TAGS = "part of it: install (packages, code, files), configure (services), apply (the model); hosts is the first two"


def add_inventory(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """-i, --model and the vault's password."""
    parser.add_argument("-i", "--inventory", metavar="HOSTS", type=Path, required=required, help="an Ansible inventory")
    model_help = "a model root; default: the inventory's variable pbx_model_root"
    parser.add_argument("--model", metavar="PATH", type=Path, help=model_help)
    parser.add_argument("--vault-password-file", metavar="FILE", type=Path, help="as ansible-playbook has it")


def add_limit(parser: argparse.ArgumentParser) -> None:
    """-l and --tags, for part of the work."""
    parser.add_argument("-l", "--limit", metavar="PATTERN", help="only these hosts (Ansible's pattern)")
    parser.add_argument("--tags", metavar="TAGS", help=TAGS)


def add_removal(parser: argparse.ArgumentParser) -> None:
    """Words that let pass what is refused otherwise."""
    removal = "this tenant's folder is gone on purpose: remove it from the servers (may be given again)"
    parser.add_argument("--remove-tenant", metavar="ID", action="append", default=[], help=removal)
    cut = "hang up the calls that a removed tenant has; without it the apply is refused while there are any"
    parser.add_argument("--cut-calls", action="store_true", help=cut)
    numbers = "numbers that are served and active may be deleted"
    parser.add_argument("--allow-number-removal", action="store_true", help=numbers)
    force = "delete more than 30 %% of a kind's objects, or an emergency number or route"
    parser.add_argument("--force", action="store_true", help=force)


def removal(arguments: argparse.Namespace) -> dict[str, Any]:
    """The variables of the playbook for them."""
    chosen = {
        "pbx_remove_tenants": sorted(set(arguments.remove_tenant)),
        "pbx_allow_number_removal": arguments.allow_number_removal,
        "pbx_force": arguments.force,
        "pbx_cut_calls": arguments.cut_calls,
    }
    return {name: value for name, value in chosen.items() if value}


def vault(path: Path | None) -> tuple[str, ...]:
    """The words for ansible-playbook."""
    return ("--vault-password-file", str(path)) if path else ()


def add_trust(parser: argparse.ArgumentParser) -> None:
    """For verbs that change servers: leases and holds."""
    lease_help = "take the lease of an apply that is dead and whose controller is not this one"
    parser.add_argument("--take-lease", action="store_true", help=lease_help)
    parser.add_argument("--release", action="store_true", help="end the hold that a rollback has set")


def trust(arguments: argparse.Namespace) -> dict[str, Any]:
    """The playbooks' variables for those options."""
    given = {"pbx_take_lease": arguments.take_lease, "pbx_release_hold": arguments.release}
    return {name: True for name, value in given.items() if value}
