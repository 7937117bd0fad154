#!/usr/bin/python
"""Ansible module pbx_verify: see DOCUMENTATION."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.calls_control import ControlError, everywhere, served
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit

DOCUMENTATION = r"""
module: pbx_verify
short_description: After an apply, does this server serve what it should
description:
  - Asks the call processes for the revisions that it serves, and looks that the units are up.
  - Changes nothing. When every server was verified, M(pbx.core.pbx_kept) keeps what is served.
options:
  folder:
    description: The folder of the staged documents.
    type: path
    required: true
  socket:
    description: Control socket of the call process, or the folder with those of all, where there is one.
    type: path
  units:
    description: Units that must be active.
    type: list
    elements: str
    default: []
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Verify
  pbx.core.pbx_verify:
    folder: /run/pbx-apply
    units: [kamailio.service]
"""

RETURN = r"""
revisions:
  description: The revisions of site and tenants on this server.
  returned: success
  type: dict
"""


def wanted(folder: str) -> dict[str, Any]:
    """The revisions of the documents staged here; those with tenants say the most."""
    found: dict[str, Any] = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json") and not name.endswith(".secrets.json"):
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                document = json.load(stream)
            found[str(document["role"])] = document
    return found


def main() -> None:
    """Ask and compare."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "socket": {"type": "path"},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    problems = [f"{unit} is not active" for unit in module.params["units"] if not read_unit(unit).active]
    revisions: dict[str, Any] = {}
    documents = wanted(module.params["folder"])
    for document in documents.values():
        revisions["site"] = document["site_revision"]
    if "calls" in documents and module.params["socket"]:
        want = served(documents["calls"])
        try:
            found = everywhere(module.params["socket"], "status") or [{}]
        except (ControlError, OSError) as error:
            module.fail_json(msg=f"pbx-calls: {error}")
        for live in found:
            have = {"site_revision": live.get("site_revision"), "tenants": live.get("tenants")}
            if have != want:
                problems.append(f"pbx-calls {live.get('node', '')} serves {have}, wanted {want}")
        revisions["tenants"] = found[0].get("tenants")
    if problems:
        module.fail_json(msg="; ".join(problems))
    module.exit_json(changed=False, revisions=revisions)


if __name__ == "__main__":
    main()
