"""A model made of the base of tests/fixtures/lint and a case beside it, and `pbx lint` over it."""

from __future__ import annotations

import shutil
from pathlib import Path

from pbx.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures" / "lint"
TODAY = "2026-11-24"


def lay(folder: Path, case: Path | str) -> None:
    """Lays the base into `folder`, and a folder of a case over it, or the text of one file."""
    shutil.copytree(FIXTURES / "base", folder)
    if isinstance(case, str):
        (folder / "case.yml").write_text(case, "utf-8")
    else:
        shutil.copytree(case, folder, dirs_exist_ok=True)
    kinds = {line.partition(":")[0] for line in (folder / "case.yml").read_text("utf-8").splitlines()}
    for kind in kinds & {"tenant", "emergency", "prompts"}:
        (folder / f"{kind}.yml").unlink()


def lint(*words: str) -> int:
    """The exit code of `pbx lint` on a day that does not move."""
    return main.run(["lint", "--at", TODAY, *words])
