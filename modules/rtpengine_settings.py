#!/usr/bin/python
"""Ansible module rtpengine_settings: see DOCUMENTATION."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, read_text, write
from ansible_collections.pbx.core.plugins.module_utils.processes import environment, read_unit, systemctl
from ansible_collections.pbx.core.plugins.module_utils.rtpengine_cli import (
    LIVE,
    differing,
    parameters,
    restart_digest,
    sessions,
    set_live,
)

DOCUMENTATION = r"""
module: rtpengine_settings
short_description: The settings of rtpengine, in its file and in the running daemon
description:
  - Reads the running daemon. Keys that can be set live are set live and written to the file.
  - A key that needs a restart restarts the daemon when it holds no call. Otherwise the key is named in
    C(pending_restart), the file is written, and a later run restarts.
options:
  document:
    description: The relay's document on this host; its C(settings) go by the names of rtpengine.conf.
    type: path
    required: true
  path:
    description: The configuration file.
    type: path
    default: /etc/rtpengine/rtpengine.conf
  unit:
    description: The service.
    type: str
    default: rtpengine-daemon.service
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Settings
  pbx.core.rtpengine_settings:
    document: /run/pbx-apply/relay.json
"""

RETURN = r"""
pending_restart:
  description: Keys that wait for a moment without calls.
  returned: always
  type: list
  elements: str
"""

STARTED_WITH = "PBX_STARTED_WITH"


def settings_of(params: dict[str, Any]) -> dict[str, Any]:
    """The wanted settings."""
    with open(params["document"], encoding="utf-8") as stream:
        settings: dict[str, Any] = json.load(stream)["settings"]
    return settings


def files(params: dict[str, Any]) -> list[Want]:
    """The configuration, and the unit's environment that tells what a process was started with."""
    settings, unit = settings_of(params), params["unit"]
    lines = ["# Written by rtpengine_settings.", "[rtpengine]", *(f"{k} = {v}" for k, v in sorted(settings.items()))]
    environ = f"[Service]\nEnvironment={STARTED_WITH}={restart_digest(settings)}\n"
    return [
        Want(params["path"], "file", ("\n".join(lines) + "\n").encode()),
        Want(f"/etc/systemd/system/{unit}.d/20-started-with.conf", "file", environ.encode()),
    ]


def plan(params: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Actions, and the keys that must wait."""
    settings, name = settings_of(params), params["unit"]
    actions = [
        action("create" if fields == ["absent"] else "update", "file", want.path, set(fields) - {"absent"})
        for want in files(params)
        if (fields := differences(want))
    ]
    unit = read_unit(name)
    if not unit.enabled:
        actions.append(action("enable", "service", name))
    live = parameters(settings["listen-cli"])
    if not unit.active or live is None:
        return [*actions, action("restart" if unit.active else "start", "service", name)], []
    keys = differing(live, settings)
    actions += [action("update", "rtpengine_setting", key) for key in keys if key in LIVE]
    waiting = [key for key in keys if key not in LIVE]
    if not waiting and environment(unit.pid).get(STARTED_WITH) != restart_digest(settings):
        waiting = ["started-with"]
    if waiting and sessions(settings["listen-cli"]) == 0:
        return [*actions, action("restart", "service", name, waiting)], []
    return actions, waiting


def apply(params: dict[str, Any], actions: list[dict[str, Any]]) -> str:
    """Write, set, restart; returns what went wrong, or nothing."""
    settings = settings_of(params)
    for want in files(params):
        if differences(want):
            write(want)
    systemctl("daemon-reload")
    for one in actions:
        if one["kind"] == "rtpengine_setting":
            problem = set_live(settings["listen-cli"], one["id"], settings[one["id"]])
            if problem:
                return problem
        elif one["kind"] == "service":
            code, text = systemctl(one["op"], one["id"])
            if code:
                _code, log = systemctl("status", "--no-pager", "--lines=12", one["id"])
                return f"{one['op']} {one['id']}: {text}\n{log}"
    return ""


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "document": {"type": "path", "required": True},
            "path": {"type": "path", "default": "/etc/rtpengine/rtpengine.conf"},
            "unit": {"type": "str", "default": "rtpengine-daemon.service"},
        },
        supports_check_mode=True,
    )
    try:
        actions, waiting = plan(module.params)
    except (OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"{module.params['document']}: {error}", actions=[])
    config = files(module.params)[0]
    diff = [
        {
            "before_header": config.path,
            "after_header": config.path,
            "before": read_text(config.path),
            "after": (config.content or b"").decode(),
        }
    ]
    changed_file = bool(differences(config))
    if actions and not module.check_mode:
        problem = apply(module.params, actions)
        left = [] if problem else plan(module.params)[0]
        if problem or left:
            module.fail_json(msg=problem or f"not as wanted afterwards: {left}", actions=actions)
    module.exit_json(**result(actions, diff if changed_file else [], pending_restart=waiting))


if __name__ == "__main__":
    main()
