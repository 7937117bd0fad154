"""What every module of the collection promises: its documentation is what it takes and returns."""

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from ansible.module_utils.testing import patch_module_args

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "modules"
NAMES = sorted(path.stem for path in MODULES.glob("*.py"))
# Every result may have these, whatever the module.
OF_ANSIBLE = {"changed", "diff", "failed", "msg", "invocation", "warnings", "deprecations"}
CONTRACT = {"actions", "before", "after", "digest"}


class Caught(Exception):
    """Carries the options of AnsibleModule out of a module's main()."""


def load(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.pbx.core.plugins.modules.{name}")


@cache
def told(name: str, part: str) -> Any:
    """DOCUMENTATION, EXAMPLES or RETURN of a module."""
    return yaml.safe_load(getattr(load(name), part))


def options(name: str) -> dict[str, Any]:
    """The documented options."""
    found: dict[str, Any] = told(name, "DOCUMENTATION").get("options") or {}
    return found


@cache
def specification(name: str) -> dict[str, Any] | None:
    """What the module gives to AnsibleModule; None when it runs on the controller only."""
    module = load(name)
    if not hasattr(module, "main"):
        return None

    def catch(**given: Any) -> None:
        raise Caught(given)

    with patch.object(module, "AnsibleModule", catch), patch_module_args({}):
        try:
            module.main()
        except Caught as caught:
            found: dict[str, Any] = caught.args[0]
            return found
    raise AssertionError(f"{name}: main() made no AnsibleModule")


def of_the_action(name: str) -> set[str]:
    """Options that the action plugin of the same name reads, by its source."""
    path = ROOT / "action_plugins" / f"{name}.py"
    if not path.exists():
        return set()
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        holder, key = None, None
        if isinstance(node, ast.Subscript):
            holder, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            holder, key = (node.func.value, node.args[0]) if node.func.attr in {"get", "pop"} else (None, None)
        if (
            holder is not None
            and isinstance(key, ast.Constant)
            and ast.unparse(holder) in {"self._task.args", "arguments"}
        ):
            found.add(str(key.value))
    return found


def check_result(name: str, result: dict[str, Any]) -> None:
    """Each key of a result is documented; a run that may change something tells the whole contract."""
    undocumented = set(result) - set(told(name, "RETURN")) - OF_ANSIBLE
    assert not undocumented, f"{name} returns {undocumented}, which RETURN does not have"
    reads = "gathered" in result or "rendered" in result
    if not result.get("failed") and not reads and set(told(name, "RETURN")) >= CONTRACT:
        assert set(result) >= CONTRACT, f"{name} does not tell {CONTRACT - set(result)}"
        touched = {(one["kind"], one["id"]) for one in result["actions"]}
        for side in ("before", "after"):
            values = {(kind, id_) for kind, ids in result[side].items() for id_ in ids}
            assert values <= touched, f"{name}: {side} has what no action touches"
