"""Digests that hold an apply to its plan: of all that is wanted, and of the servers it is meant for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from pbx.desired.digest import canonical
from pbx.desired.hosts import Host

CONNECTION = ("ansible_host", "ansible_port", "ansible_connection")


def of_wanted(files: Mapping[str, Iterable[Mapping[str, str]]], servers: Mapping[str, Any], site_key: str) -> str:
    """12 hexadecimal digits over the compiled documents, the start-up configurations and the secrets.

    `files` are those brought to each server, with their SHA-256. The secrets go in by an HMAC with the site's key, as a
    plain digest of a short one could be found by trying. Certificates are renewed on their own and left out.
    """
    documents: dict[str, dict[str, str]] = {}
    for server, listed in files.items():
        for one in listed:
            name, digest = one["name"], one["sha256"]
            if name.endswith(".secrets.json"):
                digest = hmac.new(site_key.encode(), digest.encode(), hashlib.sha256).hexdigest()
            if name.endswith(".json"):
                documents.setdefault(server, {})[name] = digest
    return _short({"documents": documents, "servers": servers})


def of_servers(hosts: Iterable[Host], variables: Mapping[str, Mapping[str, Any]]) -> str:
    """12 hexadecimal digits over names, groups and addresses: another inventory has others."""
    return _short(
        {
            host.name: [
                sorted(host.groups),
                host.sip_address,
                host.media_address,
                host.public,
                *(str(variables[host.name].get(name, "")) for name in CONNECTION),
            ]
            for host in hosts
        }
    )


def _short(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:12]
