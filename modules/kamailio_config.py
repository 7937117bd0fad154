#!/usr/bin/python
"""Ansible module kamailio_config: see DOCUMENTATION."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import result
from ansible_collections.pbx.core.plugins.module_utils.kamailio_configuration import (
    Edge,
    diff_of,
    gate,
    plan,
    run_service,
    write_files,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import DocumentError, argument_spec
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, RpcError, RpcTimeout

DOCUMENTATION = r"""
module: kamailio_config
short_description: Configuration files of an edge, its limits, and the service that runs them
description:
  - V(stage) proves that Kamailio starts with the new files (in an empty network namespace, with folders of its own) and
    writes them, the empty list files and the database. What runs is not touched.
  - V(expand) sets the limits in the running server, enables and starts the service, and restarts it when the running
    process was started with other files. No handler is needed, so a run that was cut is finished by the next one.
  - V(contract) has nothing to remove.
options:
  document:
    description: The edge's document, or its path on the host; its C(settings) are used.
    type: raw
  secrets:
    description: Taken so that all modules of an edge are called alike; not used.
    type: raw
  phase:
    description: See above; V(all) does it all.
    type: str
    choices: [all, stage, expand, contract]
    default: all
  files:
    description: The routing files, name to text (C(kamailio.cfg), C(pbx_outside.cfg), C(pbx_inside.cfg), C(tls.cfg)).
    type: dict
    required: true
  words:
    description: What differs between hosts, as words that the routing files use (C(SIP_ADDRESS), C(CHILDREN) ...).
    type: dict
    required: true
  features:
    description: Switches of the routing files, name to bool (C(WITH_TLS), C(WITH_ADVERTISE)).
    type: dict
    default: {}
  certificate:
    description: The certificate's file, PEM. The running server is made to show it when it shows another.
    type: path
    default: ""
  drop_in:
    description: Text of the unit's drop-in. Empty leaves the unit as it is.
    type: str
    default: ""
  unit:
    description: The service. Empty leaves the service alone.
    type: str
    default: kamailio.service
  run_dir:
    description: The folder of Kamailio's control sockets.
    type: path
    default: /run/kamailio
  etc_dir:
    description: The folder of the configuration.
    type: path
    default: /etc/kamailio
  state_dir:
    description: The folder of the databases.
    type: path
    default: /var/lib/kamailio
  group:
    description: The group that may read the files.
    type: str
    default: kamailio
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Configuration of the edge
  pbx.core.kamailio_config:
    document: /run/pbx-apply/edge.json
    phase: stage
    files:
      kamailio.cfg: "{{ lookup('ansible.builtin.file', 'kamailio.cfg') }}"
      pbx_outside.cfg: "{{ lookup('ansible.builtin.file', 'pbx_outside.cfg') }}"
      pbx_inside.cfg: "{{ lookup('ansible.builtin.file', 'pbx_inside.cfg') }}"
    words: {SIP_ADDRESS: 10.77.0.11, CHILDREN: 4}
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode: C(op), C(kind) (C(file), C(database), C(setting), C(certificate),
    C(service)), C(id), and C(fields); of a restart the paths that the running process was started with another
    content of.
  returned: always
  type: list
  elements: dict
"""


def run(module: AnsibleModule) -> None:
    """Have, want, plan, prove, apply, read back."""
    edge = Edge(module.params)
    actions = plan(edge)
    report = dict(result(actions, diff_of(edge, actions)))
    errors = gate(edge, actions)
    if errors:
        module.fail_json(
            msg=f"Kamailio does not start with this configuration, nothing was changed:\n{errors}", **report
        )
    if actions and not module.check_mode:
        if module.params["phase"] in ("all", "stage"):
            write_files(edge)
        problem = run_service(edge, actions)
        left = plan(edge) if not problem else []
        if problem or left:
            module.fail_json(msg=problem or f"not as wanted afterwards: {left}", **report)
    module.exit_json(**report)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec=argument_spec(
            files={"type": "dict", "required": True},
            words={"type": "dict", "required": True},
            features={"type": "dict", "default": {}},
            certificate={"type": "path", "default": ""},
            drop_in={"type": "str", "default": ""},
            unit={"type": "str", "default": "kamailio.service"},
            etc_dir={"type": "path", "default": "/etc/kamailio"},
            state_dir={"type": "path", "default": "/var/lib/kamailio"},
            group={"type": "str", "default": "kamailio"},
        ),
        supports_check_mode=True,
    )
    try:
        run(module)
    except (DocumentError, ValueError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        module.fail_json(msg=str(error), actions=[])


if __name__ == "__main__":
    main()
