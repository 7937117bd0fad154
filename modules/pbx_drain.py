#!/usr/bin/python
"""Ansible module pbx_drain: see DOCUMENTATION."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.calls_control import FOLDER, ControlError, everywhere
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit
from ansible_collections.pbx.core.plugins.module_utils.restarts import stale
from ansible_collections.pbx.core.plugins.module_utils.rtpengine_cli import sessions

DOCUMENTATION = r"""
module: pbx_drain
short_description: Empty the call processes of a host of their calls before they are replaced
description:
  - O(state=drained) makes the processes shed new calls (503 with C(X-PBX-Shed); emergency calls pass) and waits a while
    for those that are up to end. No call is cut without O(cut). Repeat it with C(until) until RV(calls) is 0.
  - O(state=serving) takes new calls again, and checks that each process runs O(release) and serves O(revisions).
  - A process that is not there has no calls.
options:
  socket:
    description: Control socket of the call process, or the folder with those of all of this host.
    type: path
    default: /run/pbx-calls
  state:
    description: What it should do.
    type: str
    choices: [drained, serving]
    required: true
  relay:
    description: Address of the command line of rtpengine; its sessions are waited for in place of a process's calls.
    type: str
  units:
    description: As of M(pbx.core.pbx_units). When none of them would be restarted nothing is drained. Empty, always.
    type: list
    elements: dict
    default: []
  wait:
    description: Seconds to wait for the calls to end.
    type: int
    default: 5
  cut:
    description: Hang up the calls that are still up after O(wait), at both ends. A stop of the process would leave them
      to its next start, and there will be none.
    type: bool
    default: false
  processes:
    description: How many call processes there are at least, for O(state=serving).
    type: int
    default: 1
  release:
    description: The release that must run.
    type: str
  revisions:
    description: RV(revisions) of before, which must be served.
    type: dict
  base:
    description: Folder of releases and link.
    type: path
    default: /opt/pbx
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Empty it
  pbx.core.pbx_drain:
    state: drained
    wait: 60
"""

RETURN = r"""
needed:
  description: Something has to be restarted.
  returned: always
  type: bool
calls:
  description: Calls that are up.
  returned: always
  type: int
release:
  description: The release that the link names, or nothing.
  returned: always
  type: str
revisions:
  description: The revisions that the process serves.
  returned: always
  type: dict
"""

SERVING_SECONDS = 15.0  # until a restarted process answers


def needed(units: list[dict[str, Any]]) -> bool:
    """Whether one of them is down or runs something older than it should."""
    for want in units:
        unit = read_unit(want["name"])
        if not unit.active or stale(unit, want):
            return True
    return not units


def current(base: str) -> str:
    """The release that the link names."""
    link = os.path.join(base, "current")
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else ""


def drain(socket: str, seconds: float, check: bool) -> dict[str, Any]:
    """Shed new calls and wait; the last status of all together, or nothing when no process is there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status = together(everywhere(socket, "status" if check else "drain"))
        except ControlError:  # a release that cannot drain yet: it is waited for all the same
            status = together(everywhere(socket, "status"))
        if not status or not status["calls"] or check or time.monotonic() >= deadline:
            return status
        time.sleep(0.2)


def together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What one of them says, with the calls of all."""
    return {**found[0], "calls": sum(one["calls"] for one in found)} if found else {}


def cut(socket: str, check: bool) -> dict[str, Any]:
    """Hang up what is up; the last status, or nothing when no process is there."""
    return together(everywhere(socket, "status" if check else "cut"))


def relayed(address: str, seconds: float) -> int:
    """Sessions of a relay, after a while if there are some. Nothing is shed: who steers it has stopped using it."""
    deadline = time.monotonic() + seconds
    while (count := sessions(address)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return count


def serve(socket: str, least: int, release: str | None, want: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
    """Take new calls again; the last status, and what is not as it should be."""
    deadline = time.monotonic() + SERVING_SECONDS
    while True:
        status, problem = _serve_once(socket, least, release, want)
        if not problem or time.monotonic() >= deadline:
            return status, problem
        time.sleep(0.2)


def _serve_once(
    socket: str, least: int, release: str | None, want: dict[str, Any] | None
) -> tuple[dict[str, Any], str]:
    try:
        found = everywhere(socket, "undrain")
    except ControlError:
        found = everywhere(socket, "status")
    except OSError as error:
        return {}, f"pbx-calls: {error}"
    if len(found) < least:
        return {}, f"pbx-calls does not answer ({len(found)} of {least} processes)"
    for status in found:
        if release and status.get("version", release) != release:
            return status, f"pbx-calls runs release {status['version']}, wanted {release}"
        if want and served(status) != want:
            return status, f"pbx-calls serves {served(status)}, wanted {want}"
    return together(found), ""


def served(status: dict[str, Any]) -> dict[str, Any]:
    """The revisions in a status; nothing when there was none."""
    return {name: status[name] for name in ("site_revision", "tenants") if name in status}


def main() -> None:
    """Drain or serve, and tell."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": FOLDER},
            "state": {"type": "str", "choices": ["drained", "serving"], "required": True},
            "relay": {"type": "str"},
            "units": {"type": "list", "elements": "dict", "default": []},
            "wait": {"type": "int", "default": 5},
            "cut": {"type": "bool", "default": False},
            "processes": {"type": "int", "default": 1},
            "release": {"type": "str"},
            "revisions": {"type": "dict"},
            "base": {"type": "path", "default": "/opt/pbx"},
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    told: dict[str, Any] = {"changed": False, "release": current(params["base"]), "calls": 0, "needed": True}
    try:
        if params["relay"]:
            status = {"calls": relayed(params["relay"], params["wait"])}
        elif params["state"] == "drained":
            told["needed"] = needed(params["units"])
            status = drain(params["socket"], params["wait"], check) if told["needed"] else {}
            if params["cut"] and status.get("calls"):
                status = cut(params["socket"], check)
        else:
            status, problem = serve(params["socket"], params["processes"], params["release"], params["revisions"])
            if problem:
                module.fail_json(msg=problem, **told)
    except (ControlError, OSError) as error:
        module.fail_json(msg=f"pbx-calls: {error}", **told)
    told |= {"calls": int(status.get("calls", 0)), "revisions": served(status)}
    module.exit_json(**told, msg=f"{told['calls']} calls are up" if told["calls"] else "no calls")


if __name__ == "__main__":
    main()
