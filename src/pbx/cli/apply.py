"""`pbx apply`: make the servers as the model says."""

from __future__ import annotations

from typing import Annotated

import typer

from pbx.cli._options import Inventory, Limit, ModelRoot, VaultFile, vault


def register(app: typer.Typer) -> None:
    """Adds the verb."""

    @app.command()
    def apply(
        inventory: Inventory,
        model: ModelRoot = None,
        limit: Limit = None,
        check: Annotated[bool, typer.Option("--check", help="Only tell, as pbx plan does.")] = False,
        remove_tenant: Annotated[
            list[str] | None, typer.Option("--remove-tenant", help="This tenant's folder is gone on purpose.")
        ] = None,
        vault_password_file: VaultFile = None,
    ) -> None:
        """Make the servers as the model says. Exit code 0: done, changed or not; 1: an error."""
        from pbx.cli import _compare, _playbook

        variables = {"pbx_remove_tenants": remove_tenant} if remove_tenant else {}
        extra = vault(vault_password_file)
        what = _playbook.Run("site.yml", inventory, model, check, limit, variables, extra)
        if check:
            _compare.compare(what)
        else:
            _compare.carry_out(what)
