"""An Ansible inventory, read without running a playbook: hosts with addresses, and the variables for all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx.cli import _collection
from pbx.desired.hosts import GROUPS, Host, InventoryError, host_of

OF_A_HOST = (
    "sip_address",
    "media_address",
    "public_address",
    "pbx_store",
    "pbx_owners",
    "pbx_calls_instances",
    "pbx_media_instances",
)
"""Variables that say what a host is."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """`variables` are those of the first host, templated: `pbx_model_root`, `pbx_site_key`, `pbx_secrets`."""

    hosts: list[Host]
    variables: dict[str, Any]


def read(path: Path, vault_password_file: Path | None = None) -> Inventory:
    """Read with Ansible's own loader, vault included, and our settings (see _collection). Raises InventoryError."""
    os.environ.update(_collection.environment())  # Ansible reads its settings when it is imported
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar
    from ansible.utils.collection_loader import AnsibleCollectionConfig
    from ansible.vars.manager import VariableManager

    if not path.exists():
        raise InventoryError(f"{path}: no such inventory")
    loader = DataLoader()
    if AnsibleCollectionConfig.collection_finder is None:  # lookups and filters that an inventory uses
        init_plugin_loader()
    try:
        _open_vault(loader, vault_password_file)
        inventory = InventoryManager(loader=loader, sources=[str(path)])
        manager = VariableManager(loader=loader, inventory=inventory)
        hosts: list[Host] = []
        first: dict[str, Any] = {}
        for one in inventory.get_hosts():
            given = manager.get_vars(host=one)
            templar = Templar(loader=loader, variables=given)
            chosen = {name: templar.template(given[name]) for name in OF_A_HOST if name in given}
            hosts.append(host_of(one.name, [group.name for group in one.get_groups()], chosen))
            if not first:
                wanted = ("pbx_model_root", "pbx_site_key", "pbx_secrets")
                first = {name: templar.template(given[name]) for name in wanted if name in given}
    except AnsibleError as error:
        hint = " Give --vault-password-file, or set ANSIBLE_VAULT_PASSWORD_FILE." if "vault" in str(error) else ""
        raise InventoryError(f"{error}{hint}") from error
    return Inventory([host for host in hosts if host.groups & set(GROUPS)], first)


def _open_vault(loader: Any, password_file: Path | None) -> None:
    """Give the loader what vaulted files are opened with; from 2.19 on Ansible takes that once a process."""
    from ansible import constants
    from ansible.cli import CLI

    try:
        from ansible.parsing.vault import VaultSecretsContext
    except ImportError:
        VaultSecretsContext = None
    if VaultSecretsContext and VaultSecretsContext.current(optional=True) is not None:
        return
    files = [str(password_file)] if password_file else []
    identities = constants.DEFAULT_VAULT_IDENTITY_LIST
    secrets = CLI.setup_vault_secrets(loader, vault_ids=identities, vault_password_files=files, auto_prompt=False)
    if VaultSecretsContext is None:
        loader.set_vault_secrets(secrets)
