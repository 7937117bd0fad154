#!/usr/bin/python
"""Ansible module pbx_accounts: see DOCUMENTATION."""

from __future__ import annotations

import grp
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result

DOCUMENTATION = r"""
module: pbx_accounts
short_description: System groups and users of the services, all in one call
description:
  - Makes missing system groups and users (no home, no shell) and adds users to groups.
  - Removes nobody.
options:
  groups:
    description: Names of system groups.
    type: list
    elements: str
    default: []
  users:
    description: List of entries with C(name), C(group) and C(groups) (supplementary).
    type: list
    elements: dict
    default: []
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: The user of the call process
  pbx.core.pbx_accounts:
    groups: [pbx]
    users:
      - {name: pbx-calls, group: pbx}
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: dict
"""

Command = tuple[dict[str, Any], list[str]]


def plan(groups: list[str], users: list[dict[str, Any]]) -> list[Command]:
    """Each action with the command that does it."""
    have_groups = {entry.gr_name: set(entry.gr_mem) for entry in grp.getgrall()}
    have_users = {entry.pw_name for entry in pwd.getpwall()}
    steps: list[Command] = [
        (action("create", "group", name), ["groupadd", "--system", name]) for name in groups if name not in have_groups
    ]
    for user in users:
        name = str(user["name"])
        more = [str(one) for one in user.get("groups") or []]
        if name not in have_users:
            command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
            command += ["--shell", "/usr/sbin/nologin", "--gid", str(user["group"])]
            command += ["--groups", ",".join(more)] if more else []
            steps.append((action("create", "user", name), [*command, name]))
            continue
        missing = [one for one in more if name not in have_groups.get(one, set())]
        if missing:
            steps.append(
                (
                    action("update", "user", name, ["groups"]),
                    ["usermod", "--append", "--groups", ",".join(missing), name],
                )
            )
    return steps


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "groups": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    steps = plan(module.params["groups"], module.params["users"])
    if not module.check_mode:
        for _action, command in steps:
            module.run_command(command, check_rc=True)
        if plan(module.params["groups"], module.params["users"]):
            module.fail_json(msg="accounts are not as wanted after the commands", actions=[])
    module.exit_json(**result([one for one, _command in steps]))


if __name__ == "__main__":
    main()
