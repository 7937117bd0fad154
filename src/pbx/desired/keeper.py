"""Recordings: what seals them on relay hosts, and what keeps them on call hosts; their keys, and the bucket."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from pbx.desired import calls, relay, store
from pbx.desired.hosts import MOST_PROCESSES, Host, InventoryError, of_group
from pbx.desired.secrets import SecretError, Secrets, given_secret
from pbx.model.objects import Model
from pbx.store.age import Identity

SEALER, KEEPER = "/var/lib/pbx-sealer", "/var/lib/pbx"
SOCKET = "/run/pbx-keeper/api.sock"  # where pbx-web asks
PORT = 5180  # where the keeper takes letters
ASKED_PORT = 5181  # where pbx-web of other hosts asks
RECORDING_KEY, OLD_KEYS = "recording_key", "recording_old_keys"  # among `pbx_secrets`
ACCESS = ("object_storage_access_key", "object_storage_secret_key")
BUCKET = ("endpoint", "bucket", "region")


def archive(hosts: Sequence[Host]) -> Host:
    """The one call host that keeps: the first. The others, and the relays, hand over to it."""
    return of_group(list(hosts), "calls")[0]


def require(model: Model, hosts: Sequence[Host]) -> None:
    """Recordings that the model wants can be kept. Raises InventoryError."""
    host = archive(hosts)
    for tenant in model.tenants.values():
        for policy in tenant.services.recordings.values():
            if policy.store == "s3" and "recording" not in host.settings:
                raise InventoryError(
                    f"{tenant.id}: recordings/{policy.id}: store: s3, and host {host.name}, which keeps recordings, has"
                    f" no pbx_recording_settings: {', '.join(BUCKET)}"
                )


def sealer(host: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    """/etc/pbx/sealer.json, of a relay host."""
    return {
        "spools": [f"{relay.document(host)['settings']['recording-dir']}/finished"],
        "sealed": f"{SEALER}/sealed",
        "to": _to(hosts),
        "control": "/run/pbx-sealer/control.sock",
        "secrets": f"{SEALER}/secrets.json",
    }


def keeper(host: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    """/etc/pbx/keeper.json, of a call host; rooms of its engine are recorded there. Raises InventoryError."""
    keeps = host == archive(hosts)
    return {
        "spools": [f"{calls.SPOOL}/{number}" for number in range(1, MOST_PROCESSES + 1)],
        "sealed": f"{KEEPER}/sealed",
        "to": [] if keeps else _to(hosts),
        "control": "/run/pbx-keeper/control.sock",
        "secrets": f"{KEEPER}/secrets/keeper.json",
        **({"archive": _archive(host, hosts)} if keeps else {}),
    }


def _to(hosts: Sequence[Host]) -> list[dict[str, Any]]:
    return [{"address": archive(hosts).sip_address, "port": PORT}]


def _archive(host: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    elsewhere = any(one != host for one in of_group(list(hosts), "web"))
    return {
        "listen": {"address": host.sip_address, "port": PORT},
        "socket": SOCKET,
        **({"asked": {"address": host.sip_address, "port": ASKED_PORT}} if elsewhere else {}),
        "store": store.place(list(hosts)),
        "folder": f"{KEEPER}/recordings",
        "s3": _bucket(host),
    }


def place(host: Host, hosts: Sequence[Host]) -> str | dict[str, Any]:
    """Where pbx-web of a host asks for recordings."""
    keeps = archive(hosts)
    return SOCKET if host == keeps else {"address": keeps.sip_address, "port": ASKED_PORT}


def key_of_asker(host: Host, hosts: Sequence[Host], secrets: Secrets) -> dict[str, str]:
    """Of a web host that asks the keeper of another one; else nothing."""
    return {} if host == archive(hosts) else {"keeper_key": _keeper_key(secrets)}


def sealer_secrets(secrets: Secrets) -> dict[str, str]:
    """A relay host has nothing by which a recording could be opened."""
    return {"recording_public": Identity.of(_key(_source(secrets))).public.hex(), "keeper_key": _keeper_key(secrets)}


def keeper_secrets(host: Host, hosts: Sequence[Host], secrets: Secrets) -> dict[str, str]:
    """What seals and, on the host that keeps, opens: the key of today first, then those of before. Raises
    SecretError."""
    if host != archive(hosts):
        return sealer_secrets(secrets)
    old = secrets.given.get(OLD_KEYS, "").split()
    access = {}
    if _bucket(host) is not None:
        access = {
            name: given_secret(secrets.given, name, f"host {host.name}: pbx_recording_settings") for name in ACCESS
        }
    return {
        **sealer_secrets(secrets),
        "recording_keys": "\n".join(_key(source) for source in (_source(secrets), *old)),
        **access,
    }


def _bucket(host: Host) -> Mapping[str, str] | None:
    """Raises InventoryError."""
    given = host.settings.get("recording")
    if given is None:
        return None
    if strange := sorted(set(given) ^ set(BUCKET)):
        raise InventoryError(f"host {host.name}: pbx_recording_settings has {', '.join(BUCKET)}; {strange[0]} is wrong")
    if not str(given["endpoint"]).startswith(("https://", "http://")):
        raise InventoryError(
            f"host {host.name}: pbx_recording_settings.endpoint is an address such as https://s3.example"
        )
    return {name: str(given[name]) for name in BUCKET}


def _source(secrets: Secrets) -> str:
    if len(secrets.site_key) < 32:
        raise SecretError("pbx_site_key: at least 32 characters are needed")
    return secrets.given.get(RECORDING_KEY) or secrets.site_key


def _key(source: str) -> str:
    return hmac.new(source.encode(), b"recording key", hashlib.sha256).hexdigest()


def _keeper_key(secrets: Secrets) -> str:
    return hmac.new(secrets.site_key.encode(), b"pbx-keeper-key", hashlib.sha256).hexdigest()
