"""A small runner of CI files: each step's own shell, in the order and under the conditions that the file says.

It knows what the files of `pbx init` use and refuses the rest. Actions that bring files are done by git and copying.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Values = dict[str, str]
TIMEOUT = 600  # seconds a step may take


@dataclass
class Runner:
    """A machine that runs jobs on a commit of `origin`. `environment` has PATH and no secret."""

    origin: Path
    folder: Path
    environment: Values
    artifacts: dict[str, Path] = field(default_factory=dict)
    said: str = ""  # what all steps wrote
    summary: str = ""

    def checkout(self, commit: str) -> Path:
        """A fresh clone at that commit."""
        there = self.folder / "work"
        shutil.rmtree(there, ignore_errors=True)
        for words in (["clone", "-q", str(self.origin), str(there)], ["-C", str(there), "checkout", "-q", commit]):
            subprocess.run(["git", *words], check=True, env=self.environment)
        return there

    def shell(self, script: str, where: Path, variables: Values) -> int:
        """As both CI systems run it: one bash, which ends at the first failure."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            command, cwd=where, env={**self.environment, **variables}, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False,
        )  # fmt: skip
        self.said += f"$ {script}\n{done.stdout}"
        return done.returncode


@dataclass
class Github:
    """A workflow run. `known` are the contexts by their dotted names, secrets among them."""

    runner: Runner
    workflow: Path
    commit: str
    known: Values
    results: dict[str, bool] = field(default_factory=dict)  # job → whether it succeeded; skipped jobs are not there

    def run(self) -> dict[str, bool]:
        """Every job whose `if` holds, in the order of the file, which is the order of their `needs`."""
        for name, job in yaml.safe_load(self.workflow.read_text())["jobs"].items():
            if all(self.results.get(need) for need in _listed(job.get("needs"))) and self._holds(job.get("if")):
                self.results[name] = self._job(name, job)
        return self.results

    def _job(self, name: str, job: dict[str, Any]) -> bool:
        temporary = self.runner.folder / f"{name}.tmp"
        temporary.mkdir()
        kept = {each: temporary / each for each in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in kept.values():
            path.touch()
        variables = {"CI": "true", "RUNNER_TEMP": str(temporary), **{key: str(path) for key, path in kept.items()}}
        where, well = self.runner.folder, True
        for step in job["steps"]:
            if not (well or step.get("if") == "always()"):
                continue
            if "uses" in step:
                where = self._uses(step, where)
                continue
            given = {key: self._filled(value) for key, value in step.get("env", {}).items()}
            more = dict(line.split("=", 1) for line in kept["GITHUB_ENV"].read_text().splitlines())
            well &= self.runner.shell(self._filled(step["run"]), where, {**variables, **more, **given}) == 0
            for line in kept["GITHUB_OUTPUT"].read_text().splitlines():
                key, value = line.split("=", 1)
                self.known[f"steps.{step['id']}.outputs.{key}"] = value
            kept["GITHUB_OUTPUT"].write_text("")
        self.runner.summary += kept["GITHUB_STEP_SUMMARY"].read_text()
        for key, value in job.get("outputs", {}).items():
            self.known[f"needs.{name}.outputs.{key}"] = self._filled(value)
        left = {path.name for path in temporary.iterdir()} - set(kept)
        assert not left, f"{name} leaves {left}"
        return well

    def _uses(self, step: dict[str, Any], where: Path) -> Path:
        action, given = step["uses"].partition("@")[0], step.get("with", {})
        if action == "actions/checkout":
            return self.runner.checkout(self.commit)
        if action == "actions/upload-artifact":
            self.runner.artifacts[given["name"]] = Path(
                shutil.copy(where / given["path"], self.runner.folder / given["path"])
            )
        elif action == "actions/download-artifact":
            shutil.copy(self.runner.artifacts[given["name"]], where)
        else:
            assert action == "actions/setup-python", action
        return where

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: self.known.get(found[1], ""), text)

    def _holds(self, condition: str | None) -> bool:
        if condition is None:
            return True
        name, value = re.fullmatch(r"([\w.]+) == '(\w+)'", condition).groups()  # type: ignore[union-attr]
        return self.known.get(name, "") == value


@dataclass
class Gitlab:
    """A pipeline. `known` are its variables; those of type file are paths."""

    runner: Runner
    file: Path
    commit: str
    known: Values

    def run(self) -> dict[str, bool]:
        """Every job one of whose rules holds, by stages; a manual job is started at once."""
        document = yaml.safe_load(self.file.read_text())
        jobs = {name: job for name, job in document.items() if isinstance(job, dict) and "stage" in job}
        results: dict[str, bool] = {}
        for name, job in sorted(jobs.items(), key=lambda item: document["stages"].index(item[1]["stage"])):
            if all(results.get(need) for need in _listed(job.get("needs"))) and self._starts(job):
                results[name] = self._job({**document["default"], **document.get(job.get("extends"), {}), **job})
        return results

    def _job(self, job: dict[str, Any]) -> bool:
        where = self.runner.checkout(self.commit)
        variables = {"CI": "true", "CI_PROJECT_DIR": str(where), **self.known}
        for name in _listed(job.get("needs")):
            shutil.copy(self.runner.artifacts[name], where)
        well = self.runner.shell("\n".join([*job.get("before_script", []), *job["script"]]), where, variables) == 0
        self.runner.shell("\n".join(job.get("after_script", [])), where, variables)
        for path in job.get("artifacts", {}).get("paths", []) if well else []:
            self.runner.artifacts["plan"] = Path(shutil.copy(where / path, self.runner.folder / path))
        beside = where.with_name(f"{where.name}.tmp")
        assert not beside.exists() or not os.listdir(beside), "secrets are left"
        return well

    def _starts(self, job: dict[str, Any]) -> bool:
        return any(all(self._holds(term) for term in rule["if"].split(" && ")) for rule in job["rules"])

    def _holds(self, term: str) -> bool:
        left, right = term.split(" == ")
        return self._value(left) == self._value(right)

    def _value(self, word: str) -> str:
        return self.known.get(word[1:], "") if word.startswith("$") else word.strip('"')


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
