"""The wheel is whole: collection, schemas, prompts, lock file; targets get from it what they get from a clone."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

import pbx
from pbx.desired import release

ROOT = Path(__file__).parents[2]
CORE = "pbx/collections/ansible_collections/pbx/core"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make dist` makes it, into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["make", "--silent", "dist", f"DIST={folder}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def _tracked(*folders: str) -> set[str]:
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_everything_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tree = {"modules": "plugins/modules", "module_utils": "plugins/module_utils", "action_plugins": "plugins/action"}
    tree |= {"callback_plugins": "plugins/callback", "roles": "roles", "playbooks": "playbooks", "meta": "meta"}
    for folder, inside in tree.items():
        wanted = {path.replace(folder, f"{CORE}/{inside}", 1) for path in _tracked(folder)}
        assert wanted and wanted <= names
    assert {path.replace("schemas/", "pbx/model/schemas/") for path in _tracked("schemas")} <= names
    ours = {path.removeprefix("src/") for path in _tracked("src")} - {"pbx/model/schemas"}
    assert ours <= names
    assert "pbx/target.lock" in names
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name or name.endswith("secrets.yml")]


def test_targets_get_the_same_code_from_it(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = "from pbx.desired import release; print(release.PACKAGE, release.version())"
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "pbx"), release.version()]


def test_the_same_bytes_again(wheel: Path, tmp_path: Path) -> None:
    subprocess.run(["make", "--silent", "dist", f"DIST={tmp_path}"], cwd=ROOT, capture_output=True, check=True)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_one_version(wheel: Path) -> None:
    assert wheel.name == f"pbx_as_code-{pbx.__version__}-py3-none-any.whl"
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == pbx.__version__


def test_a_collection_without_the_package_says_what_is_missing(wheel: Path, tmp_path: Path) -> None:
    """As after `ansible-galaxy collection install` alone; a model root in the folder is not taken for the package."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "wheel")
    (tmp_path / "collections").mkdir()
    (tmp_path / "wheel" / "pbx/collections/ansible_collections").rename(tmp_path / "collections/ansible_collections")
    (tmp_path / "repository" / "pbx" / "site").mkdir(parents=True)
    purelib = sysconfig.get_path("purelib")  # no site: pbx.pth of `make ready` is not read
    paths = os.pathsep.join([str(tmp_path / "repository"), str(tmp_path / "collections"), purelib])
    program = (
        "from ansible_collections.pbx.core.plugins.module_utils.controller import find_package\n"
        "try:\n    find_package()\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )
    words = [sys.executable, "-S", "-c", program]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("AnsibleError the Python that runs Ansible (")
    assert "has no package pbx-as-code: install it there" in done.stdout
