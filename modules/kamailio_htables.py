#!/usr/bin/python
"""Ansible module kamailio_htables: see DOCUMENTATION."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
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
from ansible_collections.pbx.core.plugins.module_utils.kamailio_tables import (
    Change,
    Rows,
    apply,
    plan,
    read_running,
    read_stored,
    secret_free,
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
    description: Path on the host of a JSON object, names of secrets to values; or the object (slow, each is masked).
    type: raw
  phase:
    description: V(expand) adds and changes, V(contract) removes, V(stage) does nothing, V(all) does it all.
    type: str
    choices: [all, stage, expand, contract]
    default: all
  state:
    description: V(overridden) makes the tables as the document says; V(merged) never removes; V(gathered) only reads.
    type: str
    choices: [overridden, merged, gathered]
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
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(htable/NAME)), C(id) (the key) and C(fields):
    C(running) and C(stored) say where it differed.
  returned: always
  type: list
  elements: dict
surplus:
  description: How many rows V(contract) would remove; only O(phase=expand) counts them.
  returned: when state is not gathered
  type: int
before:
  description: The rows concerned as they were, by table.
  returned: when state is not gathered
  type: dict
after:
  description: The rows concerned as they are wanted, by table.
  returned: when state is not gathered
  type: dict
gathered:
  description: The tables in the shape of the document. A difference between memory and disk is not shown here.
  returned: when state is gathered
  type: dict
"""


def describe(changes: list[Change]) -> dict[str, Any]:
    """The result of a run: actions, diff, and the rows before and after."""
    before: dict[str, dict[str, str | None]] = {}
    after: dict[str, dict[str, str | None]] = {}
    diff = []
    for table, group in groupby(changes, key=lambda change: change.table):
        rows = list(group)
        before[table] = {c.key: secret_free(c, _present(c)) for c in rows if _present(c) is not None}
        after[table] = {c.key: secret_free(c, c.value) for c in rows if c.value is not None}
        title = f"htable {table}"
        diff.append({"before_header": title, "after_header": title,
                     "before": _text(before[table]), "after": _text(after[table])})  # fmt: skip
    actions = [action(c.op, f"htable/{c.table}", c.key, c.fields) for c in changes]
    return dict(result(actions, diff, before=before, after=after))


def _present(change: Change) -> str | None:
    """What is there now, where it differs."""
    return change.running if "running" in change.fields else change.stored


def _text(rows: dict[str, str | None]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in rows.items())


def gather(running: Rows | None, stored: Rows) -> dict[str, Any]:
    """The tables in the shape of the document; HA1 as the names of secrets."""
    rows = dict(stored if running is None else running)
    ha1 = {key: {"secret": f"ha1/{key}"} for key in sorted(rows.pop("ha1"))}
    return {"htables": {table: dict(sorted(found.items())) for table, found in rows.items()}, "ha1": ha1}


def run(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params, rpc = module.params, KamailioRpc(module.params["run_dir"])
    running, stored = read_running(rpc), read_stored(params["database"])
    if params["state"] == "gathered":
        module.exit_json(changed=False, gathered=gather(running, stored))
    want = wanted(the_document(params), secrets_of(params))
    phase = "expand" if params["state"] == "merged" and params["phase"] == "all" else params["phase"]
    changes = plan(want, running, stored, phase)
    if changes and not module.check_mode:
        apply(changes, rpc, running is not None, params["database"])
        left = plan(want, read_running(rpc), read_stored(params["database"]), phase)
        if left:
            names = [f"{one.table}/{one.key}" for one in left[:20]]
            module.fail_json(msg=f"{len(left)} rows are not as wanted afterwards: {names}", **describe(changes))
    surplus = len(plan(want, running, stored, "contract")) if phase == "expand" else 0
    module.exit_json(**describe(changes), surplus=surplus)


def main() -> None:
    """The module."""
    states = ["overridden", "merged", "gathered"]
    module = AnsibleModule(
        argument_spec=argument_spec(
            state={"type": "str", "choices": states, "default": "overridden"},
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
