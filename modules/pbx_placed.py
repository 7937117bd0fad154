#!/usr/bin/python
"""Ansible module pbx_placed: see DOCUMENTATION."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    file_steps,
    sha256_of,
    state_of,
    want_of,
    write,
)

DOCUMENTATION = r"""
module: pbx_placed
short_description: Staged files, such as keys, at their places on the host
description:
  - Copies files that M(pbx.core.pbx_stage) brought to where services read them. What is in them reaches no argument,
    diff or result, but for its SHA-256.
  - As M(pbx.core.pbx_files), and for the same reasons, it has no V(overridden), V(merged), V(deleted) and V(rendered).
options:
  state:
    description:
      - V(replaced) makes the named files as their sources are. V(gathered) reads the same paths and gives them back in
        the shape of O(files), with C(sha256) in place of C(source).
    type: str
    choices: [replaced, gathered]
    default: replaced
  files:
    description:
      - List of entries with C(source), C(path), C(owner), C(group), C(mode). With C(sha256) in place of C(source) a
        file is only checked for that content.
    type: list
    elements: dict
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Key
  pbx.core.pbx_placed:
    files:
      - {source: /run/pbx-apply/server.key, path: /etc/pbx/tls/server.key, group: kamailio, mode: "0640"}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode; C(op), C(kind) (C(file)), C(id) (the path), C(fields).
  returned: always
  type: list
  elements: dict
before:
  description: The files that the actions touch as they were, by kind and path; of a content its SHA-256.
  returned: when O(state=replaced)
  type: dict
after:
  description: The same as they are wanted.
  returned: when O(state=replaced)
  type: dict
digest:
  description: Of the wanted list; two runs with the same digest want the same.
  returned: when O(state=replaced)
  type: str
gathered:
  description: What is at the named paths, in the shape of O(files).
  returned: when O(state=gathered)
  type: list
  elements: dict
"""


def wanted(files: list[dict[str, Any]]) -> list[Want]:
    """The files with the contents of their sources."""
    wants = []
    for one in files:
        with open(one["path"] if "sha256" in one else one["source"], "rb") as stream:
            content = stream.read()
        plain = want_of("file", one)
        wants.append(Want(plain.path, "file", content, None, plain.owner, plain.group, plain.mode))
    return wants


def other_content(files: list[dict[str, Any]]) -> list[str]:
    """Paths whose content was only to be checked and is not the wanted one."""
    return [one["path"] for one in files if "sha256" in one and sha256_of(one["path"]) != one["sha256"]]


def gathered(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same paths as they are; one that is not there, or is no file, is left out."""
    found = [(one["path"], state_of(one["path"])) for one in files]
    return [
        {"path": path, **{key: value for key, value in have.items() if key != "type"}}
        for path, have in found
        if have and have["type"] == "file"
    ]


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("replaced", "gathered"),
            "files": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    files: list[dict[str, Any]] = module.params["files"]
    if module.params["state"] == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(files))
    other = other_content(files)
    if other:
        module.fail_json(msg=f"no source, and another content than sha256 says: {', '.join(other)}", actions=[])
    try:
        wants = wanted(files)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}", actions=[])
    steps = file_steps(wants)
    done = report(steps, files, [])
    if steps and not module.check_mode:
        touched = {one.id for one in steps}
        for want in wants:
            if want.path in touched:
                write(want)
        left = file_steps(wants)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


if __name__ == "__main__":
    main()
