"""For action plugins: the `pbx` package, of the Python that runs Ansible or beside this collection."""

from __future__ import annotations

import importlib.util
import os
import sys

__all__ = ["find_package"]


def find_package() -> None:
    """Make `import pbx` work when Ansible runs under a Python that does not have it (a clone, a system ansible)."""
    if importlib.util.find_spec("pbx") is None:
        root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        sys.path.insert(0, os.path.join(root, "src"))
