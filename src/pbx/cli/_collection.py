"""Where the collection pbx.core is, in a clone or inside the installed package, and the settings Ansible runs with.

Ansible takes its settings from a file that may lie in the folder it is started in. That file is the user's, made for
other work: a plan must not depend on it. So a file of our own is named (ansible.cfg beside this module), and what a run
cannot do without is set by environment, which wins over any file.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pbx

PACKAGE = Path(pbx.__file__).resolve().parent
SETTINGS = Path(__file__).resolve().parent / "ansible.cfg"
# Where Ansible looks for collections when nobody says otherwise: lookups that an inventory uses may be there.
USUAL = ("~/.ansible/collections", "/usr/share/ansible/collections")


class CollectionError(RuntimeError):
    """The package is not whole: it has no collection."""


def paths() -> Path:
    """The folder that holds `ansible_collections/`."""
    for folder in (PACKAGE / "collections", PACKAGE.parents[1] / "collections"):
        if (folder / "ansible_collections" / "pbx" / "core").is_dir():
            return folder
    raise CollectionError(f"{PACKAGE}: the collection pbx.core is missing; install pbx-as-code again")


def playbook(name: str) -> Path:
    """The file of one playbook of the collection."""
    return paths() / "ansible_collections" / "pbx" / "core" / "playbooks" / name


def module_util(name: str) -> ModuleType:
    """A pure part of the collection that the controller needs as well (`reach`); Ansible is not loaded for it."""
    path = paths() / "ansible_collections" / "pbx" / "core" / "plugins" / "module_utils" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pbx_module_util_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CollectionError(f"{path} is missing; install pbx-as-code again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment with our settings; its ANSIBLE_* for connections and the vault stay in force."""
    before = os.environ if given is None else given
    others = before.get("ANSIBLE_COLLECTIONS_PATH") or os.pathsep.join(USUAL)
    return {
        **{name: value for name, value in before.items() if name not in UNWANTED},
        "ANSIBLE_CONFIG": str(SETTINGS),
        "ANSIBLE_COLLECTIONS_PATH": f"{paths()}{os.pathsep}{others}",
        "ANSIBLE_FORCE_COLOR": "0",
    }


# Settings of a shell or a CI runner that would change what a playbook does, or write where secrets must not be.
UNWANTED = frozenset(
    {
        "ANSIBLE_ANY_ERRORS_FATAL",
        "ANSIBLE_CALLBACKS_ENABLED",
        "ANSIBLE_CHECK_MODE_MARKERS",
        "ANSIBLE_COLLECTIONS_PATHS",
        "ANSIBLE_DEBUG",
        "ANSIBLE_GATHERING",
        "ANSIBLE_HASH_BEHAVIOUR",
        "ANSIBLE_KEEP_REMOTE_FILES",
        "ANSIBLE_LOG_PATH",
        "ANSIBLE_MODULE_ARGS",
        "ANSIBLE_RUN_TAGS",
        "ANSIBLE_SKIP_TAGS",
        "ANSIBLE_STRATEGY",
    }
)
