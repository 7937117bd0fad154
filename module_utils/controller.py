"""For action plugins: the `pbx` package, of the Python that runs Ansible or beside this collection."""

from __future__ import annotations

import importlib.util
import os
import sys

__all__ = ["find_package"]


def find_package() -> None:
    """Make `import pbx` work when Ansible runs under a Python that does not have it (a clone, a system ansible)."""
    found = importlib.util.find_spec("pbx")
    if found is not None and found.origin is not None:  # a folder named pbx, such as a model root, is no package
        return
    source = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "src")
    if not os.path.isdir(os.path.join(source, "pbx")):
        from ansible.errors import AnsibleError

        raise AnsibleError(
            f"the Python that runs Ansible ({sys.executable}) has no package pbx-as-code: "
            "install it there, of the same version as the collection pbx.core"
        )
    sys.path.insert(0, source)
