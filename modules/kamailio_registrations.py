#!/usr/bin/python
"""Ansible module kamailio_registrations: see DOCUMENTATION."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import aim, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import (
    DocumentError,
    argument_spec,
    secrets_of,
    the_document,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_registrations import (
    gathered,
    running_rows,
    steps,
    store,
    stored_rows,
    tell,
    wanted_rows,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rows import plan
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import (
    KamailioDown,
    KamailioRpc,
    RpcError,
    RpcTimeout,
)

DOCUMENTATION = r"""
module: kamailio_registrations
short_description: The trunks that an edge registers at
description:
  - Compares the document with what the running Kamailio registers and with its SQLite file, and repairs both.
  - One registration is added or removed at a time; the others go on. C(uac.reg_reload) is never sent, as it makes every
    trunk register anew and is refused within 150 s of the last one.
  - A registration that is removed is not renewed; it ends at the carrier when its time is over.
  - When Kamailio is down, only the file is compared and written.
  - A row is a whole thing and belongs to no part, so V(replaced) would be V(merged) and is left out. A row is no text,
    so there is no V(rendered).
options:
  document:
    description: The edge's document, or its path on the host. Not needed to gather.
    type: raw
  secrets:
    description:
      - Path on the host of a JSON object, names of secrets to values; or the object.
      - Without it a password that the edge has stays, and one that it does not have is an error.
    type: raw
  phase:
    description: V(expand) adds and changes, V(contract) removes, V(stage) does nothing, V(all) does it all.
    type: str
    choices: [all, stage, expand, contract]
    default: all
  state:
    description:
      - V(overridden) registers at the trunks of the document and at no others. V(merged) removes none. V(deleted)
        removes those named. V(gathered) only reads.
    type: str
    choices: [overridden, merged, deleted, gathered]
    default: overridden
  run_dir:
    description: The folder of Kamailio's control sockets.
    type: path
    default: /run/kamailio
  database:
    description: The SQLite file that Kamailio reads at start.
    type: path
    default: /var/lib/kamailio/pbx.sqlite
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Registering trunks
  pbx.core.kamailio_registrations:
    document: /run/pbx-apply/edge.json
    secrets: /run/pbx-apply/edge.secrets.json
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(registration)), C(id) (the trunk) and C(fields):
    C(running) and C(stored) say where it differed, then the fields that did.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id; of a password only whether it is the wanted one.
  returned: when O(state) changes something
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state) changes something
  type: dict
digest:
  description: Of the wanted rows, secrets by name; two runs with the same digest want the same.
  returned: when O(state) changes something
  type: str
surplus:
  description: How many rows V(contract) would remove; only O(phase=expand) counts them.
  returned: when O(state) changes something
  type: int
gathered:
  description: The rows in the shape of the document.
  returned: when O(state=gathered)
  type: dict
"""


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params: dict[str, Any] = module.params
    rpc, phase, database = KamailioRpc(params["run_dir"]), params["phase"], params["database"]
    running, stored = running_rows(rpc), stored_rows(database)
    if params["state"] == "gathered":
        rows = (stored if running is None else running).values()
        module.exit_json(changed=False, actions=[], gathered=gathered(rows))
    document, have = the_document(params), {**stored, **(running or {})}
    want = aim(params["state"], wanted_rows(document, secrets_of(params), have), have)
    changes = plan(want, running, stored, phase)
    surplus = len(plan(want, running, stored, "contract")) if phase == "expand" else 0
    told = {"state": params["state"], "rows": document.get("registrations", [])}
    done = report(steps(changes), told, surplus=surplus)
    if changes and not module.check_mode:
        store(database, [one for one in changes if "stored" in one.fields])
        if running is not None:
            tell(rpc, changes)
        left = plan(want, running_rows(rpc), stored_rows(database), phase)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(steps(left))}", **done)
    module.exit_json(**done)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec=argument_spec(
            state=state_option("overridden", "merged", "deleted", "gathered"),
            database={"type": "path", "default": "/var/lib/kamailio/pbx.sqlite"},
        ),
        supports_check_mode=True,
    )
    try:
        run(module)
    except (DocumentError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        module.fail_json(msg=str(error), actions=[])


if __name__ == "__main__":
    main()
