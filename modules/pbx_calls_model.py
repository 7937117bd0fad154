#!/usr/bin/python
"""Ansible module pbx_calls_model: see DOCUMENTATION."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.calls_control import (
    ControlError,
    command,
    object_changes,
    served,
)
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, write

DOCUMENTATION = r"""
module: pbx_calls_model
short_description: The model that a call process serves
description:
  - Compares the staged document with the file that the process starts from and with what the running process says it
    serves, then loads it without a restart. Calls that are up go on.
  - A document that the process refuses leaves the former one in file and process.
  - A process that is not there is an empty state; it reads the file when it starts.
options:
  document:
    description: The staged document on this host.
    type: path
    required: true
  secrets:
    description: The staged secrets on this host. Their values reach no result.
    type: path
    required: true
  socket:
    description: Control socket of the process.
    type: path
    required: true
  document_path:
    description: The document that the process reads when it starts.
    type: path
    required: true
  secrets_path:
    description: The secrets that it reads then.
    type: path
    required: true
  user:
    description: The user of the process.
    type: str
    default: pbx-calls
  group:
    description: The group that may read the document.
    type: str
    default: pbx
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Model
  pbx.core.pbx_calls_model:
    document: /run/pbx-apply/calls.json
    secrets: /run/pbx-apply/calls.secrets.json
    socket: /run/pbx-calls/control.sock
    document_path: /var/lib/pbx/documents/calls.json
    secrets_path: /var/lib/pbx/secrets/calls.json
"""

RETURN = r"""
serving:
  description: Revisions that the process reports afterwards, or nothing when it is not there.
  returned: always
  type: dict
"""


def read(path: str) -> bytes:
    """The file, or nothing."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as stream:
        return stream.read()
    return b""


def parsed(data: bytes) -> dict[str, Any]:
    """A document; one that cannot be read is as good as none."""
    try:
        value = json.loads(data) if data else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def wants(params: dict[str, Any]) -> tuple[Want, Want]:
    """Document and secrets as files of the process."""
    document = Want(
        params["document_path"], "file", read(params["document"]), owner="root", group=params["group"], mode=0o640
    )
    secrets = Want(params["secrets_path"], "file", read(params["secrets"]), owner=params["user"], mode=0o600)
    return document, secrets


def plan(params: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Actions, and what the running process serves now."""
    document, secrets = wants(params)
    want = parsed(document.content or b"")
    have = parsed(read(document.path))
    actions = object_changes(have, want) if have != want else []
    fields = differences(document)
    if fields and not actions:
        actions.append(action("update", "file", document.path, fields))
    fields = differences(secrets)
    if fields:
        names = _changed_names(parsed(read(secrets.path)), parsed(secrets.content or b""))
        actions += [action("update", "secret", name) for name in names]
        if not names:
            actions.append(action("create" if "absent" in fields else "update", "file", secrets.path, fields))
    live = command(params["socket"], "status")
    if live is not None and (actions or _serving(live) != served(want)):
        actions.append(action("load", "model", want.get("server", ""), _stale(_serving(live), served(want))))
    return actions, live


def _changed_names(have: dict[str, Any], want: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*have, *want} if have.get(name) != want.get(name))


def _serving(status: dict[str, Any]) -> dict[str, Any]:
    return {"site_revision": status.get("site_revision", ""), "tenants": status.get("tenants", {})}


def _stale(have: dict[str, Any], want: dict[str, Any]) -> list[str]:
    tenants = {*have["tenants"], *want["tenants"]}
    names = [f"tenant {one}" for one in tenants if have["tenants"].get(one) != want["tenants"].get(one)]
    return [*names, *(["site"] if have["site_revision"] != want["site_revision"] else [])]


def apply(params: dict[str, Any], live: dict[str, Any] | None) -> None:
    """Secrets first, then a candidate that the process must accept, then the candidate takes the file's place."""
    document, secrets = wants(params)
    former = Want(secrets.path, "file", read(secrets.path), owner=secrets.owner, mode=secrets.mode)
    write(secrets)
    candidate = Want(f"{document.path}.candidate", "file", document.content, None, "root", document.group, 0o640)
    write(candidate)
    try:
        if live is not None:
            command(params["socket"], "load", path=candidate.path)
    except (ControlError, OSError):
        os.unlink(candidate.path)
        write(former)
        raise
    os.rename(candidate.path, document.path)


def main() -> None:
    """Have, want, plan, apply, read back."""
    path: dict[str, Any] = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "document": path,
            "secrets": path,
            "socket": path,
            "document_path": path,
            "secrets_path": path,
            "user": {"type": "str", "default": "pbx-calls"},
            "group": {"type": "str", "default": "pbx"},
        },
        supports_check_mode=True,
    )
    actions: list[dict[str, Any]] = []
    try:
        actions, live = plan(module.params)
        if actions and not module.check_mode:
            apply(module.params, live)
            left, live = plan(module.params)
            if left:
                module.fail_json(msg=f"not as wanted afterwards: {left}", actions=actions)
    except (ControlError, OSError) as error:
        module.fail_json(msg=f"pbx-calls: {error}", actions=actions)
    module.exit_json(**result(actions, serving=_serving(live) if live else {}))


if __name__ == "__main__":
    main()
