"""What ansible-doc says of the modules is what they take, and every module has its documentation."""

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

MODULES = Path(__file__).resolve().parents[3] / "modules"
ON_THE_CONTROLLER = {"pbx_compile"}
# Options that only the action plugin of the same name takes.
OF_THE_ACTION = {"pbx_stage": {"compiled"}, "pbx_prompts": {"prompts"}}
NAMES = sorted(path.stem for path in MODULES.glob("*.py") if not path.stem.startswith("kamailio_"))


class Caught(Exception):
    """Carries the argument_spec out of a module's main()."""


@pytest.mark.parametrize("name", NAMES)
def test_documentation_is_the_argument_spec(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"ansible_collections.pbx.core.plugins.modules.{name}")
    documented = yaml.safe_load(module.DOCUMENTATION)
    assert documented["module"] == name
    for part in ("EXAMPLES", "RETURN"):
        assert yaml.safe_load(getattr(module, part))
    if name in ON_THE_CONTROLLER:
        return

    def catch(argument_spec: dict[str, Any], **_options: Any) -> None:
        raise Caught(argument_spec)

    monkeypatch.setattr(module, "AnsibleModule", catch)
    with patch_module_args({}), pytest.raises(Caught) as caught:
        module.main()
    spec = caught.value.args[0]
    assert set(documented["options"]) == set(spec)
    for option, given in spec.items():
        told = documented["options"][option]
        assert told["type"] == given["type"], option
        assert told.get("default") == given.get("default"), option
        assert told.get("choices") == given.get("choices"), option
        assert told.get("required", False) == given.get("required", False), option


@pytest.mark.parametrize("name", NAMES)
def test_modules_need_only_the_standard_library(name: str) -> None:
    """They run under the target's own Python."""
    tree = ast.parse((MODULES / f"{name}.py").read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {module.partition(".")[0] for module in plain | taken}
    assert roots <= {*sys.stdlib_module_names, "ansible", "ansible_collections"}
