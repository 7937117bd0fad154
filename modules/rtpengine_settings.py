#!/usr/bin/python
"""Ansible module rtpengine_settings: see DOCUMENTATION."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, aim, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    differences,
    file_steps,
    read_text,
    text_diff,
    write,
)
from ansible_collections.pbx.core.plugins.module_utils.processes import act, did_not, environment, read_unit, systemctl
from ansible_collections.pbx.core.plugins.module_utils.rtpengine_cli import (
    DEFAULTS,
    LIVE,
    differing,
    parameters,
    parse_file,
    restart_digest,
    running,
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
  - A live key that somebody has set by hand and that is not wanted goes back to the daemon's default.
  - Settings are single keys, so V(replaced) would be V(merged) and is left out.
options:
  state:
    description:
      - V(overridden) has the settings of the document and no others. V(merged) sets those named and leaves the rest.
        V(deleted) takes the named ones out, so that the daemon's default holds.
      - V(gathered) reads. V(rendered) shows the file and touches no host.
    type: str
    choices: [overridden, merged, deleted, gathered, rendered]
    default: overridden
  document:
    description:
      - The relay's document on this host, or the document; its C(settings) go by the names of rtpengine.conf. Not
        needed to gather.
    type: raw
  path:
    description: The configuration file.
    type: path
    default: /etc/rtpengine/rtpengine.conf
  unit:
    description: The service. Empty leaves it alone, and so what needs a restart.
    type: str
    default: rtpengine-daemon.service
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Settings
  pbx.core.rtpengine_settings:
    document: /run/pbx-apply/relay.json

- name: No new calls to a relay that is drained
  pbx.core.rtpengine_settings:
    state: merged
    document: {format: 1, role: relay, server: relay1, settings: {max-sessions: 0}}
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(file), C(rtpengine_setting), C(service)), C(id);
    C(fields) of a restart are the keys that need it.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id; of a setting its value in the daemon.
  returned: when O(state) changes something
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state) changes something
  type: dict
digest:
  description: Of the wanted state; two runs with the same digest want the same.
  returned: when O(state) changes something
  type: str
pending_restart:
  description: Keys that wait for a moment without calls.
  returned: when O(state) changes something
  type: list
  elements: str
gathered:
  description: >-
    The settings of the file, in the shape of the document; those that can be set live as the daemon has them.
  returned: when O(state=gathered)
  type: dict
rendered:
  description: The text of the file.
  returned: when O(state=rendered)
  type: str
"""

STARTED_WITH = "PBX_STARTED_WITH"
Settings = dict[str, Any]


class DocumentError(Exception):
    """The document cannot be used; the message says why."""


def settings_of(params: dict[str, Any]) -> Settings:
    """The settings of the document."""
    given = params["document"]
    try:
        if not isinstance(given, dict):
            with open(str(given), encoding="utf-8") as stream:
                given = json.load(stream)
        settings: Settings = dict(given["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(f"document {params['document'] if given is not None else 'is missing'}: {error}") from error
    if str(settings.get("timeout")) == "0":
        raise DocumentError("timeout: 0 would end every call at once; leave it out, or give seconds")
    return settings


def wanted(params: dict[str, Any], have: Settings) -> Settings:
    """The settings that the file should have."""
    chosen = aim(params["state"], settings_of(params), have)
    return {key: value for key, value in {**have, **chosen}.items() if value is not None}


def conf(settings: Settings) -> str:
    """rtpengine.conf."""
    lines = ["# Written by rtpengine_settings.", "[rtpengine]", *(f"{k} = {v}" for k, v in sorted(settings.items()))]
    return "\n".join(lines) + "\n"


def files(params: dict[str, Any], settings: Settings) -> list[Want]:
    """The configuration, and the unit's environment that tells what a process was started with."""
    found = [Want(params["path"], "file", conf(settings).encode())]
    if params["unit"]:
        environ = f"[Service]\nEnvironment={STARTED_WITH}={restart_digest(settings)}\n"
        path = f"/etc/systemd/system/{params['unit']}.d/20-started-with.conf"
        found.append(Want(path, "file", environ.encode()))
    return found


def plan(params: dict[str, Any], settings: Settings) -> tuple[list[Step], list[str]]:
    """Steps, and the keys that must wait."""
    steps = file_steps(files(params, settings))
    live = parameters(settings["listen-cli"]) if "listen-cli" in settings else None
    if live is not None:
        everything = {**DEFAULTS, **settings}
        mine = everything if params["state"] == "overridden" else settings_of(params)
        for key in differing(live, everything):
            if key in LIVE and key in mine:
                step = Step("update", "rtpengine_setting", key, running(live, key), str(everything[key]))
                steps.append(step)
    if not params["unit"]:
        return steps, []
    service, waiting = plan_service(params["unit"], settings, live)
    return [*steps, *service], waiting


def plan_service(name: str, settings: Settings, live: dict[str, str] | None) -> tuple[list[Step], list[str]]:
    """What the service needs; a restart waits while there are calls."""
    unit = read_unit(name)
    before, after = {"active": unit.active, "enabled": unit.enabled}, {"active": True, "enabled": True}
    steps = [] if unit.enabled else [Step("enable", "service", name, before, after)]
    if not unit.active or live is None:
        return [*steps, Step("restart" if unit.active else "start", "service", name, before, after)], []
    waiting = [key for key in differing(live, settings) if key not in LIVE]
    if not waiting and environment(unit.pid).get(STARTED_WITH) != restart_digest(settings):
        waiting = ["started-with"]
    if waiting and sessions(settings["listen-cli"]) == 0:
        return [*steps, Step("restart", "service", name, before, after, tuple(waiting))], []
    return steps, waiting


def apply(params: dict[str, Any], settings: Settings, steps: list[Step]) -> str:
    """Write, set, restart; returns what went wrong, or nothing."""
    for want in files(params, settings):
        if differences(want):
            write(want)
    if params["unit"]:
        systemctl("daemon-reload")
    for one in steps:
        if one.kind == "rtpengine_setting":
            problem = set_live(settings["listen-cli"], one.id, one.after)
            if problem:
                return problem
        elif one.kind == "service":
            code, text = act(one.op, one.id)
            if code:
                return did_not(one.op, one.id, text)
    return ""


def gathered(have: Settings) -> dict[str, Any]:
    """The settings, those that can be set live as the daemon has them."""
    live = (parameters(have["listen-cli"]) if "listen-cli" in have else None) or {}
    now = {key: running(live, key) for key in LIVE if key in have or differing(live, {key: DEFAULTS[key]})}
    return {"settings": {**have, **{key: value for key, value in now.items() if value is not None}}}


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params: dict[str, Any] = module.params
    state = params["state"]
    if state == "rendered":
        module.exit_json(changed=False, actions=[], rendered=conf(settings_of(params)))
    have = parse_file(read_text(params["path"]))
    if state == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(have))
    settings = wanted(params, have)
    config = files(params, settings)[0]
    diff = [text_diff(config)] if differences(config) else []
    steps, waiting = plan(params, settings)
    done = report(steps, settings, diff, pending_restart=waiting)
    if steps and not module.check_mode:
        problem = apply(params, settings, steps)
        left = [] if problem else plan(params, settings)[0]
        if problem or left:
            module.fail_json(msg=problem or f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("overridden", "merged", "deleted", "gathered", "rendered"),
            "document": {"type": "raw"},
            "path": {"type": "path", "default": "/etc/rtpengine/rtpengine.conf"},
            "unit": {"type": "str", "default": "rtpengine-daemon.service"},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except DocumentError as error:
        module.fail_json(msg=str(error), actions=[])


if __name__ == "__main__":
    main()
