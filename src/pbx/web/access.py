"""Who asks, and what they may: tokens by their SHA-256, roles as sets of scopes.

A token is one of a tenant; nothing that it asks for ever names a tenant, and what belongs to another is not there. The
file of tokens comes with an apply and is read again when it has changed. It holds no secret: a token has at least 128
bits of chance in it, so that its SHA-256 tells nobody anything.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

log = logging.getLogger("pbx-web")

Scope = Literal[
    "calls:read",
    "calls:write",
    "records:read",
    "people:read",
    "people:write",
    "events:read",
    "audit:read",
    "messages:read",
    "messages:write",
    "recordings:read",
    "recordings:listen",
    "recordings:manage",
]
Role = Literal["admin", "supervisor", "user", "read_only"]

_MAIL: frozenset[Scope] = frozenset({"messages:read", "messages:write"})  # a letter is for whom it is for
_READS: frozenset[Scope] = frozenset({"calls:read", "records:read", "people:read", "events:read", "recordings:read"})
_HEARS: frozenset[Scope] = frozenset({"recordings:listen"})  # of those recordings that its role of the model hears
ROLES: Mapping[Role, frozenset[Scope]] = {
    "admin": _READS | _MAIL | _HEARS | {"calls:write", "people:write", "audit:read", "recordings:manage"},
    "supervisor": _READS | _HEARS | {"calls:write"},
    "user": _READS | _MAIL | _HEARS | {"calls:write", "people:write"},  # of the own person only
    "read_only": _READS,
}
LOOK_AGAIN = 1.0  # seconds between two looks at the file


@dataclass(frozen=True, slots=True)
class Token:
    """`user`: the person whom alone the token is for (role user); `expires`: seconds of UTC; `rate`: requests a
    second; `hears`: the role of the model in which recordings are heard."""

    id: str
    tenant: str
    role: Role
    scopes: frozenset[Scope]
    sha256: str
    user: str | None = None
    expires: float | None = None
    rate: float = 10.0
    hears: str | None = None

    @property
    def name(self) -> str:
        return f"{self.tenant}/{self.id}"

    def is_for(self, person: str | None) -> bool:
        """May the token have to do with this person?"""
        return self.user is None or self.user == person


def token_of(tenant: str, plain: Mapping[str, Any]) -> Token:
    """A token of the file. Raises KeyError, TypeError, ValueError for one that is none."""
    role: Role = plain["role"]
    asked = frozenset(plain.get("scopes") or ROLES[role])
    if role == "user" and not plain.get("user"):
        raise ValueError("role user without a user")
    return Token(
        id=plain["id"],
        tenant=tenant,
        role=role,
        scopes=asked & ROLES[role],
        sha256=plain["sha256"],
        user=plain.get("user"),
        expires=plain.get("expires"),
        rate=float(plain.get("rate", 10)),
        hears=plain.get("hears"),
    )


@dataclass
class Tokens:
    """The tokens of the file, by the SHA-256 (hex) of what is sent."""

    path: Path
    clock: Callable[[], float] = time.time
    _by_hash: Mapping[str, Token] = field(default_factory=dict)
    _listen: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    _looked: float = 0.0
    _seen: tuple[int, int, int] | None = None

    def find(self, secret: str) -> Token | None:
        """The token that was sent, unless it is unknown or expired. The time that it takes tells nothing: what is
        looked up is a hash, and what is found is compared once more, in constant time."""
        self._look()
        digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
        token = self._by_hash.get(digest)
        if token is None or not hmac.compare_digest(token.sha256, digest):
            return None
        return token if token.expires is None or self.clock() < token.expires else None

    def holds(self, token: Token) -> bool:
        """Is the token, which was found before, still one that is let in?"""
        self._look()
        known = self._by_hash.get(token.sha256)
        return known == token and (token.expires is None or self.clock() < token.expires)

    def may_hear(self, token: Token, policy: str, listen: Sequence[str]) -> bool:
        """Does the token's role hear recordings of this policy, as it is today? `listen` is what it was when such a
        recording was made: that counts when the policy is no more."""
        self._look()
        return token.hears is not None and token.hears in self._listen.get((token.tenant, policy), listen)

    def policies_heard(self, token: Token) -> tuple[str, ...]:
        """Those of today whose recordings the token's role hears."""
        self._look()
        return tuple(
            sorted(
                policy
                for (tenant, policy), roles in self._listen.items()
                if tenant == token.tenant and token.hears in roles
            )
        )

    def _look(self) -> None:
        now = time.monotonic()
        if self._seen is not None and now - self._looked < LOOK_AGAIN:
            return
        self._looked = now
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen != self._seen:
                document = orjson.loads(self.path.read_bytes())
                self._by_hash, self._listen = tokens_in(document), listen_in(document)
                self._seen = seen
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            log.error("the tokens stay as they were: %s: %r", self.path, error)
            self._seen = self._seen or (0, 0, 0)


def tokens_in(document: Mapping[str, Any]) -> dict[str, Token]:
    """Of the file: `{"tenants": {ID: {"tokens": [{id, role, sha256, …}], "recordings": {POLICY: [role, …]}}}}`."""
    return {
        plain["sha256"]: token_of(tenant, plain)
        for tenant, entry in document["tenants"].items()
        for plain in entry["tokens"]
    }


def listen_in(document: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """(tenant, policy) → the roles that hear its recordings."""
    return {
        (tenant, policy): frozenset(roles)
        for tenant, entry in document["tenants"].items()
        for policy, roles in entry.get("recordings", {}).items()
    }
