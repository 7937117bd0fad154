#!/usr/bin/python
"""Ansible module pbx_files: see DOCUMENTATION."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    differences,
    read_text,
    remove,
    want_of,
    write,
)

DOCUMENTATION = r"""
module: pbx_files
short_description: Files, directories and links of a host, all in one call
description:
  - Compares the whole list with what is on the host and writes what differs, directories first.
  - When one write fails, the files written before it in the same call get their former content back.
  - Contents show in diffs and results, so secrets do not belong here.
options:
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
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: dict
"""


def wanted(params: dict[str, Any]) -> list[Want]:
    """Directories by depth, then files, then links."""
    directories = [want_of("directory", one) for one in params["directories"]]
    files = [want_of("file", one) for one in params["files"]]
    links = [want_of("link", one) for one in params["links"]]
    return [*sorted(directories, key=lambda one: one.path), *files, *links]


def plan(wants: list[Want], absent: list[str]) -> tuple[list[tuple[Want, list[str]]], list[str]]:
    """What differs, with the fields; and what has to go."""
    found = [(want, differences(want)) for want in wants]
    return [(want, fields) for want, fields in found if fields], [path for path in absent if os.path.lexists(path)]


def diff_of(want: Want) -> dict[str, str]:
    """Before and after of a file's text."""
    return {
        "before_header": want.path,
        "after_header": want.path,
        "before": read_text(want.path),
        "after": (want.content or b"").decode(errors="replace"),
    }


def apply(changes: list[tuple[Want, list[str]]], gone: list[str]) -> None:
    """Write all or put the former contents back."""
    former: list[Want | str] = []
    try:
        for want, _fields in changes:
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
    for path in gone:
        remove(path)


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
            "directories": entries,
            "files": entries,
            "links": entries,
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    wants = wanted(module.params)
    changes, gone = plan(wants, module.params["absent"])
    actions = [
        action("create" if fields == ["absent"] else "update", want.kind, want.path, set(fields) - {"absent"})
        for want, fields in changes
    ]
    actions += [action("delete", "file", path) for path in gone]
    diff = [diff_of(want) for want, fields in changes if want.kind == "file" and {"absent", "content"} & set(fields)]
    if not module.check_mode and actions:
        try:
            apply(changes, gone)
        except OSError as error:
            module.fail_json(msg=f"{error.filename or ''}: {error.strerror or error}", actions=[])
        left, still = plan(wants, module.params["absent"])
        if left or still:
            module.fail_json(msg=f"not as wanted after writing: {[w.path for w, _ in left] + still}", actions=actions)
    module.exit_json(**result(actions, diff))


if __name__ == "__main__":
    main()
