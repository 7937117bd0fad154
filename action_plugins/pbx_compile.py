"""Controller half only: load the model, compile it for every host of the inventory, leave the documents in a folder.

The result holds paths, digests and the small start-up configurations, so that neither a 5 MB document nor a secret
travels through Ansible's results. The folder is Ansible's own temporary one (0700), gone when the run ends.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.pbx.core.plugins.module_utils.controller import find_package

find_package()

from pbx.desired import commits, holder  # noqa: E402
from pbx.desired.compile import compile_all  # noqa: E402
from pbx.desired.digest import canonical  # noqa: E402
from pbx.desired.fingerprint import of_servers, of_wanted  # noqa: E402
from pbx.desired.hosts import GROUPS, Host, InventoryError, host_of  # noqa: E402
from pbx.desired.lab_ca import certificate  # noqa: E402
from pbx.desired.secrets import SecretError, Secrets  # noqa: E402
from pbx.desired.shown import cut  # noqa: E402
from pbx.desired.source import ModelRefused, load_source  # noqa: E402

ABOUT = ("commit", "author", "dirty", "by")
HOST_VARIABLES = (
    "sip_address",
    "media_address",
    "public_address",
    "pbx_store",
    "kamailio_settings",
    "rtpengine_settings",
    "pbx_web_settings",
    "pbx_mail_settings",
    "pbx_recording_settings",
    "pbx_transcription_settings",
    "pbx_recogniser_settings",
    "pbx_owners",
    "pbx_calls_instances",
    "pbx_media_instances",
)


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible has no types
    """`pbx.core.pbx_compile`: options model_root and lab_ca (paths), expect."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        folder = os.path.join(constants.DEFAULT_LOCAL_TMP, "pbx-compiled")
        try:
            loaded = load_source(self._task.args["model_root"])
            secrets = Secrets(
                str(self._value(variables, "pbx_site_key", "")), self._value(variables, "pbx_secrets", {})
            )
            hosts = self._hosts(variables)
            compiled = compile_all(loaded.source, hosts, secrets)
        except (InventoryError, SecretError, ModelRefused) as error:
            raise AnsibleActionFail(str(error)) from error
        servers: dict[str, dict[str, Any]] = {}
        files: dict[str, list[dict[str, str]]] = {}
        for one in compiled.documents:
            servers.setdefault(one.server, {})[one.role] = {"process": one.process}
            files.setdefault(one.server, []).extend(
                [
                    self._write(folder, one.server, f"{one.role}.json", one.document),
                    self._write(folder, one.server, f"{one.role}.secrets.json", one.secrets),
                ]
            )
        if self._task.args.get("lab_ca"):
            domains = [tenant.domain for tenant in loaded.source.model.tenants.values()]
            for host in (one for one in hosts if one.groups & {"edges", "web"}):
                files[host.name] += _certificates(self._task.args["lab_ca"], folder, host, domains)
        digest = of_wanted(files, servers, secrets.site_key)
        if self._task.args.get("expect", digest) != digest:
            raise AnsibleActionFail("the model or the inventory has changed after the plan that this apply follows")
        noted = {
            **commits.about(self._task.args["model_root"]),
            **(self._task.args.get("about") or {}),
            "run": str(self._value(variables, "pbx_run", "") or holder.run_of(os.getppid())),
            "revisions": {"site": compiled.site_revision, "tenants": compiled.tenants},
        }
        result.update(
            changed=False,
            folder=folder,
            site_revision=compiled.site_revision,
            tenants=compiled.tenants,
            about=noted,
            plan={
                "compiled": {
                    "digest": digest,
                    "servers": of_servers(hosts, variables["hostvars"]),
                    "site_revision": compiled.site_revision,
                    "tenants": compiled.tenants,
                    "domains": {tenant.domain: tenant.id for tenant in loaded.source.model.tenants.values()},
                    "about": {name: noted[name] for name in ABOUT if name in noted},
                }
            },
            servers=servers,
            files=files,
            said={one.audio: f"«{cut(one.text)}», {one.seconds:.1f} s" for one in loaded.said},
            prompts={name: self._audio(folder, name, data) for name, data in sorted(loaded.audio.items())},
        )
        return result

    def _value(self, variables: dict[str, Any], name: str, default: Any) -> Any:
        value = variables.get(name, default)
        return self._templar.template(value) if name in variables else value

    def _hosts(self, variables: dict[str, Any]) -> list[Host]:
        groups = {name: members for name, members in variables["groups"].items() if name in GROUPS}
        leaving = self._value(variables, "pbx_leaving", "")  # `pbx remove-host`: the others do without it
        names = sorted({member for members in groups.values() for member in members if member != leaving})
        hosts = []
        for name in names:
            of_host = variables["hostvars"][name]
            chosen = {key: of_host[key] for key in HOST_VARIABLES if key in of_host}
            hosts.append(host_of(name, [group for group, members in groups.items() if name in members], chosen))
        return hosts

    def _write(self, folder: str, server: str, name: str, value: Any) -> dict[str, str]:
        return _put(os.path.join(folder, server), name, canonical(value) + b"\n")

    def _audio(self, folder: str, name: str, data: bytes) -> str:
        return _put(os.path.join(folder, "prompts"), name, data)["path"]


def _certificates(ca: str, folder: str, host: Host, domains: list[str]) -> list[dict[str, str]]:
    """The host's certificate, key and authority, among the files that are brought to it."""
    names = [host.name, host.sip_address, host.public, *domains]
    paths = certificate(Path(ca), host.name, names)
    kept = ("server.pem", "server.key", "ca.pem")
    return [
        _put(os.path.join(folder, host.name), name, path.read_bytes()) for name, path in zip(kept, paths, strict=True)
    ]


def _put(folder: str, name: str, data: bytes) -> dict[str, str]:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(data)
    return {"path": path, "name": name, "sha256": hashlib.sha256(data).hexdigest()}
