"""The PINs of conference rooms and voicemail boxes as call processes have them: salted hashes (contracts §7.2)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

from pbx.desired.secrets import SecretError, Secrets, given_secret
from pbx.model import pins
from pbx.model.objects import Model, Tenant


def hashes(model: Model, secrets: Secrets) -> dict[str, str]:
    """`pin/<name of the secret>` → its hash. Raises SecretError that names every one that is missing or no PIN."""
    values: dict[str, str] = {}
    wrong: list[str] = []
    for tenant in model.tenants.values():
        for where, name, extension in _named(tenant):
            try:
                values[f"{pins.PREFIX}{name}"] = _hashed(secrets, name, f"{tenant.id}: {where}", extension)
            except SecretError as error:
                wrong.append(str(error))
        for room in tenant.services.conferences.values():
            given = [secrets.given.get(name) for name in (room.pin, room.moderator_pin) if name is not None]
            if len(given) == 2 and given[0] == given[1] is not None:
                wrong.append(f"{tenant.id}: conferences/{room.id}: whoever types the PIN of both would be no moderator")
    if wrong:
        raise SecretError("\n".join(wrong))
    return values


def _named(tenant: Tenant) -> Iterator[tuple[str, str, str]]:
    """Each place of the tenant's model that names a PIN, the name of its secret, and the extension, which it must not
    be; "" for none."""
    for room in tenant.services.conferences.values():
        for key, name in (("pin", room.pin), ("moderator_pin", room.moderator_pin)):
            if name is not None:
                yield f"conferences/{room.id}/{key}", name, room.extension or ""
    for box in tenant.services.voicemails.values():
        if box.first_pin is not None:
            yield f"voicemails/{box.id}/first_pin", box.first_pin, tenant.users[box.owner].extension or ""


def _hashed(secrets: Secrets, name: str, where: str, extension: str) -> str:
    """The salt is made of the site key, so that the same PIN is the same document again."""
    value = given_secret(secrets.given, name, where)
    if not pins.is_pin(value):
        raise SecretError(f"{where}: {name} is no PIN: 4 to 12 digits can be typed")
    if why := pins.weakness(value, extension):
        raise SecretError(f"{where}: {name} is too easy: {why}")
    salt = hmac.new(secrets.site_key.encode(), f"pbx-pin/{name}".encode(), hashlib.sha256).digest()[:16]
    return pins.hashed(value, salt)
