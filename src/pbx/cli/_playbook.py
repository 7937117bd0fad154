"""Run a playbook of the collection and gather what its modules did, or would do."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.cli import _collection, _options
from pbx.desired import holder

PATIENCE = 10  # seconds that Ansible has to end its workers when it is told to stop


@dataclass(frozen=True, slots=True)
class Run:
    """What to run it against. `model` is None for the inventory's own `pbx_model_root`."""

    playbook: str
    inventory: Path
    model: Path | None = None
    check: bool = False
    limit: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    tags: str | None = None
    vault: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results by host, in the order they came."""

    code: int
    results: list[dict[str, Any]]

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [one for one in self.results if one["status"] in {"failed", "unreachable"}]

    @property
    def failed(self) -> bool:
        return self.code != 0 or bool(self.failures)


def from_arguments(
    playbook: str, arguments: argparse.Namespace, check: bool, variables: dict[str, Any] | None = None
) -> Run:
    """A Run from the options that _options adds."""
    return Run(
        playbook=playbook,
        inventory=arguments.inventory,
        model=arguments.model,
        check=check,
        limit=arguments.limit,
        variables=variables or {},
        tags=arguments.tags,
        vault=_options.vault(arguments.vault_password_file),
    )


def run(what: Run) -> Outcome:
    """Run it; its progress goes to stderr. The collection's own settings hold, whatever ansible.cfg lies around.

    Ansible's temporary files, the compiled documents among them, live in a private folder that goes with the run.
    """
    with tempfile.TemporaryDirectory(prefix="pbx-") as folder:
        results = Path(folder) / "results.jsonl"
        environment = {
            **_collection.environment(),
            "ANSIBLE_STDOUT_CALLBACK": "pbx.core.pbx_results",
            "ANSIBLE_LOCAL_TEMP": folder,
            "PBX_RESULTS": str(results),
            holder.COMMAND: str(os.getpid()),
        }
        code = _supervised(command(what), environment)
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return Outcome(code, [json.loads(line) for line in lines])


def _supervised(words: list[str], environment: dict[str, str]) -> int:
    """Run it to its end. Told to stop, we stop it too, so that nothing goes on unseen in a folder that is gone."""
    with subprocess.Popen(words, env=environment, stdout=sys.stderr) as process:
        try:
            return process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def command(what: Run) -> list[str]:
    """The words of the call: no secret is among them. `-P`: no module is taken from the folder it is started in."""
    words = [sys.executable, "-P", "-m", "ansible.cli.playbook", "-i", str(what.inventory)]
    variables = dict(what.variables)
    if what.model is not None:
        variables["pbx_model_root"] = str(what.model.resolve())
    if variables:
        words += ["--extra-vars", json.dumps(variables)]
    if what.check:
        words.append("--check")
    if what.limit:
        words += ["--limit", what.limit]
    if what.tags:
        words += ["--tags", what.tags]
    return [*words, *what.vault, str(_collection.playbook(what.playbook))]
