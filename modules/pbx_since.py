#!/usr/bin/python
"""Ansible module pbx_since: see DOCUMENTATION."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.processes import systemctl, utc_moment

DOCUMENTATION = r"""
module: pbx_since
short_description: Since when files and services of this host are as they are
description:
  - Tells for a file when its content or its owner and mode changed last, for a service when it became active or
    inactive. Nothing is changed, and what is in the files is not read.
options:
  items:
    description: List of entries with C(kind) (C(file), C(directory), C(link) or C(service)) and C(id) (path or unit).
    type: list
    elements: dict
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Since when
  pbx.core.pbx_since:
    items:
      - {kind: file, id: /etc/rtpengine/rtpengine.conf}
      - {kind: service, id: pbx-journal.service}
"""

RETURN = r"""
plan:
  description: C(since) lists the entries whose time is known, each with C(since) as a time in UTC.
  returned: always
  type: dict
"""


def of_file(path: str) -> float | None:
    """The later of the changes of content and of owner or mode; nothing for what is gone."""
    try:
        have = os.lstat(path)
    except OSError:
        return None
    return max(have.st_mtime, have.st_ctime)


def of_service(unit: str) -> float | None:
    """When the unit became what it is, active or not; nothing for one that never ran since the host booted."""
    names = ("ActiveState", "ActiveEnterTimestamp", "InactiveEnterTimestamp")
    _code, text = systemctl("show", "--timestamp=us+utc", unit, *(f"--property={name}" for name in names))
    have = dict(line.partition("=")[::2] for line in text.splitlines())
    active = have.get("ActiveState") in {"active", "activating", "reloading"}
    return utc_moment(have.get("ActiveEnterTimestamp" if active else "InactiveEnterTimestamp", ""))


def since(item: dict[str, Any]) -> dict[str, Any] | None:
    """The entry with its time, or nothing."""
    moment = of_service(item["id"]) if item["kind"] == "service" else of_file(item["id"])
    if moment is None:
        return None
    return {**item, "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))}


def main() -> None:
    """Look and tell."""
    module = AnsibleModule(
        argument_spec={"items": {"type": "list", "elements": "dict", "required": True}}, supports_check_mode=True
    )
    found = [told for item in module.params["items"] if (told := since(item))]
    module.exit_json(changed=False, plan={"since": found})


if __name__ == "__main__":
    main()
