"""Run a module as Ansible does: arguments in, JSON out, nothing patched but where it reads its arguments."""

import importlib
import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.apply.module_contract import check_result


def run(name: str, capsys: pytest.CaptureFixture[str], check: bool = False, **arguments: Any) -> dict[str, Any]:
    """The module's result."""
    module = importlib.import_module(f"ansible_collections.pbx.core.plugins.modules.{name}")
    capsys.readouterr()
    with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    check_result(name, result)
    return result


def lines(result: dict[str, Any]) -> list[str]:
    """`op kind id` of each action."""
    return [f"{one['op']} {one['kind']} {one['id']}" for one in result["actions"]]
