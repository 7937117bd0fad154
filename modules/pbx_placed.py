#!/usr/bin/python
"""Ansible module pbx_placed: see DOCUMENTATION."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, want_of, write

DOCUMENTATION = r"""
module: pbx_placed
short_description: Staged files, such as keys, at their places on the host
description:
  - Copies files that M(pbx.core.pbx_stage) brought to where services read them. What is in them reaches no argument,
    diff or result.
options:
  files:
    description: List of entries with C(source), C(path), C(owner), C(group), C(mode).
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
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: dict
"""


def wanted(files: list[dict[str, Any]]) -> list[Want]:
    """The files with the contents of their sources."""
    wants = []
    for one in files:
        with open(one["source"], "rb") as stream:
            content = stream.read()
        plain = want_of("file", one)
        wants.append(Want(plain.path, "file", content, None, plain.owner, plain.group, plain.mode))
    return wants


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True}},
        supports_check_mode=True,
    )
    try:
        wants = wanted(module.params["files"])
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}", actions=[])
    found = [(want, fields) for want in wants if (fields := differences(want))]
    actions = [
        action("create" if fields == ["absent"] else "update", "file", want.path, set(fields) - {"absent"})
        for want, fields in found
    ]
    if not module.check_mode:
        for want, _fields in found:
            write(want)
        left = [want.path for want in wants if differences(want)]
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {left}", actions=actions)
    module.exit_json(**result(actions))


if __name__ == "__main__":
    main()
