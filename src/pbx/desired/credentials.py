"""What a person types into a phone: server, names and password of each device of a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pbx.desired.hosts import Host, InventoryError, of_group
from pbx.desired.secrets import Secrets, api_token, device_password
from pbx.model.objects import Model, Tenant, User


class Unknown(ValueError):
    """No such user, or the same id in several tenants."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One device's account."""

    device: str
    server: str
    port: int
    domain: str
    user: str
    realm: str
    password: str

    def plain(self) -> dict[str, str | int]:
        return asdict(self)

    def text(self) -> str:
        """One line a field, as the pages of phones call them."""
        rows = [
            ("device", self.device),
            ("server (outbound proxy)", f"{self.server}:{self.port}"),
            ("domain (SIP server)", self.domain),
            ("user name", self.user),
            ("auth name", self.user),
            ("realm", self.realm),
            ("password", self.password),
        ]
        return "\n".join(f"{name:24} {value}" for name, value in rows)


def credentials(model: Model, hosts: Sequence[Host], secrets: Secrets, wanted: str) -> list[Credentials]:
    """The accounts of `[TENANT/]USER`. Raises Unknown, InventoryError, SecretError."""
    edges = of_group(hosts, "edges")
    if not edges:
        raise InventoryError("the inventory has no host in: edges")
    tenant, user = _find(model, wanted)
    devices = [device for _id, device in sorted(user.devices.items()) if device.type != "outside"]
    if not devices:
        raise Unknown(f"{tenant.id}/{user.id} has no device that registers")
    return [
        Credentials(
            device=device.id,
            server=edges[0].public,
            port=5060,
            domain=tenant.domain,
            user=f"{user.id}-{device.id}",
            realm=tenant.domain,
            password=device_password(secrets.site_key, secrets.given, tenant, user, device),
        )
        for device in devices
    ]


def token_of(model: Model, secrets: Secrets, wanted: str) -> str:
    """What a program sends for `[TENANT/]TOKEN`. Raises Unknown, SecretError."""
    tenant_id, _, name = wanted.rpartition("/")
    found = [
        (tenant, tenant.services.api_tokens[name])
        for tenant in model.tenants.values()
        if name in tenant.services.api_tokens and tenant_id in ("", tenant.id)
    ]
    if not found:
        raise Unknown(f"no token {wanted!r} of the API")
    if len(found) > 1:
        raise Unknown(f"{wanted!r} is in several tenants: {', '.join(f'{tenant.id}/{name}' for tenant, _ in found)}")
    tenant, token = found[0]
    return api_token(secrets.site_key, secrets.given, tenant.id, token)


def _find(model: Model, wanted: str) -> tuple[Tenant, User]:
    tenant_id, _, user_id = wanted.rpartition("/")
    found = [
        (tenant, tenant.users[user_id])
        for tenant in model.tenants.values()
        if user_id in tenant.users and tenant_id in ("", tenant.id)
    ]
    if not found:
        raise Unknown(f"no user {wanted!r}")
    if len(found) > 1:
        names = ", ".join(f"{tenant.id}/{user_id}" for tenant, _user in found)
        raise Unknown(f"{wanted!r} is in several tenants: {names}")
    return found[0]
