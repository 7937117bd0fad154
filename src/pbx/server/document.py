"""The model of a call process, from the document that an apply has left for all processes of its host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from pbx.calls.live.serving import Serving
from pbx.model import build
from pbx.server.config import CallsConfig
from pbx.server.control import CommandError


def read(path: Path, config: CallsConfig) -> Serving:
    """The model of a document, built. Raises CommandError."""
    try:
        document = orjson.loads(path.read_bytes())
        secrets = orjson.loads(config.secrets.read_bytes()) if config.secrets.exists() else {}
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{path}: not JSON: {error}") from error
    try:
        tenants = document["tenants"]
        model = build.model(
            document["site"]["plain"],
            {name: entry["plain"] for name, entry in tenants.items()},
            {name: entry["revision"] for name, entry in tenants.items()},
        )
        homes = _homes(document, config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CommandError(f"{path}: not a document of this release: {error!r}") from error
    siblings = {tenant: home for tenant, home in homes.items() if home != config.node}
    return Serving.of(model, secrets, document.get("site_revision", ""), homes.keys() - siblings.keys(), siblings)


def _homes(document: Mapping[str, Any], config: CallsConfig) -> dict[str, str]:
    """Tenant → the process of this host that the owner table names. In a document of an older release the first owns
    all."""
    owned = document.get("owned", list(document["tenants"]))
    processes = document.get("processes", {})
    return {tenant: config.node_of(processes.get(tenant, 1)) for tenant in owned}
