"""One model as a call process serves it, and the opaque names of its tenants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from pbx.model.objects import Model, User

NONE: Mapping[str, str] = {}


@cache
def token_of(tenant: str) -> str:
    """The opaque name of a tenant in our Contact; the edge's table turns it back."""
    return hashlib.sha256(f"pbx-tenant-token/{tenant}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Serving:
    """One model as it is served: calls hold on to theirs, so a switch changes no call in progress."""

    model: Model
    secrets: Mapping[str, str] = field(default_factory=dict)
    site_revision: str = ""
    owned: frozenset[str] = frozenset()  # the tenants that the owner table gives to this process
    siblings: Mapping[str, str] = field(default_factory=dict)  # tenant → the process of the same host that owns it
    users: Mapping[str, Mapping[str, User]] = field(default_factory=dict)  # tenant → `<user>-<device>` → user

    @classmethod
    def of(
        cls,
        model: Model,
        secrets: Mapping[str, str],
        site_revision: str,
        owned: Iterable[str],
        siblings: Mapping[str, str] = NONE,
    ) -> Serving:
        """With the devices of each tenant by name, as the edge stamps them."""
        users = {
            tenant.id: {f"{user.id}-{device}": user for user in tenant.users.values() for device in user.devices}
            for tenant in model.tenants.values()
        }
        homes = {tenant: home for tenant, home in siblings.items() if tenant in model.tenants}
        return cls(model, secrets, site_revision, frozenset(owned) & frozenset(model.tenants), homes, users)
