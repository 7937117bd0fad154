#!/usr/bin/python
"""Ansible module kamailio_dispatcher: see DOCUMENTATION."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import DocumentError
from ansible_collections.pbx.core.plugins.module_utils.kamailio_lists import (
    Target,
    parse_targets,
    running_targets,
    targets_text,
    wanted_targets,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rows import (
    Command,
    ListKind,
    RowChange,
    list_spec,
    run_list,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, RpcError, RpcTimeout

DOCUMENTATION = r"""
module: kamailio_dispatcher
short_description: The SIP targets that an edge watches
description:
  - Call processes (set 1) and trunks that are pinged (sets from 10).
  - Compares the document with the memory of the running Kamailio and with its list file, and repairs both. Targets are
    added and removed one by one, so that the others keep the state that their pings found; a target that a person has
    disabled is enabled again.
  - When Kamailio is down, only the file is compared and written.
options:
  document:
    description: The edge's document, or its path on the host. Not needed to gather.
    type: raw
  secrets:
    description: Taken so that all modules of an edge are called alike; not used.
    type: raw
  phase:
    description: V(expand) adds and changes, V(contract) removes, V(stage) does nothing, V(all) does it all.
    type: str
    choices: [all, stage, expand, contract]
    default: all
  state:
    description:
      - V(overridden) makes the list as the document says. V(replaced) does so for the sets that the document names.
        V(merged) adds and changes rows and removes none. V(deleted) removes the rows named.
      - V(gathered) only reads. V(rendered) shows the file's text and touches no host.
    type: str
    choices: [overridden, merged, replaced, deleted, gathered, rendered]
    default: overridden
  run_dir:
    description: The folder of Kamailio's control sockets.
    type: path
    default: /run/kamailio
  path:
    description: The list file.
    type: path
    default: /etc/kamailio/pbx_dispatcher.list
  group:
    description: The group that may read the file.
    type: str
    default: kamailio
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Watched targets
  pbx.core.kamailio_dispatcher:
    document: /run/pbx-apply/edge.json

- name: No new calls to a call process that is drained (4 is disabled)
  pbx.core.kamailio_dispatcher:
    state: merged
    document:
      format: 1
      role: edge
      server: edge1
      dispatchers: [{set: 1, uri: "sip:10.77.0.14:5070", flags: 4, priority: 0, attrs: name=calls2}]
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(dispatcher)), C(id) (C(set/uri)) and C(fields):
    C(running) and C(stored) say where it differed, then the fields that did.
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id.
  returned: when O(state) changes something
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state) changes something
  type: dict
digest:
  description: Of the wanted rows; two runs with the same digest want the same.
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
rendered:
  description: The text of the file.
  returned: when O(state=rendered)
  type: str
"""


def commands(change: RowChange) -> Iterator[Command]:
    """What to tell Kamailio about one row."""
    if "running" not in change.fields:
        return
    now, want = change.running, change.want
    if now is not None and want is not None and now._replace(disabled=want.disabled) == want:
        yield "dispatcher.set_state", ("dp" if want.disabled else "ap", want.set, want.uri)
        return
    if now is not None:
        yield "dispatcher.remove", (now.set, now.uri)
    if want is not None:
        yield "dispatcher.add", (want.set, want.uri, 4 if want.disabled else 0, want.priority, want.attrs)


def gathered(rows: Iterable[Target]) -> dict[str, Any]:
    """Rows in the shape of the document."""
    return {
        "dispatchers": [
            {"set": r.set, "uri": r.uri, "flags": 4 if r.disabled else 0, "priority": r.priority, "attrs": r.attrs}
            for r in sorted(rows)
        ]
    }


KIND = ListKind(
    kind="dispatcher",
    running=running_targets,
    parse=parse_targets,
    text=targets_text,
    wanted=wanted_targets,
    tell=lambda changes: [command for change in changes for command in commands(change)],
    gathered=gathered,
    part=lambda row: row.set,
)


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(argument_spec=list_spec("/etc/kamailio/pbx_dispatcher.list"), supports_check_mode=True)
    try:
        report = run_list(module.params, module.check_mode, KIND)
    except (DocumentError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        report = {"failed": True, "msg": str(error), "actions": []}
    (module.fail_json if report.get("failed") else module.exit_json)(**report)


if __name__ == "__main__":
    main()
