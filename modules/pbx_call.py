#!/usr/bin/python
"""Ansible module pbx_call: see DOCUMENTATION."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.history import FOLDER, kept

DOCUMENTATION = r"""
module: pbx_call
short_description: The record of one call, and the model of that day
description:
  - Tells the record of a call from the store that this host writes to, and its tenant's plain model of the revision
    that decided it, when it is what is served or among what is kept. Changes nothing. A call that is not there is no
    error.
options:
  id:
    description: The call, as C(pbx-calls cdr) names it.
    type: str
    required: true
  program:
    description: The program that reads records.
    type: path
    default: /opt/pbx/current/bin/pbx-calls
  document:
    description: The document that is served.
    type: path
    default: /var/lib/pbx/documents/calls.json
  history:
    description: Folder of what is kept.
    type: path
    default: /var/lib/pbx-apply
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Tell the call
  pbx.core.pbx_call:
    id: 0199c0ffee00010badcafe
"""

RETURN = r"""
call:
  description: C(record), C(plain) (the tenant's model, or nothing) and C(place), where that was found.
  returned: when the call is there
  type: dict
"""

SECONDS = 30


def record_of(program: str, call_id: str) -> dict[str, Any] | None:
    """Raises OSError, ValueError with what the program said."""
    words = [program, "cdr", "--id", call_id, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"{program} ended with {done.returncode}")
    rows = json.loads(done.stdout)
    return dict(rows[0]) if rows else None


def documents(document: str, history: str) -> Iterator[str]:
    """What is served, then what is kept, the newest first."""
    yield document
    for folder in reversed(kept(history)):
        yield from sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith("calls.json"))


def plain_of(record: dict[str, Any], places: Iterator[str]) -> tuple[dict[str, Any] | None, str]:
    """The tenant's model of the record's revision and where it stands; nothing when it is not kept."""
    for place in places:
        try:
            with open(place, encoding="utf-8") as stream:
                entry = json.load(stream).get("tenants", {}).get(record["tenant"]) or {}
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(entry, dict) and entry.get("revision") == record["revision"] and "plain" in entry:
            return dict(entry["plain"]), place
    return None, ""


def main() -> None:
    """Tell."""
    module = AnsibleModule(
        argument_spec={
            "id": {"type": "str", "required": True},
            "program": {"type": "path", "default": "/opt/pbx/current/bin/pbx-calls"},
            "document": {"type": "path", "default": "/var/lib/pbx/documents/calls.json"},
            "history": {"type": "path", "default": FOLDER},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    try:
        record = record_of(params["program"], params["id"])
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=f"the call records cannot be read: {error}")
    if record is None:
        module.exit_json(changed=False)
        return
    plain, place = plain_of(record, documents(params["document"], params["history"]))
    module.exit_json(changed=False, call={"record": record, "plain": plain, "place": place})


if __name__ == "__main__":
    main()
