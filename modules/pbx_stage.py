#!/usr/bin/python
"""Ansible module pbx_stage: see DOCUMENTATION."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import tarfile
import time
from collections import Counter
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.calls_control import ControlError, everywhere
from ansible_collections.pbx.core.plugins.module_utils.files import sha256_of
from ansible_collections.pbx.core.plugins.module_utils.history import (
    FOLDER,
    about_of,
    find,
    kept,
    note,
    revisions_kept,
    unfinished,
)
from ansible_collections.pbx.core.plugins.module_utils.limits import FORCE, NUMBERS
from ansible_collections.pbx.core.plugins.module_utils.server_facts import facts

DOCUMENTATION = r"""
module: pbx_stage
short_description: Bring this host its documents
description:
  - Keeps a folder that only root can read equal to a list of files, by digest. The action plugin of the same name sends
    what is missing as one archive.
  - The folder lies on a tmpfs, holds no state of a service and is never reported as a change. In check mode it is
    filled as well, as the modules that compare read it, and O(state=absent) at the end removes it.
  - Refuses, before anything has an effect, documents without a tenant that is served, without a number that is served
    and active, without an emergency number or route of a tenant, or without more than 30 % of the objects of a kind
    (of at least 10). In check mode such refusals are listed in RV(plan).
options:
  folder:
    description: The folder.
    type: path
    required: true
  files:
    description: File name to SHA-256.
    type: dict
    default: {}
  compiled:
    description: The result of M(pbx.core.pbx_compile). The action plugin of the same name makes O(files) of it.
    type: dict
  archive:
    description: A tar archive with what was missing, on this host; the action plugin gives it.
    type: path
  served:
    description: The document that the call process of this host has; its tenants must be in the staged one.
    type: path
  remove_tenants:
    description: Tenants that may be missing, as their folders are gone on purpose.
    type: list
    elements: str
    default: []
  socket:
    description:
      - Control socket of the call process of this host, or the folder with those of all, asked for the calls that are
        up.
    type: path
  force:
    description: Let pass what would delete much of a kind, or an emergency number or route.
    type: bool
    default: false
  allow_number_removal:
    description: Let pass what would delete numbers that are served and active.
    type: bool
    default: false
  cut_calls:
    description:
      - The calls of a tenant that goes may be hung up. Without it such a tenant is refused while it has calls.
    type: bool
    default: false
  about:
    description: Commit, author and the like, for the journal of applies on this host.
    type: dict
    default: {}
  history:
    description: Folder of the journal and of the documents kept from earlier applies.
    type: path
    default: /var/lib/pbx-apply
  revision:
    description:
      - For O(state=previous), what to put back. The beginning of a site's or a tenant's revision, or of a digest of
        kept documents. The newest that fits is taken, and the folder stays as it is when there is none.
    type: str
    default: ""
  state:
    description:
      - V(absent) removes the folder. V(previous) fills it with the documents of the last apply that was verified here,
        when there are some, or with those of O(revision).
    type: str
    choices: [present, absent, previous]
    default: present
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Documents of this host
  pbx.core.pbx_stage:
    folder: /run/pbx-apply
    compiled: "{{ pbx_compiled }}"
"""

RETURN = r"""
resumed:
  description: The apply that began here last and never ended.
  returned: when there is one
  type: dict
notes:
  description: Remarks for people.
  returned: when there is one
  type: list
  elements: str
files:
  description: Names of what is staged.
  returned: when O(state=previous)
  type: list
  elements: str
about:
  description: What was noted when the documents were verified.
  returned: when O(state=previous)
  type: dict
plan:
  description: >-
    What the server tells about itself before anything is done. C(serving) revisions, C(calls) or C(sessions) that are
    up, the last verified apply (C(applied)), the C(numbers) and C(users) that the documents reach, and C(refusals).
  returned: when O(state=present) and all files are there
  type: dict
kept:
  description: The folder that the documents were kept in.
  returned: when O(state=previous) and there is one
  type: str
has:
  description: What is kept here, the newest first.
  returned: when O(state=previous)
  type: list
  elements: dict
missing:
  description: Names of files that are not there as wanted.
  returned: always
  type: list
  elements: str
"""


CONFIGURATION = "configuration.json"  # module_utils/snapshot.py
ROOM = 4 << 20  # octets beside the documents: configuration, journal


def missing(folder: str, files: dict[str, str]) -> list[str]:
    """Names whose file is absent or differs."""
    return sorted(name for name, digest in files.items() if sha256_of(os.path.join(folder, name)) != digest)


def lost_tenants(folder: str, served: str | None, allowed: list[str]) -> list[str]:
    """Tenants that this host serves and that the staged document does not have, without those that may go."""
    return sorted(set(gone_tenants(folder, served)) - set(allowed))


def gone_tenants(folder: str, served: str | None, key: str = "tenants") -> list[str]:
    """Tenants that this host serves and that the staged document does not have; by `owned`, those that move away."""
    if served is None or not os.path.exists(served):
        return []
    tenants = []
    for path in (served, os.path.join(folder, "calls.json")):
        try:
            with open(path, encoding="utf-8") as stream:
                tenants.append(set(json.load(stream)[key]))
        except (OSError, ValueError, KeyError):
            return []
    return sorted(tenants[0] - tenants[1])


def calls_of(socket: str | None, tenants: list[str]) -> dict[str, int]:
    """How many calls each of the tenants has up; those without are not named."""
    if not (socket and tenants):
        return {}
    try:
        calls = [one for answer in everywhere(socket, "calls") for one in answer.get("calls", [])]
    except (ControlError, OSError):
        return {}
    return dict(Counter(one["tenant"] for one in calls if one["tenant"] in tenants))


def unpack(folder: str, files: dict[str, str], archive: str | None) -> None:
    """Fill the folder from the archive and drop what is not wanted."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    for name in os.listdir(folder):
        if name not in files:
            os.unlink(os.path.join(folder, name))
    if archive is None:
        return
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.name not in files or not member.isfile():
                continue
            stream = tar.extractfile(member)
            temporary = os.path.join(folder, f"{member.name}.new")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
                shutil.copyfileobj(stream, target)  # type: ignore[arg-type]
            os.rename(temporary, os.path.join(folder, member.name))


def put_previous(folder: str, history: str, revision: str) -> dict[str, Any]:
    """Stage what was verified last, or a revision; the names, the kept folder, and what was noted about them."""
    found = find(history, revision) if revision else next(iter(kept(history)[-1:]), None)
    has = revisions_kept(history)
    if found is None:
        if not revision:
            shutil.rmtree(folder, ignore_errors=True)
        return {"files": [], "about": {}, "has": has}
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    names = sorted(name for name in os.listdir(found) if name.endswith(".json") and name != CONFIGURATION)
    for name in names:
        shutil.copyfile(os.path.join(found, name), os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o600)
    return {"files": names, "about": about_of(found)[0], "kept": found, "has": has}


def sweep(folder: str) -> None:
    """Folders of plans that were cut an hour ago or more: they hold secrets, and nobody else removes them."""
    place = os.path.dirname(folder)
    for entry in os.scandir(place) if os.path.isdir(place) else ():
        if entry.name.startswith("pbx-plan-") and entry.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(entry.path, ignore_errors=True)


def mismatched(folder: str) -> str:
    """A certificate that no server could start with is told before it is anywhere."""
    paths = [os.path.join(folder, name) for name in ("server.pem", "server.key")]
    if not all(os.path.exists(path) for path in paths):
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*paths)
    except (ssl.SSLError, OSError) as error:
        return f"server.pem and server.key do not belong together: {getattr(error, 'reason', None) or error}"
    return ""


def resumes(before: dict[str, Any]) -> str:
    """For people: what was left half-done here."""
    return (
        f"goes on with the apply that {before.get('by', 'somebody')} began at {before.get('time')} and that never ended"
    )


def too_full(folder: str, history: str) -> str:
    """A disk on which the end of an apply could not be noted is told now, before anything has an effect."""
    needed = ROOM + sum(entry.stat().st_size for entry in os.scandir(folder))
    place = history
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    return f"{history}: {free >> 10} KiB free, {needed >> 10} KiB needed" if free < needed else ""


def told(params: dict[str, Any], lost: list[str]) -> dict[str, Any]:
    """What this server tells the plan. A tenant that is lost is one refusal, not one for each thing that it has."""
    passed = {option for option, name in ((FORCE, "force"), (NUMBERS, "allow_number_removal")) if params[name]}
    served, socket = params["served"], params["socket"]
    found = facts(params["folder"], params["history"], served, socket, [*params["remove_tenants"], *lost], passed)
    found["refusals"] += [
        {"text": f"served here, but not in the model: {one}", "option": f"--remove-tenant {one}"} for one in lost
    ]
    leaving = gone_tenants(params["folder"], served) + gone_tenants(params["folder"], served, "owned")
    busy = {} if params["cut_calls"] else calls_of(socket, leaving)
    for tenant, number in sorted(busy.items()):
        text = f"{tenant} has {number} calls up, which its removal or move would end"
        found["refusals"].append({"text": text, "option": "--cut-calls"})
    return found


def refusal(found: dict[str, Any]) -> str:
    """The refusals as one text; nothing when there is none."""
    options = sorted({one["option"] for one in found["refusals"]})
    text = "; ".join(one["text"] for one in found["refusals"])
    return f"refused: {text}. If that is meant: {' '.join(options)}" if text else ""


def main() -> None:
    """Have, want, then unpack what came along."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "files": {"type": "dict", "default": {}},
            "archive": {"type": "path"},
            "served": {"type": "path"},
            "remove_tenants": {"type": "list", "elements": "str", "default": []},
            "socket": {"type": "path"},
            "force": {"type": "bool", "default": False},
            "allow_number_removal": {"type": "bool", "default": False},
            "cut_calls": {"type": "bool", "default": False},
            "about": {"type": "dict", "default": {}},
            "history": {"type": "path", "default": FOLDER},
            "revision": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent", "previous"], "default": "present"},
        },
        supports_check_mode=True,
    )
    folder, files = module.params["folder"], module.params["files"]
    if module.params["state"] == "absent":
        shutil.rmtree(folder, ignore_errors=True)
        module.exit_json(changed=False, missing=[])
    history = module.params["history"]
    if module.params["state"] == "previous":
        module.exit_json(changed=False, missing=[], **put_previous(folder, history, module.params["revision"]))
    sweep(folder)
    unpack(folder, files, module.params["archive"])
    absent = missing(folder, files)
    mismatch = "" if absent else mismatched(folder)
    if mismatch:
        module.fail_json(msg=mismatch)
    lost = lost_tenants(folder, module.params["served"], module.params["remove_tenants"]) if not absent else []
    more: dict[str, Any] = {}
    if not absent:
        more["plan"] = told(module.params, lost)
        refused = refusal(more["plan"])
        if refused and not module.check_mode:
            module.fail_json(msg=refused)
        before = unfinished(history)
        more |= {"resumed": before, "notes": [resumes(before)]} if before else {}
        if not module.check_mode:
            full = too_full(folder, history)
            if full:
                module.fail_json(msg=full)
            note(history, "begin", module.params["about"])
    module.exit_json(changed=False, missing=absent, **more)


if __name__ == "__main__":
    main()
