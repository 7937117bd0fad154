#!/usr/bin/python
"""Ansible module pbx_firewall: see DOCUMENTATION."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import Step, named, report, state_option
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    differences,
    file_steps,
    read_text,
    remove,
    state_of,
    text_diff,
    write,
)
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit, systemctl

DOCUMENTATION = r"""
module: pbx_firewall
short_description: One nftables table, in its file and in the kernel
description:
  - Loads the wanted table in an empty network namespace and compares its canonical form with the kernel's, so a rule
    changed by hand is seen whatever the file says.
  - The table is replaced in one transaction. Other tables are not touched. Elements of dynamic sets are not compared.
  - A table is one thing and its rules have no names, so nothing of it can be V(merged) or V(replaced).
options:
  state:
    description:
      - V(overridden) makes file and kernel as O(ruleset) says. V(deleted) removes the table from both. V(gathered)
        gives the text of the table that is in the kernel. V(rendered) gives the text of the file and touches no host.
    type: str
    choices: [overridden, deleted, gathered, rendered]
    default: overridden
  table:
    description: Family and name.
    type: str
    default: inet pbx
  ruleset:
    description: Text of the table for C(nft -f), without a flush. Needed when O(state) is V(overridden) or V(rendered).
    type: str
  path:
    description: File that is loaded at boot.
    type: path
    required: true
  unit:
    description: Unit that loads the file at boot; enabled and started here. Empty leaves the service alone.
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
  description: >-
    What was done, or would be in check mode; C(op), C(kind) (C(file), C(firewall), C(service)), C(id); C(fields) of the
    firewall are the parts that differ, such as C(rule input).
  returned: always
  type: list
  elements: dict
before:
  description: What the actions touch as it was, by kind and id; of the file its SHA-256.
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
  description: O(ruleset) as it is in the kernel, word for word as the file has it when both say the same.
  returned: when O(state=gathered)
  type: dict
rendered:
  description: The text of the file.
  returned: when O(state=rendered)
  type: str
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
    done = subprocess.run(
        ["nft", "-f", "-"], input=boot_text(table, ruleset), capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


def changed_parts(have: Rules, want: Rules) -> list[str]:
    """`rule input` and the like: which parts differ."""
    names = set()
    for entry in [one for one in want if one not in have] + [one for one in have if one not in want]:
        kind, body = next(iter(entry.items()))
        names.add(f"{kind} {body.get('chain') or body.get('name')}")
    return sorted(names) or ["order of rules"]


def boot_steps(name: str) -> list[Step]:
    """What is missing for the file to be loaded at boot."""
    if not name:
        return []
    unit = read_unit(name)
    before, after = {"active": unit.active, "enabled": unit.enabled}, {"active": True, "enabled": True}
    enable = [] if unit.enabled else [Step("enable", "service", name, before, after)]
    return enable + ([] if unit.active else [Step("start", "service", name, before, after)])


def boot_text(table: str, ruleset: str) -> str:
    """The file: it replaces the table in one transaction, whether there is one or not."""
    return f"{_head(table)}{ruleset}"


def _head(table: str) -> str:
    return f"table {table}\ndelete table {table}\n"


def gathered(table: str, path: str) -> str:
    """The text of the kernel's table, counters and dynamic elements left out; nothing when there is none."""
    have = live(table)
    if not have:
        return ""
    text = read_text(path).removeprefix(_head(table))
    if text and wanted(table, text)[0] == have:
        return text
    words = ["nft", "--stateless", "list", "table", *table.split()]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return re.sub(r"(?s)\n\t(?:set|map) \S+ \{.*?\n\t\}", _without_elements, listed)


def _without_elements(found: re.Match[str]) -> str:
    """The text of a set, without what a dynamic one holds at this moment."""
    text = found.group(0)
    if not re.search(r"(?m)^\t\tflags .*(dynamic|timeout)", text):
        return text
    return re.sub(r"(?s)\n\t\telements = \{.*?\}", "", text)


def plan(params: dict[str, Any], file: Want, want: Rules | None) -> list[Step]:
    """File, kernel, and the unit that loads the file at boot. `want` is None where nft is not installed yet."""
    have = live(params["table"])
    steps = file_steps([file])
    if want is None or have != want:
        parts = changed_parts(have, want) if have and want else []
        before = {"rules": len(have)} if have else None
        after = {"rules": len(want or [])}
        steps.append(Step("update" if have else "create", "firewall", params["table"], before, after, tuple(parts)))
    return steps + boot_steps(params["unit"])


def delete(module: AnsibleModule) -> None:
    """The table goes from file and kernel; the unit that loads other files at boot stays."""
    table, path = module.params["table"], module.params["path"]
    file, have = state_of(path), live(table)
    steps = [Step("delete", "file", path, file)] if file else []
    steps += [Step("delete", "firewall", table, {"rules": len(have)})] if have else []
    done = report(steps, {}, [])
    if not module.check_mode:
        if file:
            remove(path)
        problem = load(table, "") if have else ""
        if problem:
            module.fail_json(msg=problem, **done)
    module.exit_json(**done)


def override(module: AnsibleModule) -> None:
    """Have, want, plan, apply, read back."""
    params: dict[str, Any] = module.params
    table, ruleset = params["table"], params["ruleset"]
    file = Want(params["path"], "file", boot_text(table, ruleset).encode(), mode=0o600)
    bare = module.get_bin_path("nft") is None
    if bare and not module.check_mode:
        module.fail_json(msg="nft is not installed", actions=[])
    want, problem = (None, "") if bare else wanted(table, ruleset)
    if problem:
        module.fail_json(msg=f"nft refuses the rules: {problem}", actions=[])
    steps = plan(params, file, want)
    done = report(steps, {"table": table, "ruleset": ruleset}, [text_diff(file)] if differences(file) else [])
    if steps and not module.check_mode:
        write(file)
        for one in steps:
            if one.kind == "service":
                systemctl(one.op, one.id)
        problem = load(table, ruleset)
        left = [] if problem else plan(params, file, want)
        if problem or left:
            module.fail_json(msg=problem or f"not as wanted afterwards: {named(left)}", **done)
    module.exit_json(**done)


def main() -> None:
    """The module."""
    module = AnsibleModule(
        argument_spec={
            "state": state_option("overridden", "deleted", "gathered", "rendered"),
            "table": {"type": "str", "default": "inet pbx"},
            "ruleset": {"type": "str"},
            "path": {"type": "path", "required": True},
            "unit": {"type": "str", "default": "nftables.service"},
        },
        required_if=[("state", "overridden", ["ruleset"]), ("state", "rendered", ["ruleset"])],
        supports_check_mode=True,
    )
    state, table = module.params["state"], module.params["table"]
    if state == "rendered":
        module.exit_json(changed=False, actions=[], rendered=boot_text(table, module.params["ruleset"]))
    if state == "gathered":
        ruleset = gathered(table, module.params["path"])
        module.exit_json(changed=False, actions=[], gathered={"ruleset": ruleset})
    (delete if state == "deleted" else override)(module)


if __name__ == "__main__":
    main()
