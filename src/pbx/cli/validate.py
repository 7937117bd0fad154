"""`pbx validate PATH`: is the model right? Needs no inventory and no secrets."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def validate(
        path: Annotated[str, typer.Argument(metavar="PATH", help="A model root, or one tenant's folder.")],
    ) -> None:
        """Check a model: every mistake with file:line:column, what is wrong and what would be right."""
        from pbx.model.load import load
        from pbx.model.problems import ModelErrors
        from pbx.speech import audio

        try:
            loaded = load(path, sound=audio.problem)
        except ModelErrors as errors:
            for problem in errors.problems:
                print(problem)
            count = sum(problem.severity == "error" for problem in errors.problems)
            print(f"{path}: {count} error{'' if count == 1 else 's'}", file=sys.stderr)
            raise typer.Exit(1) from None
        for problem in loaded.warnings:
            print(problem)
        print(f"{path}: valid: {_counted(loaded.tenant_plain)}")


def _counted(tenants: dict[str, dict[str, object]]) -> str:
    """`1 tenant, 3 users, 3 numbers`."""

    def number_of(kind: str) -> int:
        return sum(len(objects) for plain in tenants.values() if isinstance(objects := plain.get(kind), dict))

    counts = {"tenant": len(tenants), "user": number_of("users"), "number": number_of("numbers")}
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
