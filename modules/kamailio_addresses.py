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
    description: V(overridden) makes the list as the document says; V(gathered) only reads.
    type: str
    choices: [overridden, gathered]
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
"""

RETURN = r"""
surplus:
  description: How many rows V(contract) would remove; only O(phase=expand) counts them.
  returned: when state is not gathered
  type: int
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(address)), C(id) (C(group/ip/mask:port)) and C(fields):
    C(running) and C(stored) say where it differed.
  returned: always
  type: list
  elements: dict
gathered:
  description: The rows in the shape of the document.
  returned: when state is gathered
  type: dict
"""


KIND = ListKind(
    kind="address",
    running=running_addresses,
    parse=parse_addresses,
    text=addresses_text,
    wanted=wanted_addresses,
    tell=lambda changes: [("permissions.addressReload", ())],
    gathered=lambda rows: {"addresses": [row._asdict() for row in sorted(rows)]},
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
