"""Controller half of pbx_lease: says who takes it, whether a holder of this controller is dead, what follows what."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.pbx.core.plugins.module_utils.controller import find_package

find_package()

from pbx.desired import commits, holder  # noqa: E402

MODULE = "pbx.core.pbx_lease"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible has no types
    """Options: those of the module, and model_root, about (of pbx_compile), any_commit."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        root, about = arguments.pop("model_root", None), arguments.pop("about", None) or {}
        any_commit = arguments.pop("any_commit", False)
        arguments["run"] = arguments.get("run") or holder.run_of(os.getppid())
        if arguments.get("state", "present") != "present":
            return {**result, **self._execute_module(MODULE, arguments, task_vars=task_vars)}
        arguments["holder"] = holder.me(os.getppid())
        done = self._execute_module(MODULE, arguments, task_vars=task_vars)
        refused = done.get("refused")
        if refused and holder.dead(refused):
            done = self._execute_module(MODULE, {**arguments, "over": refused["run"]}, task_vars=task_vars)
            refused = done.get("refused")
        if refused:
            raise AnsibleActionFail(taken(refused))
        result["run"] = arguments["run"]
        if done.get("failed") or not root:
            return {**result, **done}
        problem, remark = commits.successor(str(root), done.get("live") or {}, about)
        if problem and not any_commit:
            raise AnsibleActionFail(f"{problem}. If that is meant: --any-commit, or `pbx rollback COMMIT`")
        return {**result, **done, "notes": [remark] if remark else []}


def taken(lease: dict[str, Any]) -> str:
    """Who holds it, since when, until when, and what to do."""

    def moment(seconds: Any) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(seconds)))

    who = f"{lease.get('by')} on {lease.get('host')} (process {next(iter(lease.get('processes') or [[0]]))[0]})"
    return (
        f"another apply is going on here: {who}, since {moment(lease['since'])}. Wait for its end; if it is dead, its "
        f"lease runs out at {moment(lease['expires'])}, or take it now: --take-lease"
    )
