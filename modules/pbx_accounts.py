#!/usr/bin/python
"""Ansible module pbx_accounts: see DOCUMENTATION."""

from __future__ import annotations

import grp
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option

DOCUMENTATION = r"""
module: pbx_accounts
short_description: System groups and users of the services, all in one call
description:
  - Makes missing system groups and users (no home, no shell) and adds users to groups.
  - Removes nobody and takes nobody out of a group, so there is no V(overridden), V(replaced) and V(deleted). The files
    of a removed user would belong to the next one who gets its number. There is no text for V(rendered).
options:
  state:
    description:
      - V(merged) makes what is missing. V(gathered) gives back those of the named groups and users that are there, in
        the shape of the options.
    type: str
    choices: [merged, gathered]
    default: merged
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
  description: What was done, or would be in check mode; C(op), C(kind) (C(group), C(user)), C(id), C(fields).
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and name.
  returned: when O(state=merged)
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state=merged)
  type: dict
digest:
  description: Of the wanted accounts; two runs with the same digest want the same.
  returned: when O(state=merged)
  type: str
gathered:
  description: The named accounts that are there, in the shape of the options.
  returned: when O(state=gathered)
  type: dict
"""

Command = tuple[Step, list[str]]


def plan(groups: list[str], users: list[dict[str, Any]]) -> list[Command]:
    """Each step with the command that does it."""
    members = {entry.gr_name: set(entry.gr_mem) for entry in grp.getgrall()}
    have_users = {entry.pw_name for entry in pwd.getpwall()}
    steps: list[Command] = [
        (Step("create", "group", name, after={}), ["groupadd", "--system", name])
        for name in groups
        if name not in members
    ]
    for user in users:
        name = str(user["name"])
        more = sorted(str(one) for one in user.get("groups") or [])
        if name not in have_users:
            step = Step("create", "user", name, after={"group": str(user["group"]), "groups": more})
            command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
            command += ["--shell", "/usr/sbin/nologin", "--gid", str(user["group"])]
            command += ["--groups", ",".join(more)] if more else []
            steps.append((step, [*command, name]))
            continue
        missing = [one for one in more if name not in members.get(one, set())]
        if missing:
            have = [one for one in more if one not in missing]
            step = Step("update", "user", name, {"groups": have}, {"groups": more}, ("groups",))
            steps.append((step, ["usermod", "--append", "--groups", ",".join(missing), name]))
    return steps


def gathered(groups: list[str], users: list[dict[str, Any]]) -> dict[str, Any]:
    """Those of them that are there."""
    names = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    accounts = {entry.pw_name: names.get(entry.pw_gid, str(entry.pw_gid)) for entry in pwd.getpwall()}
    found = []
    for name in (str(user["name"]) for user in users):
        if name in accounts:
            more = sorted(entry.gr_name for entry in grp.getgrall() if name in entry.gr_mem)
            found.append({"name": name, "group": accounts[name], "groups": more})
    return {"groups": [name for name in groups if name in names.values()], "users": found}


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("merged", "gathered"),
            "groups": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    groups, users = module.params["groups"], module.params["users"]
    if module.params["state"] == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(groups, users))
    commands = plan(groups, users)
    done = report([step for step, _command in commands], {"groups": groups, "users": users})
    if not module.check_mode:
        for _step, command in commands:
            module.run_command(command, check_rc=True)
        left = plan(groups, users)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(step for step, _command in left)}", **done)
    module.exit_json(**done)


if __name__ == "__main__":
    main()
