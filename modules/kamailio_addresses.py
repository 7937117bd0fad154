#!/usr/bin/python
"""Ansible module kamailio_addresses: see DOCUMENTATION."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import DocumentError
from ansible_collections.pbx.core.plugins.module_utils.kamailio_lists import (
    addresses_text,
    parse_addresses,
    running_addresses,
    wanted_addresses,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rows import ListKind, list_spec, run_list
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, RpcError, RpcTimeout

DOCUMENTATION = r"""
module: kamailio_addresses
short_description: Whom an edge trusts by source address
description:
  - Trunks (group 1, tag C(trunk/format)), call processes (group 2), offices without flood control (group 3).
  - Compares the document with the memory of the running Kamailio and with its address file, and repairs both.
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
      - V(overridden) makes the list as the document says. V(replaced) does so for the groups that the document names.
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
    description: The address file.
    type: path
    default: /etc/kamailio/pbx_addresses
  group:
    description: The group that may read the file.
    type: str
    default: kamailio
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Trusted addresses
  pbx.core.kamailio_addresses:
    document: /run/pbx-apply/edge.json

- name: Trust one office more, the rest as it is
  pbx.core.kamailio_addresses:
    state: merged
    document:
      {format: 1, role: edge, server: edge1, addresses: [{group: 3, ip: 203.0.113.80, mask: 32, port: 0, tag: office}]}
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(address)), C(id) (C(group/ip/mask:port)) and C(fields):
    C(running) and C(stored) say where it differed.
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


KIND = ListKind(
    kind="address",
    running=running_addresses,
    parse=parse_addresses,
    text=addresses_text,
    wanted=wanted_addresses,
    tell=lambda changes: [("permissions.addressReload", ())],
    gathered=lambda rows: {"addresses": [row._asdict() for row in sorted(rows)]},
    part=lambda row: row.group,
)


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(argument_spec=list_spec("/etc/kamailio/pbx_addresses"), supports_check_mode=True)
    try:
        report = run_list(module.params, module.check_mode, KIND)
    except (DocumentError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        report = {"failed": True, "msg": str(error), "actions": []}
    (module.fail_json if report.get("failed") else module.exit_json)(**report)


if __name__ == "__main__":
    main()
