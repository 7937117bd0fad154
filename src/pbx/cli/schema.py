"""`pbx schema [KIND]`: the JSON Schemas of the YAML, for editors and other programs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def schema(
        kind: Annotated[
            str, typer.Argument(metavar="[KIND]", help="tenant, site, user, flow …; without it: all names.")
        ] = "",
    ) -> None:
        """Print a schema, or the names and files of all."""
        from pbx.model.problems import did_you_mean
        from pbx.model.schemas import FOLDER

        files = {path.name.removesuffix(".schema.json"): path for path in sorted(FOLDER.glob("*.schema.json"))}
        if not kind:
            for name, path in files.items():
                print(f"{name}\t{path.resolve()}")
            return
        if kind not in files:
            print(f"there is no schema {kind}{did_you_mean(kind, files)}", file=sys.stderr)
            raise typer.Exit(1)
        print(files[kind].read_text("utf-8"), end="")
