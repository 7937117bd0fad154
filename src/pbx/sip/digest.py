"""Digest authentication as a client: answers to the 401 and 407 of carriers (RFC 7616, RFC 2617, RFC 8760)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from pbx.sip import headers
from pbx.sip.message import Response

_HASHES: dict[str, Callable[[str], str]] = {
    "MD5": lambda text: hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest(),
    "SHA-256": lambda text: hashlib.sha256(_bytes(text)).hexdigest(),
}


class Challenge:
    """One Digest challenge that we can answer, and how often its nonce was used."""

    __slots__ = ("algorithm", "count", "header", "nonce", "opaque", "qop", "realm", "stale")

    def __init__(self, header: str, fields: dict[str, str]) -> None:
        self.header = header  # the field the answer goes into
        self.realm = fields.get("realm", "")
        self.nonce = fields.get("nonce", "")
        self.opaque = fields.get("opaque")
        self.algorithm = fields.get("algorithm", "MD5").upper()
        self.qop = "auth" if "auth" in [part.strip() for part in fields.get("qop", "").lower().split(",")] else ""
        self.stale = fields.get("stale", "").lower() == "true"
        self.count = 0


class DigestClient:
    """The login of one peer: answers its challenges and reuses the nonce for the requests that follow."""

    __slots__ = ("_challenges", "_password", "_rng", "_user")

    def __init__(self, user: str, password: str, rng: random.Random | None = None) -> None:
        self._user = user
        self._password = password
        self._rng = rng or random.SystemRandom()
        self._challenges: dict[tuple[str, str], Challenge] = {}

    def learn(self, response: Response, first: bool) -> bool:
        """Take in a 401 or 407; True when the request is worth repeating. `first`: it was not repeated yet.

        A repeated request that is challenged again by the same realm has a wrong password, unless the nonce is `stale`.
        """
        learned = False
        for name, answer in (("www-authenticate", "Authorization"), ("proxy-authenticate", "Proxy-Authorization")):
            for line in response.get_all(name):
                challenge = parse_challenge(line, answer)
                if challenge is None:
                    continue
                key = answer, challenge.realm
                if key in self._challenges and not (first or challenge.stale):
                    return False
                self._challenges[key] = challenge
                learned = True
                break  # the first that we know is the one the server likes best (RFC 8760 §2.3)
        return learned

    def lines(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The credentials for a request, one field per realm; none before the first challenge."""
        return [(challenge.header, self._answer(challenge, method, uri)) for challenge in self._challenges.values()]

    def _answer(self, challenge: Challenge, method: str, uri: str) -> str:
        digest = _HASHES[challenge.algorithm.removesuffix("-SESS")]
        challenge.count += 1
        count, cnonce = f"{challenge.count:08x}", f"{self._rng.getrandbits(64):016x}"
        a1 = digest(f"{self._user}:{challenge.realm}:{self._password}")
        if challenge.algorithm.endswith("-SESS"):
            a1 = digest(f"{a1}:{challenge.nonce}:{cnonce}")
        a2 = digest(f"{method}:{uri}")
        middle = f"{challenge.nonce}:{count}:{cnonce}:auth" if challenge.qop else challenge.nonce
        response = digest(f"{a1}:{middle}:{a2}")
        text = (
            f'Digest username="{_quote(self._user)}", realm="{_quote(challenge.realm)}", '
            f'nonce="{_quote(challenge.nonce)}", uri="{_quote(uri)}", response="{response}", '
            f"algorithm={challenge.algorithm}"
        )
        if challenge.qop:
            text += f', qop=auth, nc={count}, cnonce="{cnonce}"'
        elif challenge.algorithm.endswith("-SESS"):
            text += f', cnonce="{cnonce}"'
        if challenge.opaque is not None:
            text += f', opaque="{_quote(challenge.opaque)}"'
        return text


def parse_challenge(line: str, header: str) -> Challenge | None:
    """Read one WWW-Authenticate or Proxy-Authenticate; None for one that cannot be answered."""
    scheme, _, rest = line.partition(" ")
    if scheme.lower() != "digest":
        return None
    fields = headers.parameters("".join(f";{part}" for part in headers.split_commas(rest)))
    challenge = Challenge(header, fields)
    if challenge.algorithm.removesuffix("-SESS") not in _HASHES or not challenge.nonce:
        return None
    if fields.get("qop") and not challenge.qop:  # only auth-int
        return None
    return challenge


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
