"""Secrets that are made, not stored: device passwords from the site key, and the HA1s that leave the controller."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from pbx.model.objects import Device, Tenant, User
from pbx.model.services import ApiToken

SOUND_KEY = "sound_key"
TOKEN_LENGTH = 32  # of a given token of the API, at least
PASSWORD_LENGTH = 26  # characters of base32: 130 bits


class SecretError(ValueError):
    """A secret that the model names is not given, or the site key is unfit."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The controller's secrets: the key that device passwords are derived from, and the given ones by name."""

    site_key: str = field(repr=False)
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


def derived_password(site_key: str, tenant: str, user: str, device: str, generation: int) -> str:
    """base32(HMAC-SHA256(site key, tenant/user/device/generation)), lower case, without padding, cut to 130 bits."""
    if len(site_key) < 32:
        raise SecretError("pbx_site_key: at least 32 characters are needed")
    text = f"{tenant}/{user}/{device}/{generation}"
    digest = hmac.new(site_key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode("ascii").lower().rstrip("=")[:PASSWORD_LENGTH]


def device_password(site_key: str, given: Mapping[str, str], tenant: Tenant, user: User, device: Device) -> str:
    """What is typed into the phone: the given secret of the device, else the derived one."""
    if device.secret is None:
        return derived_password(site_key, tenant.id, user.id, device.id, device.generation)
    return given_secret(given, device.secret, f"{tenant.id}: users/{user.id}/devices/{device.id}")


def api_token(site_key: str, given: Mapping[str, str], tenant: str, token: ApiToken) -> str:
    """What a program sends: the given one, else `pbx_` and 130 bits of base32 made of the site key."""
    where = f"{tenant}: api_tokens/{token.id}"
    if token.secret is None:
        return "pbx_" + derived_password(site_key, tenant, "api_tokens", token.id, token.generation)
    value = given_secret(given, token.secret, where)
    if len(value) < TOKEN_LENGTH:  # its SHA-256 is on the host: what can be guessed can be found out
        raise SecretError(f"{where}: {token.secret} has fewer than {TOKEN_LENGTH} characters")
    return value


def sound_key(secrets: Secrets) -> str:
    """What messages are sealed with: of the site key, or of a given `sound_key`, which may outlive that one."""
    if len(secrets.site_key) < 32:
        raise SecretError("pbx_site_key: at least 32 characters are needed")
    source = secrets.given.get(SOUND_KEY) or secrets.site_key
    return hmac.new(source.encode(), b"sound key", hashlib.sha256).hexdigest()


def given_secret(given: Mapping[str, str], name: str, where: str) -> str:
    """The value of a named secret of the inventory (`pbx_secrets`)."""
    value = given.get(name)
    if not value:
        raise SecretError(f"{where}: pbx_secrets has no {name!r}")
    return value


def ha1(user: str, realm: str, password: str) -> str:
    """H(A1) of RFC 2617 §3.2.2.2 with MD5."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def tenant_token(tenant: str) -> str:
    """The opaque user part of our Contact towards an edge: tells the tenant, not the process."""
    return hashlib.sha256(f"pbx-tenant-token/{tenant}".encode()).hexdigest()[:12]
