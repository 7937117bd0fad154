#!/usr/bin/python
"""Ansible module pbx_prompts: see DOCUMENTATION."""

from __future__ import annotations

import os
import tarfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, remove, sha256_of, write

DOCUMENTATION = r"""
module: pbx_prompts
short_description: Encoded prompts of a media host, all in one call
description:
  - A prompt's file is named after the SHA-256 of its content, so what is there under a name is checked, never
    overwritten with something else.
  - The action plugin of the same name sends what is missing as one archive.
options:
  folder:
    description: Where they are.
    type: path
    required: true
  names:
    description: File names that are wanted; made by the action plugin from C(prompts), a mapping of name to path.
    type: list
    elements: str
    default: []
  remove:
    description: Remove files that no prompt names.
    type: bool
    default: false
  archive:
    description: A tar archive with what was missing, on this host.
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
"""

RETURN = r"""
surplus:
  description: How many files no prompt names.
  returned: always
  type: int
missing:
  description: Names that are not there, or whose content is not what the name says.
  returned: always
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


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
            "remove": {"type": "bool", "default": False},
            "archive": {"type": "path"},
            "group": {"type": "str", "default": "pbx"},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    folder, names = params["folder"], params["names"]
    absent = missing(folder, names)
    unnamed = surplus(folder, names)
    old = unnamed if params["remove"] else []
    actions = [action("create", "prompt", name) for name in absent] + [action("delete", "prompt", name) for name in old]
    if not module.check_mode:
        if absent and params["archive"]:
            unpack(folder, absent, params["archive"], params["group"])
            left = missing(folder, names)
            if left:
                module.fail_json(msg=f"prompts are not as wanted afterwards: {left}", actions=actions)
        for name in old:
            remove(os.path.join(folder, name))
    module.exit_json(**result(actions, missing=[] if params["archive"] else absent, surplus=len(unnamed)))


if __name__ == "__main__":
    main()
