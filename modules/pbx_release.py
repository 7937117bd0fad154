#!/usr/bin/python
"""Ansible module pbx_release: see DOCUMENTATION."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pbx.core.plugins.module_utils.actions import action, result
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, remove, write
from ansible_collections.pbx.core.plugins.module_utils.processes import programs

DOCUMENTATION = r"""
module: pbx_release
short_description: The services' code on a host, in a folder of its own
description:
  - O(state=staged) unpacks code and hashed wheels into a release folder with its own virtual environment, and tries
    that each program can be loaded. Nothing that runs is touched.
  - O(state=current) points the link C(current) at it and removes the oldest releases. Restarting is the business of
    M(pbx.core.pbx_units), which looks at what the processes run.
  - The action plugin of the same name works out the version and builds the archive when a host needs it.
options:
  version:
    description: Digest of code and lock file.
    type: str
  base:
    description: Folder of releases and link.
    type: path
    default: /opt/pbx
  state:
    description: How far to go.
    type: str
    choices: [staged, current]
    required: true
  archive:
    description: The release as a tar archive on this host.
    type: path
  programs:
    description: Command name to Python module with a C(main).
    type: dict
    default: {}
  keep:
    description: How many releases stay.
    type: int
    default: 3
author: The pbx-as-code authors (@pbx-as-code)
"""

EXAMPLES = r"""
- name: Code
  pbx.core.pbx_release:
    state: staged
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode; C(op), C(kind) (C(release), C(link)), C(id), C(fields).
  returned: always
  type: list
  elements: dict
before:
  description: Always empty; a release is only its version.
  returned: always
  type: dict
after:
  description: Always empty; a release is only its version.
  returned: always
  type: dict
digest:
  description: Of O(version).
  returned: always
  type: str
version:
  description: The release that is wanted.
  returned: always
  type: str
path:
  description: Its folder.
  returned: always
  type: str
python:
  description: The host's own Python, which the wheels in the archive must be for; V(3.11).
  returned: always
  type: str
needs_archive:
  description: The release is not on this host and no archive came along.
  returned: always
  type: bool
"""

WRAPPER = """#!{folder}/venv/bin/python
import sys

from {module} import main

sys.exit(main())
"""


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def complete(folder: str) -> bool:
    """A release is whole when its last file was written, for the Python that the host has: a Debian is upgraded too."""
    return os.path.exists(os.path.join(folder, ".complete")) and os.path.isdir(f"{folder}/venv/lib/python{PYTHON}")


def install(module: AnsibleModule, folder: str, archive: str, programs: dict[str, str]) -> None:
    """Unpack, build the virtual environment without any network, write the commands."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755)
    with tarfile.open(archive) as tar:
        # Python 3.11.2 of Debian 12 has no extraction filter: plain files below the folder are taken, nothing else.
        for member in tar.getmembers():
            if member.isfile() and ".." not in member.name.split("/") and not member.name.startswith("/"):
                tar.extract(member, folder)
    module.run_command(["/usr/bin/python3", "-m", "venv", f"{folder}/venv"], check_rc=True)
    python = f"{folder}/venv/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir", "--disable-pip-version-check"]
    pip += ["--find-links", f"{folder}/wheels", "--require-hashes", "-r", f"{folder}/target.lock"]
    module.run_command(pip, check_rc=True)
    site = module.run_command([python, "-c", "import site; print(site.getsitepackages()[0])"], check_rc=True)[1].strip()
    with open(os.path.join(site, "pbx.pth"), "w", encoding="utf-8") as stream:
        stream.write(f"{folder}/src\n")
    module.run_command([python, "-m", "compileall", "-q", f"{folder}/src"], check_rc=True)
    os.makedirs(f"{folder}/bin", mode=0o755)
    for name, target in programs.items():
        write(Want(f"{folder}/bin/{name}", "file", WRAPPER.format(folder=folder, module=target).encode(), mode=0o755))
    for name, target in programs.items():
        code, _out, problem = module.run_command([python, "-c", f"import {target}"])
        if code:
            module.fail_json(msg=f"{name} of release {os.path.basename(folder)} does not start: {problem[-600:]}")
    shutil.rmtree(f"{folder}/wheels")
    write(Want(f"{folder}/.complete", "file", b"", mode=0o644))


def old_releases(base: str, version: str, keep: int) -> list[str]:
    """The oldest release folders beyond what is kept, never the wanted one nor one that a process runs."""
    folder = os.path.join(base, "releases")
    names = [name for name in os.listdir(folder) if name != version] if os.path.isdir(folder) else []
    paths = sorted((os.path.join(folder, name) for name in names), key=lambda path: -os.stat(path).st_mtime)
    running = programs()
    return [path for path in paths[max(keep - 1, 0) :] if not any(one.startswith(f"{path}/") for one in running)]


def activate(module: AnsibleModule, folder: str) -> list[dict[str, Any]]:
    """The link, then the clearing away."""
    link = Want(os.path.join(module.params["base"], "current"), "link", target=folder)
    fields = differences(link)
    actions = (
        [action("create" if "absent" in fields else "update", "link", link.path, set(fields) - {"absent"})]
        if fields
        else []
    )
    old = old_releases(module.params["base"], module.params["version"], module.params["keep"])
    actions += [action("delete", "release", os.path.basename(path)) for path in old]
    if not module.check_mode:
        if fields:
            write(link)
        for path in old:
            remove(path)
    return actions


def main() -> None:
    """Have, want, plan, apply, read back."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str"},
            "base": {"type": "path", "default": "/opt/pbx"},
            "state": {"type": "str", "choices": ["staged", "current"], "required": True},
            "archive": {"type": "path"},
            "programs": {"type": "dict", "default": {}},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    version, archive = module.params["version"], module.params["archive"]
    folder = os.path.join(module.params["base"], "releases", version)
    told = {"wanted": version, "version": version, "path": folder, "python": PYTHON}
    if module.params["state"] == "current":
        if not module.check_mode and not complete(folder):
            module.fail_json(msg=f"release {version} was not staged here", actions=[])
        actions = activate(module, folder)
        module.exit_json(**result(actions, **told, needs_archive=False))
    if complete(folder):
        module.exit_json(**result([], **told, needs_archive=False))
    actions = [action("create", "release", version)]
    if archive is None:
        module.exit_json(**result(actions, **told, needs_archive=True))
    if not module.check_mode:
        install(module, folder, archive, module.params["programs"])
    module.exit_json(**result(actions, **told, needs_archive=False))


if __name__ == "__main__":
    main()
