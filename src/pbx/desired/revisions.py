"""Which commit of the model root has a tenant's revision: for what no server keeps any more."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx.desired import commits
from pbx.model.load import load
from pbx.model.problems import ModelErrors

MOST = 200  # commits that are looked through


@dataclass(frozen=True, slots=True)
class Found:
    commit: str
    plain: dict[str, Any]  # the tenant's


def find(root: Path, tenant: str, revision: str, when: int) -> Found | None:
    """Looks through at most MOST commits that touch the model root: those before `when` (seconds of UTC) first, the
    newest of them first, as one of them was live. Raises CommitError when there is no Git."""
    commits.resolve(str(root), "HEAD")
    looked_at: set[str] = set()
    for commit, tree in _history(root, when):
        if tree in looked_at:
            continue
        looked_at.add(tree)
        plain = _plain(root, commit, tenant, revision)
        if plain is not None:
            return Found(commit, plain)
    return None


def _history(root: Path, when: int) -> Iterator[tuple[str, str]]:
    """Commits with the tree of the model root in each."""
    text = _git(root, "log", f"-{MOST}", "--format=%H %ct", "--", ".")
    rows = [(commit, int(time)) for commit, _, time in (line.partition(" ") for line in text.splitlines())]
    prefix = _git(root, "rev-parse", "--show-prefix").rstrip("/")
    for commit, _ in sorted(rows, key=lambda row: (row[1] > when, abs(when - row[1]))):
        yield commit, _git(root, "rev-parse", f"{commit}:{prefix}")


def _plain(root: Path, commit: str, tenant: str, revision: str) -> dict[str, Any] | None:
    """The tenant in that commit, when it has the revision; a commit that is no valid model was never live."""
    with tempfile.TemporaryDirectory(prefix="pbx-explain-") as folder:
        model = Path(folder) / "model"
        model.mkdir()
        try:
            commits.extract(str(root), commit, model)
            loaded = load(model)
        except (commits.CommitError, ModelErrors):
            return None
    return loaded.tenant_plain[tenant] if loaded.revisions.get(tenant) == revision else None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()
