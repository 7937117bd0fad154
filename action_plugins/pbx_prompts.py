"""Controller half of pbx_prompts: sends a media host, as one archive, the prompts it does not have yet."""

from __future__ import annotations

import os
import tarfile
import tempfile
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

MODULE = "pbx.core.pbx_prompts"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible has no types
    """Options: those of the module, with prompts (name to path on the controller) in place of names and archive."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        prompts: dict[str, str] = arguments.pop("prompts", {})
        said: dict[str, str] = arguments.pop("said", {})
        arguments.setdefault("names", sorted(prompts))
        done = self._execute_module(MODULE, arguments, task_vars=task_vars)
        if done.get("failed") or not done.get("missing") or self._task.check_mode:
            return {**result, **_told(done, said)}
        unknown = sorted(set(done["missing"]) - set(prompts))
        if unknown:
            raise AnsibleActionFail(f"no file is given in prompts for {', '.join(unknown)}")
        archive = self._send({name: prompts[name] for name in done["missing"]})
        sent = self._execute_module(MODULE, {**arguments, "archive": archive}, task_vars=task_vars)
        return {**result, **_told(sent, said)}

    def _send(self, files: dict[str, str]) -> str:
        handle, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP, suffix=".tar")
        os.close(handle)
        try:
            with tarfile.open(path, "w") as tar:
                for name, source in sorted(files.items()):
                    tar.add(source, arcname=name, recursive=False)
            if not self._connection._shell.tmpdir:
                self._make_tmp_path()
            remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "prompts.tar")
            self._transfer_file(path, remote)
            return str(remote)
        finally:
            os.unlink(path)


def _told(done: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    """What a new sound says stands beside its name."""
    for action in done.get("actions", ()):
        if action["op"] == "create" and action["id"] in said:
            action["fields"] = [said[action["id"]]]
    return done
