"""The inventory of a shape for the lab: inventory/single or inventory/cluster with the lab's own addresses.

The examples stay what users read, and the same files are what is tested: only addresses, the ssh user and the paths
differ. `lab/lab up --shape SHAPE` writes STATE/inventory, for `pbx … -i lab/state/inventory/hosts.yml`.
"""

import shutil
from pathlib import Path

import controller
from instance import CHECKOUT, FOLDER
from places import EXAMPLE_ADDRESSES, HOSTS

INVENTORY = FOLDER / "inventory"


def write(shape: str) -> Path:
    """Make the inventory afresh; returns its hosts.yml."""
    example, variables = CHECKOUT / "inventory" / shape, INVENTORY / "group_vars/all"
    shutil.rmtree(INVENTORY, ignore_errors=True)
    variables.mkdir(parents=True)
    hosts = INVENTORY / "hosts.yml"
    hosts.write_text(_for_the_lab((example / "hosts.yml").read_text()))
    (variables / "main.yml").write_text(_for_the_lab((example / "group_vars/all/main.yml").read_text()))
    # read after main.yml, by its name
    (variables / "zz_lab.yml").write_text(
        f"pbx_model_root: {CHECKOUT}/examples\nansible_user: ops\nansible_python_interpreter: /usr/bin/python3\n"
        + (f"pbx_lab_ca: {FOLDER}/ca\nkamailio_tls: true\n" if shape == "cluster" else "")
    )
    for path in (controller.CONNECTION, controller.SECRETS):
        shutil.copy2(path, variables / path.name)
    return hosts


def _for_the_lab(text: str) -> str:
    """The lab's addresses in place of the example's; nobody is behind NAT, and ssh's user is the lab's."""
    lines = [line for line in text.splitlines() if not line.strip().startswith(("public_address:", "ansible_user:"))]
    text = "\n".join(lines) + "\n"
    for address, host in EXAMPLE_ADDRESSES.items():
        text = text.replace(f" {address}\n", f" {HOSTS[host]}\n")
    return text
