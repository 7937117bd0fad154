#!/usr/bin/python
"""Ansible module pbx_units: see DOCUMENTATION."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import sha256_of
from ansible_collections.pbx.core.plugins.module_utils.processes import (
    Unit,
    act,
    cmdline,
    did_not,
    instances,
    read_unit,
    systemctl,
)
from ansible_collections.pbx.core.plugins.module_utils.restarts import calls_up, stale

DOCUMENTATION = r"""
module: pbx_units
short_description: Services of a host, running what they should run
description:
  - Enables and starts units, and restarts one that runs something older than it should.
  - No handler is needed. A running process is compared with what it was started with, so a run that was cut between
    writing a file and the restart is finished by the next one.
  - A host has many units that are not ours, so there is no V(overridden), and an entry is a whole thing, so V(merged)
    would be V(replaced). A unit's text is not made here (M(pbx.core.pbx_files)), so there is no V(rendered).
options:
  state:
    description:
      - V(replaced) makes the named units as described. V(deleted) stops and disables them. V(gathered) reads the same
        units and gives them back in the shape of O(units), C(files) with what is on the disk now.
    type: str
    choices: [replaced, deleted, gathered]
    default: replaced
  units:
    description:
      - List of entries. C(name) is the unit. C(state) is C(started) (default) or C(stopped).
      - C(files) maps paths that need a restart when they change to the SHA-256 they should have.
      - C(program) is a path prefix that the first argument of the running process must have.
      - C(calls) is the control socket of the call process whose calls a restart of the unit would cut, or the folder
        with those of all (C(pbx-calls@N) looks at its own). While calls are up the restart waits and is told as
        RV(pending_restart); C(pbx upgrade) empties the host and makes it.
    type: list
    elements: dict
    required: true
  template:
    description:
      - A template unit, such as C(pbx-calls@). Instances of it that run or are enabled, and that O(units) does not
        name, are too many. They are stopped and disabled, whatever O(state) says of the others.
    type: str
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: The media engine
  pbx.core.pbx_units:
    units:
      - name: pbx-media@1.service
        program: /opt/pbx/releases/0123456789ab/
        files: {/etc/pbx/media.json: "{{ content | hash('sha256') }}"}

- name: Two call processes, and no third one
  pbx.core.pbx_units:
    template: pbx-calls@
    units: [{name: pbx-calls@1.service}, {name: pbx-calls@2.service}]

- name: The engine is not needed here any more
  pbx.core.pbx_units:
    state: deleted
    units: [{name: pbx-media@1.service}]
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op) (C(enable), C(start), C(stop), C(restart), C(disable)), C(kind)
    (C(service)), C(id); C(fields) of a restart are the files, or C(program), that the process runs an older one of.
  returned: always
  type: list
  elements: dict
before:
  description: The units that the actions touch as they were, C(active) and C(enabled), by kind and name.
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
  description: Units that would be restarted if no calls were up, each with why.
  returned: when O(state) changes something
  type: list
  elements: str
gathered:
  description: The named units as they are, in the shape of O(units).
  returned: when O(state=gathered)
  type: list
  elements: dict
"""


def plan(wants: list[dict[str, Any]], state: str) -> tuple[list[Step], list[str]]:
    """Steps in the order of the list: enable, then start, stop or restart; and the restarts that wait for calls."""
    steps: list[Step] = []
    waiting: list[str] = []
    for want in wants:
        for step in _steps(want, read_unit(want["name"]), state):
            if step.op == "restart" and calls_up(step.id, want.get("calls")):
                waiting.append(f"{step.id} ({', '.join(step.fields)})")
            else:
                steps.append(step)
    return steps, waiting


def plan_all(wants: list[dict[str, Any]], state: str, template: str | None) -> tuple[list[Step], list[str]]:
    """As `plan`; what is too many ends first."""
    steps, waiting = plan(wants, state)
    return [*plan(surplus(template, wants), "deleted")[0], *steps], waiting


def surplus(template: str | None, wants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Instances of the template that are there and not named: entries to be deleted."""
    named_ = {want["name"] for want in wants}
    return [{"name": name} for name in instances(template) if name not in named_] if template else []


def _steps(want: dict[str, Any], unit: Unit, state: str) -> Iterator[Step]:
    before = {"active": unit.active, "enabled": unit.enabled}
    if state == "deleted" or want.get("state", "started") == "stopped":
        after = {"active": False, "enabled": unit.enabled and state != "deleted"}
        if unit.active:
            yield Step("stop", "service", unit.name, before, after)
        if unit.enabled and state == "deleted":
            yield Step("disable", "service", unit.name, before, after)
        return
    after = {"active": True, "enabled": True}
    if not unit.enabled:
        yield Step("enable", "service", unit.name, before, after)
    reasons = stale(unit, want) if unit.active and not unit.oneshot else []
    if not unit.active:
        yield Step("start", "service", unit.name, before, after)
    elif reasons:
        yield Step("restart", "service", unit.name, before, after, tuple(reasons))


def apply(steps: list[Step]) -> str:
    """Take the steps; returns what went wrong, or nothing."""
    systemctl("daemon-reload")
    for one in steps:
        if one.op in {"start", "restart"}:
            systemctl("reset-failed", one.id)
        code, text = act(one.op, one.id)
        if code:
            return did_not(one.op, one.id, text)
    return ""


def gathered(wants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The named units as they are. One that is active and not enabled shows as such by the next run: it is enabled."""
    found = []
    for want in wants:
        unit = read_unit(want["name"])
        entry: dict[str, Any] = {"name": unit.name, "state": "started" if unit.active else "stopped"}
        program = (cmdline(unit.pid) or [""])[0] if unit.active else ""
        entry |= {"program": program} if program and want.get("program") else {}
        entry |= {"files": {path: sha256_of(path) for path in want["files"]}} if want.get("files") else {}
        found.append(entry)
    return found


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("replaced", "deleted", "gathered"),
            "units": {"type": "list", "elements": "dict", "required": True},
            "template": {"type": "str"},
        },
        supports_check_mode=True,
    )
    wants, state = module.params["units"], module.params["state"]
    template: str | None = module.params["template"]
    if state == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(wants))
    steps, waiting = plan_all(wants, state, template)
    done = report(steps, {"state": state, "units": wants}, [])
    reload_only = any(read_unit(want["name"]).needs_reload for want in wants)
    if not module.check_mode and (steps or reload_only):
        failure = apply(steps)
        left: list[Step] = []
        if not failure:
            left, waiting = plan_all(wants, state, template)
        if failure or left:
            module.fail_json(msg=failure or f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done, pending_restart=waiting)


if __name__ == "__main__":
    main()
