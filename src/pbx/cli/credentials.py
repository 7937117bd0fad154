"""`pbx credentials [TENANT/]USER`: what to type into a phone."""

from __future__ import annotations

import argparse
import sys

from pbx.cli import _options


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what to type into a user's phones. The password is shown here and nowhere else."
    parser.add_argument("user", metavar="[TENANT/]USER")
    _options.add_inventory(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _inventory
    from pbx.desired.credentials import Unknown, credentials
    from pbx.desired.hosts import InventoryError
    from pbx.desired.secrets import SecretError, Secrets
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    try:
        inventory = _inventory.read(arguments.inventory, arguments.vault_password_file)
        root = str(arguments.model or inventory.variables.get("pbx_model_root") or "")
        if not root:
            raise InventoryError("give --model, or set pbx_model_root in the inventory")
        key = str(inventory.variables.get("pbx_site_key") or "")
        secrets = Secrets(key, inventory.variables.get("pbx_secrets") or {})
        rows = credentials(load(root).model, inventory.hosts, secrets, arguments.user)
    except (InventoryError, SecretError, ModelErrors, Unknown) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        import json

        print(json.dumps([row.plain() for row in rows], ensure_ascii=False))
        return 0
    print("\n\n".join(row.text() for row in rows))
    return 0
