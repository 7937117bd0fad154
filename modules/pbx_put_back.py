#!/usr/bin/python
"""Ansible module pbx_put_back: see DOCUMENTATION."""

from __future__ import annotations

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import read_text
from ansible_collections.pbx.core.plugins.module_utils.processes import systemctl
from ansible_collections.pbx.core.plugins.module_utils.snapshot import configuration, plan, put_back, units_wanted

DOCUMENTATION = r"""
module: pbx_put_back
short_description: Configuration files of an earlier revision, at their places
description:
  - Writes the files that M(pbx.core.pbx_kept) kept beside the documents of a verified apply, such as units,
    configurations, certificates, prompts and firewall rules. Nothing is started, restarted or loaded.
  - Tells what the modules that do need; a process that still runs from before is not restarted by them.
options:
  kept:
    description: The kept folder, as M(pbx.core.pbx_stage) names it.
    type: path
    required: true
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Files
  pbx.core.pbx_put_back:
    kept: "{{ pbx_previous.kept }}"
"""

RETURN = r"""
units:
  description: Our own services as M(pbx.core.pbx_units) takes them.
  returned: success
  type: list
  elements: dict
firewall:
  description: The rules as M(pbx.core.pbx_firewall) takes them.
  returned: success
  type: str
edge:
  description: C(files), C(words), C(features), C(certificate) and C(drop_in) of M(pbx.core.kamailio_config).
  returned: success
  type: dict
"""

FIREWALL = "/etc/nftables.d/pbx.nft"
KAMAILIO = "/etc/kamailio/"
DROP_IN = "/etc/systemd/system/kamailio.service.d/10-pbx.conf"
ROUTING = ("kamailio.cfg", "pbx_outside.cfg", "pbx_inside.cfg", "tls.cfg")


def firewall(paths: set[str]) -> str:
    """The table without the two lines that replace the one before."""
    lines = read_text(FIREWALL).splitlines(keepends=True) if FIREWALL in paths else []
    return "".join(line for line in lines if not re.fullmatch(r"(delete )?table \S+ \S+\n", line))


def edge(paths: set[str]) -> dict[str, Any]:
    """What kamailio_config was given, read back from the files that it made."""
    local = read_text(f"{KAMAILIO}pbx_local.cfg") if f"{KAMAILIO}pbx_local.cfg" in paths else ""
    if not local:
        return {}
    features = dict.fromkeys(re.findall(r"^#!define (\S+)$", local, re.MULTILINE), True)
    tls = re.search(r"^\s*certificate\s*=\s*(\S+)", read_text(f"{KAMAILIO}tls.cfg"), re.MULTILINE)
    return {
        "files": {name: read_text(KAMAILIO + name) for name in ROUTING if KAMAILIO + name in paths},
        "words": dict(re.findall(r'^#!substdef "!(\w+)!([^!]*)!g"$', local, re.MULTILINE)),
        "features": features,
        "certificate": tls.group(1) if tls and features.get("WITH_TLS") else "",
        "drop_in": read_text(DROP_IN) if DROP_IN in paths else "",
    }


def main() -> None:
    """Have, want, then write."""
    module = AnsibleModule(argument_spec={"kept": {"type": "path", "required": True}}, supports_check_mode=True)
    folder = module.params["kept"]
    try:
        changes = plan(folder)
        actions = [
            action("create" if fields == ["absent"] else "update", "file", one["path"], set(fields) - {"absent"})
            for one, fields in changes
        ]
        if not module.check_mode:
            put_back(folder, [one for one, _fields in changes])
            if any(one["path"].startswith("/etc/systemd/") for one, _fields in changes):
                systemctl("daemon-reload")
            left = [one["path"] for one, _fields in plan(folder)]
            if left:
                module.fail_json(msg=f"not as they were: {left}", actions=actions)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or folder}: {error.strerror or error}", actions=[])
    paths = {one["path"] for one in configuration(folder)["files"]}
    module.exit_json(
        **result(actions, units=units_wanted(folder), firewall=firewall(paths), edge=edge(paths)),
    )


if __name__ == "__main__":
    main()
