#!/usr/bin/python
"""Ansible module pbx_calls_model: see DOCUMENTATION."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import (
    SECRET,
    SECRET_CHANGED,
    Step,
    aim,
    named,
    report,
    state_option,
)
from ansible_collections.pbx.core.plugins.module_utils.calls_control import (
    ControlError,
    everywhere,
    object_steps,
    served,
)
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, file_steps, write

DOCUMENTATION = r"""
module: pbx_calls_model
short_description: The model that the call processes of a host serve
description:
  - Compares the staged document with the file that the processes start from and with what each that runs says it
    serves, then loads it without a restart. Calls that are up go on.
  - A document that a process refuses leaves the former one in file and processes.
  - A process that is not there is an empty state; it reads the file when it starts.
  - A tenant is loaded whole, so V(merged) would be V(replaced) and is left out.
options:
  state:
    description:
      - V(overridden) serves the tenants of the document and no others. V(replaced) puts the tenants that it names
        beside the others. V(deleted) takes the named ones away. The site's part is the document's, unless V(deleted).
      - V(gathered) only reads. V(rendered) shows the file's text and touches nothing.
    type: str
    choices: [overridden, replaced, deleted, gathered, rendered]
    default: overridden
  document:
    description: The staged document on this host, or the document. Not needed to gather.
    type: raw
  secrets:
    description: The staged secrets on this host. Their values reach no result. Without it the secrets stay as they are.
    type: path
  socket:
    description: Control socket of the process, or the folder with those of all of this host.
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
    socket: /run/pbx-calls
    document_path: /var/lib/pbx/documents/calls.json
    secrets_path: /var/lib/pbx/secrets/calls.json
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(tenant), C(user), C(number) ..., C(secret), C(file),
    C(model)), C(id) (C(tenant/id)) and C(fields). C(load) tells the running process.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id; of an update the fields that differ.
  returned: when O(state) changes something
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state) changes something
  type: dict
digest:
  description: Of the wanted state; two runs with the same digest want the same.
  returned: when O(state) changes something
  type: str
serving:
  description: Revisions that the processes report (of one that differs, if any), or nothing when none is there.
  returned: always
  type: dict
gathered:
  description: The document that the process starts from.
  returned: when O(state=gathered)
  type: dict
secret_names:
  description: What the secrets are called that the process starts with.
  returned: when O(state=gathered)
  type: list
  elements: str
rendered:
  description: The text of the document.
  returned: when O(state=rendered)
  type: str
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


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes that the compiler makes of it."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def content_of(params: dict[str, Any]) -> bytes:
    """The option `document` as the bytes of a file; nothing when there is no such file."""
    given = params["document"]
    return canonical(given) if isinstance(given, dict) else read(given)


def wanted(params: dict[str, Any]) -> dict[str, Any]:
    """The document as the process should have it."""
    staged, have = parsed(content_of(params)), parsed(read(params["document_path"]))
    state = params["state"]
    if state == "overridden":
        return staged
    chosen = aim(state, staged.get("tenants", {}), have.get("tenants", {}))
    tenants = {id_: one for id_, one in {**have.get("tenants", {}), **chosen}.items() if one is not None}
    return {**(have if state == "deleted" else staged), "tenants": tenants}


def wants(params: dict[str, Any]) -> tuple[Want, Want]:
    """Document and secrets as files of the process."""
    content = content_of(params) if params["state"] == "overridden" else canonical(wanted(params))
    document = Want(params["document_path"], "file", content, owner="root", group=params["group"], mode=0o640)
    given = read(params["secrets"] or params["secrets_path"])
    secrets = Want(params["secrets_path"], "file", given, owner=params["user"], mode=0o600)
    return document, secrets


def plan(params: dict[str, Any]) -> tuple[list[Step], list[dict[str, Any]]]:
    """Steps, and what each running process serves now, one that differs first."""
    document, secrets = wants(params)
    want = parsed(document.content or b"")
    have = parsed(read(document.path))
    steps = object_steps(have, want) if have != want else []
    if not steps:
        steps += (
            [Step("update", "file", document.path, fields=tuple(differences(document)))]
            if file_steps([document])
            else []
        )
    steps += _secret_steps(secrets) if params["secrets"] else []
    then = served(want)
    live = sorted((_serving(one) for one in everywhere(params["socket"], "status")), key=lambda one: one == then)
    if live and (steps or live[0] != then):
        now = live[0]
        steps.append(Step("load", "model", want.get("server", ""), now, then, tuple(_stale(now, then))))
    return steps, live


def _secret_steps(secrets: Want) -> list[Step]:
    fields = differences(secrets)
    if not fields:
        return []
    have, want = parsed(read(secrets.path)), parsed(secrets.content or b"")
    names = sorted(name for name in {*have, *want} if have.get(name) != want.get(name))
    steps = []
    for name in names:
        before, after = (SECRET_CHANGED if name in have else None), (SECRET if name in want else None)
        steps.append(Step("update", "secret", name, before, after))
    return steps or [Step("create" if "absent" in fields else "update", "file", secrets.path, fields=tuple(fields))]


def _serving(status: dict[str, Any]) -> dict[str, Any]:
    return {"site_revision": status.get("site_revision", ""), "tenants": status.get("tenants", {})}


def _stale(have: dict[str, Any], want: dict[str, Any]) -> list[str]:
    tenants = {*have["tenants"], *want["tenants"]}
    names = [f"tenant {one}" for one in tenants if have["tenants"].get(one) != want["tenants"].get(one)]
    return [*names, *(["site"] if have["site_revision"] != want["site_revision"] else [])]


def apply(params: dict[str, Any]) -> None:
    """Secrets first, then a candidate that each process must accept, then the candidate takes the file's place."""
    document, secrets = wants(params)
    former = Want(secrets.path, "file", read(secrets.path), owner=secrets.owner, mode=secrets.mode)
    write(secrets)
    candidate = Want(f"{document.path}.candidate", "file", document.content, None, "root", document.group, 0o640)
    write(candidate)
    try:
        everywhere(params["socket"], "load", path=candidate.path)
    except (ControlError, OSError):
        os.unlink(candidate.path)
        write(former)
        with contextlib.suppress(ControlError, OSError):  # those that accepted it serve what they did before
            if os.path.exists(document.path):
                everywhere(params["socket"], "load", path=document.path)
        raise
    os.rename(candidate.path, document.path)


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params: dict[str, Any] = module.params
    if params["state"] == "gathered":
        live = everywhere(params["socket"], "status")
        module.exit_json(
            changed=False,
            actions=[],
            gathered=parsed(read(params["document_path"])),
            secret_names=sorted(parsed(read(params["secrets_path"]))),
            serving=_serving(live[0]) if live else {},
        )
    document = content_of(params)
    if "tenants" not in parsed(document):
        module.fail_json(msg=f"document {params['document']}: there is none, or it is no call process's", actions=[])
    if params["state"] == "rendered":
        module.exit_json(changed=False, actions=[], rendered=document.decode(), serving={})
    steps, live = plan(params)
    want = {"state": params["state"], **served(parsed(document))}
    if steps and not module.check_mode:
        apply(params)
        left, live = plan(params)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(left)}", **report(steps, want, []))
    module.exit_json(**report(steps, want, serving=live[0] if live else {}))


def main() -> None:
    """The module."""
    path: dict[str, Any] = {"type": "path", "required": True}
    writing = ("overridden", "replaced", "deleted", "rendered")
    module = AnsibleModule(
        argument_spec={
            "state": state_option("overridden", "replaced", "deleted", "gathered", "rendered"),
            "document": {"type": "raw"},
            "secrets": {"type": "path"},
            "socket": path,
            "document_path": path,
            "secrets_path": path,
            "user": {"type": "str", "default": "pbx-calls"},
            "group": {"type": "str", "default": "pbx"},
        },
        required_if=[("state", state, ["document"]) for state in writing],
        supports_check_mode=True,
    )
    try:
        run(module)
    except (ControlError, OSError) as error:
        module.fail_json(msg=f"pbx-calls: {error}", actions=[])


if __name__ == "__main__":
    main()
