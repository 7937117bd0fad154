#!/usr/bin/python
"""Ansible module kamailio_config: see DOCUMENTATION."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.kamailio_configuration import (
    Edge,
    diff_of,
    gate,
    gathered,
    merged,
    plan,
    run_service,
    write_files,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import (
    DocumentError,
    argument_spec,
    the_document,
)
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
  - A server has one configuration, so V(replaced) would be V(overridden), and without one it is no edge, so there is no
    V(deleted).
options:
  state:
    description:
      - V(overridden) makes it as the options say. V(merged) changes the limits, files, words and features that are
        named and leaves the rest.
      - V(gathered) reads it in the shape of the options. V(rendered) shows the files' texts and touches no host.
    type: str
    choices: [overridden, merged, gathered, rendered]
    default: overridden
  document:
    description: The edge's document, or its path on the host; its C(settings) are used. Not needed to gather.
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
    description:
      - The routing files, name to text (C(kamailio.cfg), C(pbx_outside.cfg), C(pbx_inside.cfg), C(tls.cfg)).
      - Needed when O(state) is V(overridden) or V(rendered).
    type: dict
    default: {}
  words:
    description:
      - What differs between hosts, as words that the routing files use (C(SIP_ADDRESS), C(CHILDREN) ...).
      - Needed when O(state) is V(overridden) or V(rendered).
    type: dict
    default: {}
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

- name: Ban sooner, now and after the next start
  pbx.core.kamailio_config:
    state: merged
    document: {format: 1, role: edge, server: edge1, settings: {pbx.max_fail: 3}}
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
before:
  description: What the actions touch as it was, by kind and id; of a file and a certificate the SHA-256.
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
gathered:
  description: >-
    C(files), C(words), C(features), C(drop_in) in the shape of the options, and C(settings) in that of the document,
    from the running server where there is one.
  returned: when O(state=gathered)
  type: dict
rendered:
  description: Name to text of all files.
  returned: when O(state=rendered)
  type: dict
"""


def run(module: AnsibleModule) -> None:
    """Have, want, plan, prove, apply, read back."""
    params, state = module.params, module.params["state"]
    if state == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(params))
    if state == "merged":
        params = merged(params, the_document(params))
    edge = Edge(params)
    if state == "rendered":
        module.exit_json(changed=False, actions=[], rendered=edge.texts)
    steps = plan(edge)
    done = report(steps, {"files": edge.texts, "drop_in": params["drop_in"]}, diff_of(edge, steps))
    errors = gate(edge, steps)
    if errors:
        module.fail_json(msg=f"Kamailio does not start with this configuration, nothing was changed:\n{errors}", **done)
    if steps and not module.check_mode:
        if params["phase"] in ("all", "stage"):
            write_files(edge)
        problem = run_service(edge, steps)
        left = plan(edge) if not problem else []
        if problem or left:
            module.fail_json(msg=problem or f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec=argument_spec(
            state=state_option("overridden", "merged", "gathered", "rendered"),
            files={"type": "dict", "default": {}},
            words={"type": "dict", "default": {}},
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
    needed = [name for name in ("files", "words") if not module.params[name]]
    if needed and module.params["state"] in ("overridden", "rendered"):
        module.fail_json(msg=f"state {module.params['state']} needs {' and '.join(needed)}", actions=[])
    try:
        run(module)
    except (DocumentError, ValueError, RpcError, RpcTimeout, KamailioDown, OSError) as error:
        module.fail_json(msg=str(error), actions=[])


if __name__ == "__main__":
    main()
