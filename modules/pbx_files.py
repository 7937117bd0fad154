#!/usr/bin/python
"""Ansible module pbx_files: see DOCUMENTATION."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    file_steps,
    read_text,
    remove,
    state_of,
    text_diff,
    want_of,
    write,
)

DOCUMENTATION = r"""
module: pbx_files
short_description: Files, directories and links of a host, all in one call
description:
  - Compares the whole list with what is on the host and writes what differs, directories first.
  - When one write fails, the files written before it in the same call get their former content back.
  - Contents show in diffs, so secrets do not belong here (M(pbx.core.pbx_placed)).
  - A host has many files that are not ours, so there is no V(overridden); what has to go is named in O(absent), which
    is why there is no V(deleted). A path is a whole thing, so V(merged) would be V(replaced). Contents come as they
    are, so there is nothing for V(rendered) to show.
options:
  state:
    description:
      - V(replaced) makes the named paths as described. V(gathered) reads the same paths and gives them back in the
        shape of the options.
    type: str
    choices: [replaced, gathered]
    default: replaced
  directories:
    description: List of O(directories) entries with C(path), C(owner), C(group), C(mode).
    type: list
    elements: dict
    default: []
  files:
    description: List of entries with C(path), C(content), C(owner), C(group), C(mode).
    type: list
    elements: dict
    default: []
  links:
    description: List of entries with C(path) and C(target).
    type: list
    elements: dict
    default: []
  absent:
    description: Paths that must not exist.
    type: list
    elements: path
    default: []
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Configuration
  pbx.core.pbx_files:
    directories:
      - {path: /etc/pbx, mode: "0755"}
    files:
      - {path: /etc/pbx/media.json, content: "{}", mode: "0644"}
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(file), C(directory), C(link)), C(id), C(fields).
  returned: always
  type: list
  elements: dict
before:
  description: The paths that the actions touch as they were, by kind and path; of a content its SHA-256.
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
  description: What is at the named paths, in the shape of the options.
  returned: when O(state=gathered)
  type: dict
"""


def wanted(params: dict[str, Any]) -> list[Want]:
    """Directories by depth, then files, then links."""
    directories = [want_of("directory", one) for one in params["directories"]]
    files = [want_of("file", one) for one in params["files"]]
    links = [want_of("link", one) for one in params["links"]]
    return [*sorted(directories, key=lambda one: one.path), *files, *links]


def plan(wants: list[Want], absent: list[str]) -> list[Step]:
    """What differs, and what has to go."""
    gone = [Step("delete", "file", path, state_of(path)) for path in absent if os.path.lexists(path)]
    return [*file_steps(wants), *gone]


def gathered(params: dict[str, Any]) -> dict[str, Any]:
    """The same paths as they are; one that is not there is absent."""
    found: dict[str, Any] = {"directories": [], "files": [], "links": [], "absent": []}
    paths = [one["path"] for option in ("directories", "files", "links") for one in params[option]]
    for path in [*paths, *params["absent"]]:
        have = state_of(path)
        if have is None:
            found["absent"].append(path)
            continue
        kind = have.pop("type")
        have.pop("sha256", None)
        entry = {"path": path, **have, **({"content": read_text(path)} if kind == "file" else {})}
        found["directories" if kind == "directory" else f"{kind}s"].append(entry)
    return found


def apply(wants: list[Want], steps: list[Step]) -> None:
    """Write all or put the former contents back."""
    former: list[Want | str] = []
    touched = {one.id for one in steps if one.op != "delete"}
    try:
        for want in wants:
            if want.path in touched:
                former.append(_former(want))
                write(want)
    except OSError:
        for old in reversed(former):
            if isinstance(old, str):
                if os.path.lexists(old):
                    remove(old)
            else:
                write(old)
        raise
    for one in steps:
        if one.op == "delete":
            remove(one.id)


def _former(want: Want) -> Want | str:
    """What to write to undo: the path alone when it does not exist yet."""
    if not os.path.lexists(want.path) or want.kind != "file" or not os.path.isfile(want.path):
        return want if os.path.lexists(want.path) else want.path
    have = os.stat(want.path)
    with open(want.path, "rb") as stream:
        content = stream.read()
    owner, group = pwd.getpwuid(have.st_uid).pw_name, grp.getgrgid(have.st_gid).gr_name
    return Want(want.path, "file", content, None, owner, group, have.st_mode & 0o7777)


def main() -> None:
    """Have, want, plan, apply, read back."""
    entries: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={
            "state": state_option("replaced", "gathered"),
            "directories": entries,
            "files": entries,
            "links": entries,
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["state"] == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(params))
    wants, absent = wanted(params), params["absent"]
    steps = plan(wants, absent)
    texts = {one.id for one in steps if one.kind == "file" and (one.op == "create" or "content" in one.fields)}
    shown = {option: params[option] for option in ("directories", "files", "links", "absent")}
    done = report(steps, shown, [text_diff(want) for want in wants if want.path in texts])
    if steps and not module.check_mode:
        try:
            apply(wants, steps)
        except OSError as error:
            module.fail_json(msg=f"{error.filename or ''}: {error.strerror or error}", actions=[])
        left = plan(wants, absent)
        if left:
            module.fail_json(msg=f"not as wanted after writing: {named(left)}", **done)
    module.exit_json(**done)


if __name__ == "__main__":
    main()
