#!/usr/bin/python
"""Ansible module pbx_postgresql: see DOCUMENTATION."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.postgresql_server import Server

DOCUMENTATION = r"""
module: pbx_postgresql
short_description: The store of call records on PostgreSQL of Debian's packages
description:
  - Where the server listens, who may connect from where, its service, the role of call processes with its password,
    and their database. Tables are made by whoever writes into them first.
  - The whole of C(pg_hba.conf) is ours; databases and roles of others are left alone, so there is no V(overridden). A
    database is never removed, so there is no V(deleted). Nothing is added to what is there, so there is no V(merged).
    The documents are made on the controller, so there is no V(rendered).
options:
  state:
    description:
      - V(replaced) makes it as the document has it. V(gathered) gives back what the server says.
    type: str
    choices: [replaced, gathered]
    default: replaced
  document:
    description: The host's document (C(store.json)).
    type: path
    required: true
  secrets:
    description: Values of the secrets that it names.
    type: path
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: The store
  pbx.core.pbx_postgresql:
    document: /run/pbx-apply/store.json
    secrets: /run/pbx-apply/store.secrets.json
"""

RETURN = r"""
actions:
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(file), C(service), C(role), C(database)), C(id),
    C(fields).
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and name.
  returned: when O(state=replaced)
  type: dict
after:
  description: The same as it is wanted.
  returned: when O(state=replaced)
  type: dict
digest:
  description: Of the wanted state; two runs with the same digest want the same.
  returned: when O(state=replaced)
  type: str
gathered:
  description: Version, listening addresses, roles and databases of the running server; empty when none runs.
  returned: when O(state=gathered)
  type: dict
"""


def gathered(server: Server) -> dict[str, Any]:
    """What the running server says."""
    if not server.running():
        return {}
    return {
        "version": server.version,
        "listen": server.sql("SHOW listen_addresses")[0],
        "roles": server.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1"),
        "databases": server.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1"),
    }


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("replaced", "gathered"),
            "document": {"type": "path", "required": True},
            "secrets": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    with open(module.params["document"], encoding="utf-8") as stream:
        document = json.load(stream)
    with open(module.params["secrets"], encoding="utf-8") as stream:
        password = json.load(stream)[document["password"]["secret"]]
    module.no_log_values.add(password)
    server = Server(document, password)
    if module.params["state"] == "gathered":
        module.exit_json(changed=False, actions=[], gathered=gathered(server))
    try:
        steps = server.plan()
        done = report(steps, document)
        if steps and not module.check_mode:
            failure = server.take(steps)
            left = [] if failure else server.plan()
            if failure or left:
                module.fail_json(msg=failure or f"not as wanted afterwards: {named(left)}", **done)
    except RuntimeError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**done)


if __name__ == "__main__":
    main()
