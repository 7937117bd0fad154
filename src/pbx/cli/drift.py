"""`pbx drift`: what on the servers is not as the model says. Strictly read-only."""

from __future__ import annotations

import typer

from pbx.cli._options import Inventory, Limit, ModelRoot, VaultFile, vault


def register(app: typer.Typer) -> None:
    """Adds the verb."""

    @app.command()
    def drift(
        inventory: Inventory, model: ModelRoot = None, limit: Limit = None, vault_password_file: VaultFile = None
    ) -> None:
        """Name each thing on the servers that is not as the model says. Exit code 0: none, 2: some, 1: an error."""
        from pbx.cli._compare import compare
        from pbx.cli._playbook import Run

        extra = vault(vault_password_file)
        compare(Run("drift.yml", inventory, model, check=True, limit=limit, extra=extra))
