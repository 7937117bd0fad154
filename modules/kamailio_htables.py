#!/usr/bin/python
"""Ansible module kamailio_htables: see DOCUMENTATION."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import (
    DocumentError,
    argument_spec,
    secrets_of,
    the_document,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import (
    KamailioDown,
    KamailioRpc,
    RpcError,
    RpcTimeout,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import HTABLES
from ansible_collections.pbx.core.plugins.module_utils.kamailio_tables import (
    Rows,
    apply,
    by_name,
    plan,
    read_running,
    read_stored,
    steps,
    wanted,
)

DOCUMENTATION = r"""
module: kamailio_htables
short_description: All htables of an edge, in memory and on disk
description:
  - Domains, numbers, owners, tokens, emergency numbers, trunks and the HA1 of every device, in one call.
  - Compares the document with the memory of the running Kamailio and with its SQLite file, and changes what differs in
    either. Nothing restarts; no registration and no call is touched.
  - When Kamailio is down, only the file is compared and written; Kamailio reads it when it starts.
  - Values of HA1 are never shown.
options:
  document:
    description: The edge's document, or its path on the host. Not needed to gather.
    type: raw
  secrets:
    description:
      - Path on the host of a JSON object, names of secrets to values; or the object (slow, each is masked).
      - Without it a HA1 that the edge has stays, and one that it does not have is an error.
    type: raw
  phase:
    description: V(expand) adds and changes, V(contract) removes, V(stage) does nothing, V(all) does it all.
    type: str
    choices: [all, stage, expand, contract]
    default: all
  state:
    description:
      - V(overridden) makes all tables as the document says, one that it does not name empty. V(replaced) does so for
        the tables that it names. V(merged) adds and changes rows and removes none. V(deleted) removes the rows named.
      - V(gathered) only reads. V(rendered) shows the rows as text and touches no host.
    type: str
    choices: [overridden, merged, replaced, deleted, gathered, rendered]
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
- name: Tables of the edge
  pbx.core.kamailio_htables:
    document: /run/pbx-apply/edge.json
    secrets: /run/pbx-apply/edge.secrets.json

- name: One number more, the rest as it is
  pbx.core.kamailio_htables:
    state: merged
    document: {format: 1, role: edge, server: edge1, htables: {did: {e164_plus/+74951000101: romashka}}}

- name: What an edge has
  pbx.core.kamailio_htables:
    state: gathered
  register: tables
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(htable/NAME)), C(id) (the key) and C(fields):
    C(running) and C(stored) say where it differed.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id; of a HA1 only whether it is the wanted one.
  returned: when O(state) changes something
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state) changes something
  type: dict
digest:
  description: Of the wanted state, secrets by name; two runs with the same digest want the same.
  returned: when O(state) changes something
  type: str
surplus:
  description: How many rows V(contract) would remove; only O(phase=expand) counts them.
  returned: when O(state) changes something
  type: int
gathered:
  description: The tables in the shape of the document. A difference between memory and disk is not shown here.
  returned: when O(state=gathered)
  type: dict
rendered:
  description: A line for each row, secrets by name.
  returned: when O(state=rendered)
  type: str
"""


def gather(running: Rows | None, stored: Rows) -> dict[str, Any]:
    """The tables in the shape of the document; HA1 as the names of secrets."""
    rows = dict(stored if running is None else running)
    ha1 = {key: {"secret": f"ha1/{key}"} for key in sorted(rows.pop("ha1"))}
    return {"htables": {table: dict(sorted(found.items())) for table, found in rows.items()}, "ha1": ha1}


def rendered(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """`table key = value` for each row; a secret is named."""
    return "".join(
        f"{table} {key} = " + (f"secret {value['secret']}" if isinstance(value, Mapping) else str(value)) + "\n"
        for table in rows
        for key, value in sorted(rows[table].items())
    )


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params, rpc = module.params, KamailioRpc(module.params["run_dir"])
    state, phase = params["state"], params["phase"]
    if state == "rendered":
        module.exit_json(changed=False, actions=[], rendered=rendered(by_name(the_document(params))))
    running, stored = read_running(rpc), read_stored(params["database"])
    if state == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gather(running, stored))
    document = the_document(params)
    have = {name: {**stored[name], **(running or stored)[name]} for name in HTABLES}
    want = wanted(document, secrets_of(params), state, have)
    changes = plan(want, running, stored, phase)
    surplus = len(plan(want, running, stored, "contract")) if phase == "expand" else 0
    done = report(steps(changes), {"state": state, "rows": by_name(document)}, surplus=surplus)
    if changes and not module.check_mode:
        apply(changes, rpc, running is not None, params["database"])
        left = plan(want, read_running(rpc), read_stored(params["database"]), phase)
        if left:
            module.fail_json(msg=f"not as wanted afterwards: {named(steps(left))}", **done)
    module.exit_json(**done)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec=argument_spec(
            state=state_option("overridden", "merged", "replaced", "deleted", "gathered", "rendered"),
            database={"type": "path", "default": "/var/lib/kamailio/pbx.sqlite"},
        ),
        supports_check_mode=True,
    )
    try:
        run(module)
    except (DocumentError, ValueError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        module.fail_json(msg=str(error), actions=[])


if __name__ == "__main__":
    main()
