#!/usr/bin/python
"""Ansible module pbx_firewall: see DOCUMENTATION."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, read_text, write
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit, systemctl

DOCUMENTATION = r"""
module: pbx_firewall
short_description: One nftables table, in its file and in the kernel
description:
  - Loads the wanted table in an empty network namespace and compares its canonical form with the kernel's, so a rule
    changed by hand is seen whatever the file says.
  - The table is replaced in one transaction. Other tables are not touched. Elements of dynamic sets are not compared.
options:
  table:
    description: Family and name.
    type: str
    default: inet pbx
  ruleset:
    description: Text of the table for C(nft -f), without a flush.
    type: str
    required: true
  path:
    description: File that is loaded at boot.
    type: path
    required: true
  unit:
    description: Unit that loads the file at boot; enabled and started here.
    type: str
    default: nftables.service
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Firewall
  pbx.core.pbx_firewall:
    path: /etc/nftables.d/pbx.nft
    ruleset: "{{ lookup('ansible.builtin.template', 'pbx.nft.j2') }}"
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: dict
"""

Rules = list[dict[str, Any]]


def canonical(text: str) -> Rules:
    """nft's JSON of a table without what the kernel numbers or counts, and without elements of dynamic sets."""
    entries = json.loads(text)["nftables"] if text.strip() else []
    return [_plain(entry) for entry in entries if "metainfo" not in entry]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "counter" in value:
        value = {**value, "counter": None}
    dynamic = {"dynamic", "timeout"} & set(value.get("flags") or []) if isinstance(value.get("flags"), list) else set()
    dropped = {"handle"} | ({"elem"} if dynamic else set())
    return {key: _plain(one) for key, one in value.items() if key not in dropped}


def wanted(table: str, ruleset: str) -> tuple[Rules | None, str]:
    """The canonical form of the wanted text, by loading it where it harms nobody; or None and nft's message."""
    script = f"nft -f - && nft -j list table {table}"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], input=ruleset, capture_output=True, text=True, check=False
    )
    return (None, done.stderr) if done.returncode else (canonical(done.stdout), "")


def live(table: str) -> Rules:
    """The kernel's table; nothing when it, or nft itself, is not there."""
    try:
        done = subprocess.run(
            ["nft", "-j", "list", "table", *table.split()], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return []
    return [] if done.returncode else canonical(done.stdout)


def load(table: str, ruleset: str) -> str:
    """Replace the table in one transaction; returns nft's message when it refuses."""
    text = f"table {table}\ndelete table {table}\n{ruleset}"
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def changed_parts(have: Rules, want: Rules) -> list[str]:
    """`rule input` and the like: which parts differ."""
    names = set()
    for entry in [one for one in want if one not in have] + [one for one in have if one not in want]:
        kind, body = next(iter(entry.items()))
        names.add(f"{kind} {body.get('chain') or body.get('name')}")
    return sorted(names) or ["order of rules"]


def boot_actions(name: str) -> list[dict[str, Any]]:
    """What is missing for the file to be loaded at boot."""
    unit = read_unit(name)
    enable = [] if unit.enabled else [action("enable", "service", name)]
    return enable + ([] if unit.active else [action("start", "service", name)])


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "str", "default": "inet pbx"},
            "ruleset": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "unit": {"type": "str", "default": "nftables.service"},
        },
        supports_check_mode=True,
    )
    table, ruleset = module.params["table"], module.params["ruleset"]
    boot = f"table {table}\ndelete table {table}\n{ruleset}"
    file = Want(module.params["path"], "file", boot.encode(), mode=0o600)
    fields = differences(file)
    bare = module.get_bin_path("nft") is None
    if bare and not module.check_mode:
        module.fail_json(msg="nft is not installed", actions=[])
    want, problem = (None, "") if bare else wanted(table, ruleset)
    if problem:
        module.fail_json(msg=f"nft refuses the rules: {problem}", actions=[])
    have = live(table)
    actions = (
        [action("create" if "absent" in fields else "update", "file", file.path, set(fields) - {"absent"})]
        if fields
        else []
    )
    if want is None or have != want:
        parts = changed_parts(have, want) if have and want else []
        actions.append(action("update" if have else "create", "firewall", table, parts))
    boots = boot_actions(module.params["unit"])
    diff = [{"before_header": file.path, "after_header": file.path, "before": read_text(file.path), "after": boot}]
    if (actions or boots) and not module.check_mode:
        write(file)
        for one in boots:
            systemctl(one["op"], one["id"])
        problem = load(table, ruleset)
        if problem or live(table) != want or boot_actions(module.params["unit"]):
            module.fail_json(msg=problem or "the kernel's table is not as loaded", actions=actions + boots)
    module.exit_json(**result(actions + boots, diff if fields else []))


if __name__ == "__main__":
    main()
