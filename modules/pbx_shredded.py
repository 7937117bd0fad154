#!/usr/bin/python
"""Ansible module pbx_shredded: see DOCUMENTATION."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result

DOCUMENTATION = r"""
module: pbx_shredded
short_description: Secrets and documents are gone from a host that leaves
description:
  - Overwrites each file with zeros, brings that to the disk and removes it; folders go with all they hold. A link is
    removed, what it names is not touched. What is not there is no change.
  - A disk that writes elsewhere than it was told (copy on write, flash) may keep the old octets. Rotate what such a
    host knew.
options:
  paths:
    description: Files and folders.
    type: list
    elements: path
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Nothing secret stays
  pbx.core.pbx_shredded:
    paths: [/var/lib/pbx/secrets, /run/pbx-apply]
"""

RETURN = r"""
actions:
  description: What was removed, or would be in check mode; C(op) (C(delete)), C(kind) (C(path)), C(id).
  returned: always
  type: list
  elements: dict
before:
  description: Always empty; what is shredded is not told.
  returned: always
  type: dict
after:
  description: Always empty.
  returned: always
  type: dict
digest:
  description: Of O(paths).
  returned: always
  type: str
"""

BLOCK = 1 << 20


def files(path: str) -> Iterator[str]:
    """The file itself, or all below a folder, the deepest first."""
    if os.path.islink(path) or not os.path.isdir(path):
        yield path
        return
    for folder, _folders, names in os.walk(path, topdown=False):
        yield from (os.path.join(folder, name) for name in names)


def shred(path: str) -> None:
    """Zeros over a plain file, then it goes."""
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "r+b") as stream:
            left = os.fstat(stream.fileno()).st_size
            while left > 0:
                left -= stream.write(bytes(min(left, BLOCK)))
            stream.flush()
            os.fsync(stream.fileno())
    os.unlink(path)


def remove(path: str) -> None:
    """Shred all of it, then take the folders away."""
    for one in files(path):
        shred(one)
    if os.path.isdir(path) and not os.path.islink(path):
        for folder, folders, _names in os.walk(path, topdown=False):
            for name in folders:
                inner = os.path.join(folder, name)
                os.unlink(inner) if os.path.islink(inner) else os.rmdir(inner)
        os.rmdir(path)


def main() -> None:
    """What is there goes."""
    module = AnsibleModule(
        argument_spec={"paths": {"type": "list", "elements": "path", "required": True}}, supports_check_mode=True
    )
    there = [path for path in module.params["paths"] if os.path.lexists(path)]
    done = result([action("delete", "path", path) for path in there], wanted=module.params["paths"])
    if not module.check_mode:
        for path in there:
            remove(path)
    module.exit_json(**done)


if __name__ == "__main__":
    main()
