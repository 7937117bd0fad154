#!/usr/bin/python
"""Ansible module pbx_units: see DOCUMENTATION."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import sha256_of
from ansible_collections.pbx.core.plugins.module_utils.processes import (
    Unit,
    cmdline,
    read_unit,
    systemctl,
)

DOCUMENTATION = r"""
module: pbx_units
short_description: Services of a host, running what they should run
description:
  - Enables and starts units, and restarts one that runs something older than it should.
  - No handler is needed. A running process is compared with what it was started with, so a run that was cut between
    writing a file and the restart is finished by the next one.
options:
  units:
    description:
      - List of entries. C(name) is the unit. C(state) is C(started) (default) or C(stopped).
      - C(files) maps paths that need a restart when they change to the SHA-256 they should have.
      - C(program) is a path prefix that the first argument of the running process must have.
    type: list
    elements: dict
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: The media engine
  pbx.core.pbx_units:
    units:
      - name: pbx-media@1.service
        program: /opt/pbx/releases/0123456789ab/
        files: {/etc/pbx/media.json: "{{ content | hash('sha256') }}"}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: dict
"""


def stale(unit: Unit, want: dict[str, Any]) -> list[str]:
    """Why a running process is not what it should be: paths that changed after it began, or `program`."""
    reasons = []
    for path, digest in sorted((want.get("files") or {}).items()):
        if sha256_of(path) != digest or (unit.began is not None and os.stat(path).st_mtime > unit.began):
            reasons.append(path)
    program = want.get("program")
    arguments = cmdline(unit.pid)
    if program and not (arguments and arguments[0].startswith(str(program))):
        reasons.append("program")
    return reasons


def plan(wants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Actions in the order of the list: enable, then start, stop or restart."""
    actions = []
    for want in wants:
        unit = read_unit(want["name"])
        if want.get("state", "started") == "stopped":
            actions += [action("stop", "service", unit.name)] if unit.active else []
            continue
        if not unit.enabled:
            actions.append(action("enable", "service", unit.name))
        if not unit.active:
            actions.append(action("start", "service", unit.name))
            continue
        reasons = stale(unit, want) if not unit.oneshot else []
        if reasons:
            actions.append(action("restart", "service", unit.name, reasons))
    return actions


def apply(actions: list[dict[str, Any]]) -> str:
    """Run the actions; returns what went wrong, or nothing."""
    systemctl("daemon-reload")
    for one in actions:
        if one["op"] in {"start", "restart"}:
            systemctl("reset-failed", one["id"])
        code, text = systemctl(one["op"], one["id"])
        if code:
            _code, log = systemctl("status", "--no-pager", "--lines=12", one["id"])
            return f"{one['op']} {one['id']}: {text}\n{log}"
    return ""


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={"units": {"type": "list", "elements": "dict", "required": True}},
        supports_check_mode=True,
    )
    wants = module.params["units"]
    actions = plan(wants)
    reload_only = any(read_unit(want["name"]).needs_reload for want in wants)
    if not module.check_mode and (actions or reload_only):
        failure = apply(actions)
        if failure:
            module.fail_json(msg=failure, actions=actions)
        left = plan(wants)
        if left:
            module.fail_json(msg=f"services are not as wanted afterwards: {left}", actions=actions)
    module.exit_json(**result(actions))


if __name__ == "__main__":
    main()
