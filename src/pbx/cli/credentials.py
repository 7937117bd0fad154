"""`pbx credentials [TENANT/]USER`: what to type into a phone; with `--api-token` what a program sends to the API."""

from __future__ import annotations

import argparse
import sys

from pbx.cli import _options


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show what to type into a user's phones. The password is shown here and nowhere else."
    parser.add_argument("user", metavar="[TENANT/]USER", help="or, with --api-token, [TENANT/]TOKEN")
    parser.add_argument("--api-token", action="store_true", help="print a token of the API in place of passwords")
    _options.add_inventory(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _inventory
    from pbx.desired.credentials import Unknown, credentials, token_of
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
        if arguments.api_token:
            print(token_of(load(root).model, secrets, arguments.user))
            return 0
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
