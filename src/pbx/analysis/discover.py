"""The rules there are: every module of `pbx.analysis.rules`, and the policies of the user's own repository."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from pbx.analysis import rules
from pbx.analysis.context import Context
from pbx.analysis.finding import Finding
from pbx.analysis.rule import Check, Rule, RuleError, check_of, run

POLICY = "policy"  # the rule of what is wrong with a policy itself


@cache
def built_in() -> dict[str, tuple[Rule, Check]]:
    """Rule id → the rule and its check, in the order of their names."""
    found = (importlib.import_module(f"{rules.__name__}.{each.name}") for each in pkgutil.iter_modules(rules.__path__))
    return {rule.id: (rule, check) for rule, check in map(check_of, found)}


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file that could be read as a rule."""

    file: Path
    rule: Rule
    check: Check

    def findings(self, context: Context) -> list[Finding]:
        """What it finds; when it fails, where and why, without a traceback."""
        try:
            return list(run(self.rule, self.check, context))
        except (Exception, SystemExit) as error:
            return [_failed(self.file, error)]


def policies(folder: Path) -> tuple[list[Policy], list[Finding]]:
    """The policies of a folder in name order, and what is wrong with those that are no rules."""
    known, problems = dict.fromkeys(built_in(), "a rule of pbx"), []
    found: list[Policy] = []
    for file in sorted(folder.glob("*.py")):
        if file.name.startswith((".", "_")):
            continue
        try:
            rule, check = check_of(_imported(file))
            if rule.id in known:
                raise RuleError(f"is called {rule.id}, which is {known[rule.id]} already; give it another id")
        except (Exception, SystemExit) as error:
            problems.append(_failed(file, error))
            continue
        known[rule.id] = str(file)
        found.append(Policy(file, rule, check))
    return found, problems


def _imported(file: Path) -> ModuleType:
    """The file as a module, with no trace beside it; its folder may hold what several policies share."""
    module = ModuleType(f"pbx_policy_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    beside = str(file.parent.resolve())
    if beside not in sys.path:
        sys.path.append(beside)
    exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    return module


def _failed(file: Path, error: BaseException) -> Finding:
    if isinstance(error, RuleError):
        return Finding(str(file), 1, 1, "", f"this policy {error}", "error", POLICY)
    if isinstance(error, SyntaxError) and error.filename == str(file):
        message = f"this policy is no Python: {error.msg}; mend it"
        return Finding(str(file), error.lineno or 1, error.offset or 1, "", message, "error", POLICY)
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    line = (inside[-1].lineno or 1) if inside else 1
    message = f"this policy failed: {type(error).__name__}: {error}; mend it"
    return Finding(str(file), line, 1, "", message, "error", POLICY)
