#!/usr/bin/python
"""Ansible module pbx_own_settings: see DOCUMENTATION."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.calls_control import FOLDER, ControlError, everywhere

DOCUMENTATION = r"""
module: pbx_own_settings
short_description: What people have set themselves, for a drift to name it apart
description:
  - Asks the call processes of this host for forwarding, do-not-disturb and the like as people have set it by telephone
    or web, with who said so and when. It is theirs; nothing is changed, here or by any other module.
  - An outside number is not told, only that there is one; nor a PIN or a greeting of a voicemail box.
options:
  socket:
    description: Control socket of a call process, or the folder with those of all of this host.
    type: path
    default: /run/pbx-calls
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: What people have set
  pbx.core.pbx_own_settings:
    socket: /run/pbx-calls
"""

RETURN = r"""
plan:
  description: >-
    C(own_settings), each with C(tenant), C(user), C(key), C(value) (a word for it), C(author) and C(changed), a time in
    UTC. Nothing when no process answers.
  returned: always
  type: dict
"""


BOX = "voicemail/"
"""Before the name of a box, in place of a user."""
OF_A_BOX = {"pin": "a PIN", "greeting": "a recording", "greeting_until": "a recording"}


def rows(answers: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """The settings of all processes; the same one may come from each."""
    for answer in answers:
        for one in answer.get("own_settings", ()):
            if one["user"].startswith(BOX) and one["key"] not in OF_A_BOX:
                continue  # how many wrong PINs came is nobody's setting
            changed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one["changed"] / 1000))
            yield {**one, "value": told(one["key"], one["value"]), "changed": changed}


def told(key: str, value: Any) -> str:
    """A value in a word: on, off, nowhere, whom it names in the model; of a box that there is one."""
    if key in OF_A_BOX:
        return OF_A_BOX[key]
    if isinstance(value, bool):
        return "nowhere" if key.startswith("forward.") else "on" if value else "off"
    to = str(value.get("to", "")) if isinstance(value, dict) else ""
    return to if "/" in to else "an outside number"


def main() -> None:
    """Ask and tell."""
    module = AnsibleModule(argument_spec={"socket": {"type": "path", "default": FOLDER}}, supports_check_mode=True)
    try:
        answers = everywhere(module.params["socket"], "own_settings")
    except (ControlError, OSError):  # a process of an older release, or one that hangs: drift tells that by itself
        answers = []
    module.exit_json(changed=False, plan={"own_settings": list(rows(answers))})


if __name__ == "__main__":
    main()
