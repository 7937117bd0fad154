#!/usr/bin/python
"""Ansible module pbx_prompts: see DOCUMENTATION."""

from __future__ import annotations

import os
import tarfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import Want, remove, sha256_of, write

DOCUMENTATION = r"""
module: pbx_prompts
short_description: Encoded prompts of a media host, all in one call
description:
  - A prompt's file is named after the SHA-256 of its content, so what is there under a name is checked, never
    overwritten with something else. A name therefore stands for one content; nothing in it can be V(replaced), and
    V(rendered) would be O(names).
  - The action plugin of the same name sends what is missing as one archive.
options:
  folder:
    description: Where they are.
    type: path
    required: true
  names:
    description: File names that are wanted. Not needed with O(prompts).
    type: list
    elements: str
    default: []
  state:
    description:
      - V(overridden) removes files that no prompt names. V(merged) does not. V(deleted) removes the named ones.
      - V(gathered) only reads.
    type: str
    choices: [overridden, merged, deleted, gathered]
    default: overridden
  prompts:
    description: File name to path on the controller. The action plugin of the same name sends what is missing.
    type: dict
  said:
    description: File name to what is said in it. The action plugin of the same name adds it to C(actions), for a plan.
    type: dict
  archive:
    description: A tar archive with what was missing, on this host; the action plugin gives it.
    type: path
  group:
    description: The group that may read.
    type: str
    default: pbx
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Prompts
  pbx.core.pbx_prompts:
    folder: /var/lib/pbx/prompts
    prompts: "{{ pbx_compiled.prompts }}"

- name: What a host has
  pbx.core.pbx_prompts:
    folder: /var/lib/pbx/prompts
    state: gathered
  register: prompts
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode; C(op), C(kind) (C(prompt)), C(id) (the file's name).
  returned: always
  type: list
  elements: dict
before:
  description: The files that the actions touch as they were, by kind and name.
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
gathered:
  description: The files whose content is what their name says, as O(names).
  returned: when O(state=gathered)
  type: dict
surplus:
  description: How many files no prompt names.
  returned: when O(state) changes something
  type: int
missing:
  description: Names that are not there, or whose content is not what the name says.
  returned: when O(state) changes something
  type: list
  elements: str
"""

SUFFIX = ".alaw"


def missing(folder: str, names: list[str]) -> list[str]:
    """Wanted files that are absent or damaged."""
    return [name for name in sorted(names) if sha256_of(os.path.join(folder, name)) != name.removesuffix(SUFFIX)]


def surplus(folder: str, names: list[str]) -> list[str]:
    """Files that nobody wants."""
    if not os.path.isdir(folder):
        return []
    return sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX) and name not in names)


def unpack(folder: str, names: list[str], archive: str, group: str) -> None:
    """Write the wanted members."""
    write(Want(folder, "directory", group=group, mode=0o750))
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            stream = tar.extractfile(member) if member.name in names else None
            if stream is not None:
                write(Want(os.path.join(folder, member.name), "file", stream.read(), group=group, mode=0o640))


def plan(folder: str, names: list[str], state: str) -> list[Step]:
    """What is missing, and what has to go."""
    if state == "deleted":
        gone = [name for name in sorted(names) if os.path.exists(os.path.join(folder, name))]
        return [Step("delete", "prompt", name, {}) for name in gone]
    create = [Step("create", "prompt", name, after={}) for name in missing(folder, names)]
    old = surplus(folder, names) if state == "overridden" else []
    return create + [Step("delete", "prompt", name, {}) for name in old]


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
            "state": state_option("overridden", "merged", "deleted", "gathered"),
            "archive": {"type": "path"},
            "group": {"type": "str", "default": "pbx"},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    folder, names, state = params["folder"], params["names"], params["state"]
    if state == "gathered":
        have = surplus(folder, [])
        damaged = missing(folder, have)
        names = [name for name in have if name not in damaged]
        module.exit_json(changed=False, actions=[], gathered={"names": names})
    steps = plan(folder, names, state)
    absent = [one.id for one in steps if one.op == "create"]
    unnamed = len(surplus(folder, names))
    waiting = [] if params["archive"] else absent
    done = report(steps, {"state": state, "names": sorted(names)}, missing=waiting, surplus=unnamed)
    if not module.check_mode:
        if absent and params["archive"]:
            unpack(folder, absent, params["archive"], params["group"])
        for one in steps:
            if one.op == "delete":
                remove(os.path.join(folder, one.id))
        left = [one for one in plan(folder, names, state) if one.id not in waiting]
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


if __name__ == "__main__":
    main()
