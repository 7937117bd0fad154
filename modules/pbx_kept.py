#!/usr/bin/python
"""Ansible module pbx_kept: see DOCUMENTATION."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.history import (
    FOLDER,
    hold,
    journal,
    keep,
    kept,
    note,
    now,
    revisions_kept,
    set_hold,
)
from ansible_collections.pbx.core.plugins.module_utils.lease import drop, read
from ansible_collections.pbx.core.plugins.module_utils.snapshot import keep_configuration

DOCUMENTATION = r"""
module: pbx_kept
short_description: The end of an apply on a host, and what is kept of it
description:
  - O(state=present) keeps the staged documents and the configuration as the last good ones (10 are kept), ends the
    entry of the journal that M(pbx.core.pbx_stage) began, sets or ends a hold, and gives the lease back. Call it when
    every server was verified.
  - O(state=told) tells what is kept, the journal, the hold and the lease. Documents and secrets are not told.
options:
  state:
    description: Keep, or tell.
    type: str
    choices: [present, told]
    default: present
  folder:
    description: The folder of the staged documents.
    type: path
  paths:
    description: Patterns of the files that are this host's configuration.
    type: list
    elements: str
    default: []
  units:
    description: Units whose processes run with that configuration.
    type: list
    elements: str
    default: []
  about:
    description: Who, commit, run and revisions.
    type: dict
    default: {}
  event:
    description: What to write into the journal.
    type: str
    default: verified
  part:
    description: Tags of an apply that left the model out. It is noted, and the configuration is kept; no revision is.
    type: str
    default: ""
  hold:
    description: Let the next apply refuse until it is told to release the hold.
    type: bool
    default: false
  release_hold:
    description: End a hold.
    type: bool
    default: false
  last:
    description: How many entries of the journal O(state=told) tells.
    type: int
    default: 50
  history:
    description: Folder of the journal and of what is kept.
    type: path
    default: /var/lib/pbx-apply
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Keep
  pbx.core.pbx_kept:
    folder: /run/pbx-apply
    paths: [/etc/pbx/*.json]
    units: [pbx-calls@1.service]
    about: "{{ pbx_compiled.about }}"
"""

RETURN = r"""
history:
  description: C(kept) (newest first), C(journal) (newest last), C(hold) and C(lease).
  returned: when O(state=told)
  type: dict
"""

RELEASE = "/opt/pbx/current"


def keep_all(params: dict[str, Any]) -> None:
    """Documents, configuration, journal, hold, lease: in this order, so that a cut leaves nothing that is not whole."""
    folder, about = params["history"], {**params["about"], "time": now()}
    if os.path.islink(RELEASE):
        about["release"] = os.path.basename(os.readlink(RELEASE))
    kept_folder = keep(folder, params["folder"], about)
    keep_configuration(folder, kept_folder, params["paths"], params["units"])
    if params["hold"]:
        revisions = about.get("revisions") or {}
        names = [f"site {revisions.get('site')}", *(f"{k} {v}" for k, v in (revisions.get("tenants") or {}).items())]
        set_hold(folder, {"since": now(), "by": about.get("by"), "revision": ", ".join(names)})
    elif params["release_hold"] and hold(folder):
        set_hold(folder, None)
        note(folder, "released", {"by": about.get("by"), "run": about.get("run")})
    note(folder, params["event"], about)
    drop(folder, str(about.get("run")))


def keep_part(params: dict[str, Any]) -> None:
    """The documents were not applied: those kept last stay the last good ones, with the configuration as it is now."""
    folder, about = params["history"], dict(params["about"])
    before = kept(folder)
    if before and params["part"] != "install":  # what is installed runs only once it is configured
        keep_configuration(folder, before[-1], params["paths"], params["units"])
    about.pop("revisions", None)
    note(folder, "part", {**about, "tags": params["part"]})
    drop(folder, str(about.get("run")))


def main() -> None:
    """Keep or tell."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "told"], "default": "present"},
            "folder": {"type": "path"},
            "paths": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "about": {"type": "dict", "default": {}},
            "event": {"type": "str", "default": "verified"},
            "part": {"type": "str", "default": ""},
            "hold": {"type": "bool", "default": False},
            "release_hold": {"type": "bool", "default": False},
            "last": {"type": "int", "default": 50},
            "history": {"type": "path", "default": FOLDER},
        },
        supports_check_mode=True,
        required_if=[("state", "present", ["folder"])],
    )
    params: dict[str, Any] = module.params
    folder = params["history"]
    if params["state"] == "told":
        found = {"kept": revisions_kept(folder), "journal": journal(folder, params["last"]), "hold": hold(folder)}
        module.exit_json(changed=False, history={**found, "lease": read(folder)})
    try:
        if not module.check_mode:
            (keep_part if params["part"] else keep_all)(params)
    except OSError as error:
        module.fail_json(msg=f"verified, but not kept: {error.filename or folder}: {error.strerror}")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
