"""Controller half of pbx_stage: sends the host, as one archive, the documents it does not have yet."""

from __future__ import annotations

import os
import tarfile
import tempfile
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.pbx.core.plugins.module_utils.calls_control import FOLDER

MODULE = "pbx.core.pbx_stage"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible has no types
    """Options: folder, state, remove_tenants, force, allow_number_removal, and compiled (the result of pbx_compile)."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        folder = self._task.args["folder"]
        if self._task.args.get("state", "present") != "present":
            return {**result, **self._execute_module(MODULE, dict(self._task.args), task_vars=variables)}
        compiled, host = self._task.args["compiled"], variables["inventory_hostname"]
        roles, files = compiled["servers"].get(host, {}), compiled["files"].get(host, [])
        wanted: dict[str, Any] = {"folder": folder, "files": {one["name"]: one["sha256"] for one in files}}
        wanted["about"] = self._task.args["compiled"]["about"]
        wanted["remove_tenants"] = self._task.args.get("remove_tenants") or []
        wanted |= {name: self._task.args[name] for name in ("force", "allow_number_removal") if name in self._task.args}
        process = roles.get("calls", {}).get("process")
        if process:
            wanted |= {"served": process["document"], "socket": FOLDER}
            wanted["cut_calls"] = self._task.args.get("cut_calls", False)
        done = self._execute_module(MODULE, wanted, task_vars=variables)
        if done.get("failed") or not done.get("missing"):
            return {**result, **done}
        chosen = [one for one in files if one["name"] in done["missing"]]
        archive = self._send(chosen)
        done = self._execute_module(MODULE, {**wanted, "archive": archive}, task_vars=variables)
        if done.get("missing"):
            raise AnsibleActionFail(f"not staged: {', '.join(done['missing'])}")
        return {**result, **done}

    def _send(self, files: list[dict[str, str]]) -> str:
        """Pack the files and bring the archive into the task's temporary folder of the host; returns its path."""
        handle, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP, suffix=".tar.gz")
        os.close(handle)
        try:
            with tarfile.open(path, "w:gz", compresslevel=3) as tar:
                for one in files:
                    tar.add(one["path"], arcname=one["name"], recursive=False)
            if not self._connection._shell.tmpdir:
                self._make_tmp_path()
            remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "documents.tar.gz")
            self._transfer_file(path, remote)
            return str(remote)
        finally:
            os.unlink(path)
