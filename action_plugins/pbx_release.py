"""Controller half of pbx_release: what the release is, and its archive when a host does not have it yet."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.pbx.core.plugins.module_utils.controller import find_package

find_package()

from pbx.desired import release  # noqa: E402

MODULE = "pbx.core.pbx_release"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible has no types
    """Options: those of the module; a version is given only to go back to one that the host still has."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            arguments = {"programs": dict(release.PROGRAMS), **self._task.args}
            arguments.setdefault("version", release.version())
            done = self._execute_module(MODULE, arguments, task_vars=task_vars)
            if done.get("needs_archive") and not self._task.check_mode:
                remote = self._send(str(release.archive(done["python"])))
                done = self._execute_module(MODULE, {**arguments, "archive": remote}, task_vars=task_vars)
        except release.ReleaseError as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, **done}

    def _send(self, path: str) -> str:
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "release.tar")
        self._transfer_file(path, remote)
        return str(remote)
