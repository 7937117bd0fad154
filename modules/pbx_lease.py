#!/usr/bin/python
"""Ansible module pbx_lease: see DOCUMENTATION."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.history import FOLDER, hold, last_good, note, unfinished
from ansible_collections.pbx.core.plugins.module_utils.lease import drop, read, take, wait_for_orphans

DOCUMENTATION = r"""
module: pbx_lease
short_description: One apply at a time on a host
description:
  - O(state=present) takes the lease of this host for a run of the playbook, or says who holds it. Nothing else on the
    host changes. A host that is held after a rollback refuses as well.
  - O(state=absent) gives it back when this run holds it, and ends this run's entry in the journal of applies.
  - The action plugin of the same name tells who the holder is. It takes the lease of a holder of this very controller
    whose processes are gone, and refuses a commit that does not descend from the one that was applied here last.
options:
  run:
    description: Identifies the run of the playbook. The action plugin makes one when none is given.
    type: str
    default: ""
  state:
    description: Take it or give it back.
    type: str
    choices: [present, absent]
    default: present
  holder:
    description: Who takes it (C(by), C(host), C(place), C(processes)). The action plugin fills it in.
    type: dict
    default: {}
  seconds:
    description: How long it holds when its holder dies.
    type: int
    default: 3600
  force:
    description: Take it whoever holds it.
    type: bool
    default: false
  model_root:
    description: The model's folder on the controller, whose Git tells what descends from what.
    type: path
  about:
    description: What M(pbx.core.pbx_compile) tells about this run; its commit must descend from the live one.
    type: dict
    default: {}
  any_commit:
    description: Whether any commit may follow the live one.
    type: bool
    default: false
  over:
    description: Take it when this run holds it, whose processes are known to be gone.
    type: str
    default: ""
  settle:
    description: Wait until no step of this run is at work here any more, such as one whose connection broke.
    type: bool
    default: false
  release_hold:
    description: Go on although this host is held after a rollback.
    type: bool
    default: false
  outcome:
    description: What became of this run, for the journal, when it did not end well.
    type: str
    default: ""
  history:
    description: Folder of the lease, the journal and the documents kept from earlier applies.
    type: path
    default: /var/lib/pbx-apply
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Take the lease
  pbx.core.pbx_lease:
    run: "{{ pbx_compiled.about.run }}"
    about: "{{ pbx_compiled.about }}"
    model_root: "{{ pbx_model_root }}"
"""

RETURN = r"""
refused:
  description: The lease that stands in the way.
  returned: when somebody else holds it
  type: dict
run:
  description: The run that holds the lease now.
  returned: when O(state=present)
  type: str
notes:
  description: Remarks for people.
  returned: when O(state=present)
  type: list
  elements: str
held:
  description: The hold that stands in the way.
  returned: when the host is held
  type: dict
live:
  description: What was noted about the last apply that was verified here.
  returned: when O(state=present)
  type: dict
"""


def present(module: AnsibleModule) -> None:
    """Look at the hold, then take the lease."""
    params: dict[str, Any] = module.params
    folder = params["history"]
    stays = hold(folder)
    if stays and not params["release_hold"]:
        words = f"held since {stays.get('since')}: {stays.get('by')} put back {stays.get('revision')}"
        module.fail_json(msg=f"{words}. `pbx apply --release` goes on and ends the hold", held=stays)
    if module.check_mode:
        module.exit_json(changed=False, live=last_good(folder))
    before = read(folder)
    refused = take(
        folder, {**params["holder"], "run": params["run"]}, params["seconds"], params["force"], params["over"]
    )
    if refused:
        module.exit_json(changed=False, refused=refused, live={})
    left = wait_for_orphans(params["run"]) if params["settle"] else []
    if left:
        module.fail_json(msg=f"a step of this apply is still at work here: process {left[0]}")
    if before and before["run"] != params["run"]:
        left = wait_for_orphans(before["run"])
        if left:
            drop(folder, params["run"])
            module.fail_json(msg=f"a step of the apply before is still at work here: process {left[0]}")
        note(folder, "lease_taken", {"run": params["run"], "of": {k: before.get(k) for k in ("run", "by", "host")}})
    module.exit_json(changed=False, live=last_good(folder))


def absent(module: AnsibleModule) -> None:
    """Give it back; an entry that this run began gets its end."""
    folder, run = module.params["history"], module.params["run"]
    if not module.check_mode:
        begun = unfinished(folder)
        if begun and begun.get("run") == run and module.params["outcome"]:
            note(folder, "failed", {"run": run, "by": begun.get("by"), "outcome": module.params["outcome"]})
        drop(folder, run)
    module.exit_json(changed=False)


def main() -> None:
    """Take it or give it back."""
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "holder": {"type": "dict", "default": {}},
            "seconds": {"type": "int", "default": 3600},
            "force": {"type": "bool", "default": False},
            "over": {"type": "str", "default": ""},
            "settle": {"type": "bool", "default": False},
            "release_hold": {"type": "bool", "default": False},
            "outcome": {"type": "str", "default": ""},
            "history": {"type": "path", "default": FOLDER},
        },
        supports_check_mode=True,
    )
    try:
        present(module) if module.params["state"] == "present" else absent(module)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or module.params['history']}: {error.strerror}")


if __name__ == "__main__":
    main()
