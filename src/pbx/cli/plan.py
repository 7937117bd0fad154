"""`pbx plan`: what an apply would do, read from the live servers."""

from __future__ import annotations

import typer

from pbx.cli._options import Inventory, Limit, ModelRoot, VaultFile, vault


def register(app: typer.Typer) -> None:
    """Adds the verb."""

    @app.command()
    def plan(
        inventory: Inventory, model: ModelRoot = None, limit: Limit = None, vault_password_file: VaultFile = None
    ) -> None:
        """Tell what an apply would do on each server. Exit code 0: nothing, 2: something, 1: an error."""
        from pbx.cli._compare import compare
        from pbx.cli._playbook import Run

        extra = vault(vault_password_file)
        compare(Run("site.yml", inventory, model, check=True, limit=limit, extra=extra))
