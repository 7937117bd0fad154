"""What pyproject.toml cannot say: the wheel brings the collection pbx.core, and the collection can be built by itself.

In a clone the tree is the collection, by relative links. A wheel and ansible-galaxy want plain files: they get copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
FOLDERS = {
    "modules": "plugins/modules",
    "module_utils": "plugins/module_utils",
    "action_plugins": "plugins/action",
    "callback_plugins": "plugins/callback",
    "roles": "roles",
    "playbooks": "playbooks",
    "meta": "meta",
}
FILES = {
    "CHANGELOG.md": "CHANGELOG.md",
    "LICENSE": "LICENSE",
    "docs/galaxy.md": "README.md",
    "galaxy.yml": "galaxy.yml",
}


def copy_collection(to: Path) -> None:
    """The collection as plain files in the folder `to`, which is made anew."""
    shutil.rmtree(to, ignore_errors=True)
    for source, target in FOLDERS.items():
        shutil.copytree(ROOT / source, to / target, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in FILES.items():
        shutil.copyfile(ROOT / source, to / target)


class BuildPackage(build_py):
    """The package, with the collection and the lock file of what targets run inside."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # both are found beside the sources
        package = Path(self.build_lib) / "pbx"
        copy_collection(package / "collections" / "ansible_collections" / "pbx" / "core")
        shutil.copyfile(ROOT / "requirements" / "target.lock", package / "target.lock")


class Collection(Command):
    """`python setup.py collection --into FOLDER`: what `ansible-galaxy collection build` is given."""

    description = "copy the collection pbx.core, links resolved"
    user_options = [("into=", None, "a folder, made anew")]  # noqa: RUF012  # distutils' own shape

    def initialize_options(self) -> None:
        self.into = "build/collection"

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        copy_collection(Path(self.into))


setup(cmdclass={"build_py": BuildPackage, "collection": Collection})
