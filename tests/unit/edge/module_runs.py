"""Run a module of this collection in this process, as Ansible would, and return its result."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any

from ansible.module_utils.testing import patch_module_args
from unit.apply.module_contract import check_result


def run(name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """The result of the module; a failed one has `failed`."""
    module = importlib.import_module(f"ansible_collections.pbx.core.plugins.modules.{name}")
    out = io.StringIO()
    with (
        patch_module_args({**options, "_ansible_check_mode": check, "_ansible_diff": True}),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    result: dict[str, Any] = json.loads(out.getvalue())
    check_result(name, result)
    return result


def story(name: str, *, expected_change: bool, **options: Any) -> dict[str, Any]:
    """One step: check mode and the real run say the same, and what was expected; a second run finds nothing."""
    checked = run(name, check=True, **options)
    assert not checked.get("failed"), checked["msg"]
    done = run(name, **options)
    assert not done.get("failed"), done["msg"]
    assert checked["changed"] is expected_change, checked["actions"]
    assert (checked["changed"], checked["actions"], checked["diff"]) == (done["changed"], done["actions"], done["diff"])
    again = run(name, **options)
    assert again["changed"] is False, again["actions"]
    return done


def lines(result: dict[str, Any]) -> list[str]:
    """The actions as short lines: `op kind id field,field`."""
    return [f"{one['op']} {one['kind']} {one['id']} {','.join(one['fields'])}".strip() for one in result["actions"]]
