"""Recordings at rest: files of the age format, version 1 (C2SP age.md), for one X25519 recipient.

A host that seals has the public half only. What is sealed is read by any age, and here in parts: the payload is chunks
of 64 KiB, each sealed by itself (STREAM), so that a listener who seeks costs the chunks of what is heard.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK = 64 * 1024
TAG = 16
NONCE = 16
MOST_HEADER = 4096  # bytes; ours have 200
_VERSION = b"age-encryption.org/v1\n"
_STANZA = b"age-encryption.org/v1/X25519"
_ZERO = bytes(12)


class Unreadable(Exception):
    """For another key, damaged, or no age at all."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The half that reads."""

    secret: bytes

    @classmethod
    def of(cls, secret: str) -> Identity:
        """Made of a secret of the site."""
        return cls(hmac.digest(secret.encode(), b"pbx recordings", hashlib.sha256))

    @property
    def public(self) -> bytes:
        """The half that seals: 32 bytes, no secret."""
        return X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()


def name_of(public: bytes) -> str:
    """Tells keys apart: kept with what was sealed."""
    return hashlib.sha256(b"pbx recordings" + public).hexdigest()[:8]


def seal(source: BinaryIO, target: BinaryIO, public: bytes) -> bytes:
    """Read all of `source` and write it sealed; returns the key of this file alone, to read it back with. Raises
    OSError."""
    file_key = os.urandom(16)
    ours = X25519PrivateKey.generate()
    ephemeral = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(public))
    wrapped = ChaCha20Poly1305(_derive(shared, ephemeral + public, _STANZA)).encrypt(_ZERO, file_key, None)
    head = _VERSION + b"-> X25519 " + _text(ephemeral) + b"\n" + _text(wrapped) + b"\n---"
    nonce = os.urandom(NONCE)
    target.write(head + b" " + _text(_mac(file_key, head)) + b"\n" + nonce)
    cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    number, piece = 0, source.read(CHUNK)
    while True:
        following = source.read(CHUNK)
        target.write(cipher.encrypt(_number(number, last=not following), piece, None))
        if not following:
            return file_key
        number, piece = number + 1, following


class Opened:
    """A sealed file, `size` bytes of it at rest, of which `fetch(first, count)` gives parts."""

    def __init__(self, size: int, fetch: Callable[[int, int], bytes], key: Identity | bytes) -> None:
        """`key`: the identity, or what `seal` returned. Raises Unreadable."""
        self._fetch = fetch
        head, file_key = _opened_header(fetch(0, min(size, MOST_HEADER)), key)
        self._begin = len(head) + NONCE
        nonce = fetch(len(head), NONCE)
        sealed = size - self._begin
        self._chunks = max(1, -(-sealed // (CHUNK + TAG)))
        self._cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
        self._sealed = sealed
        self.size = sealed - self._chunks * TAG
        if len(nonce) < NONCE or self.size < 0:
            raise Unreadable("it is cut off")

    def parts(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `first` to before `end`, a chunk at a time. Raises Unreadable, or what `fetch` raises."""
        end = self.size if end is None else min(end, self.size)
        for number in range(first // CHUNK, -(-end // CHUNK) if end else 1):
            start = number * CHUNK
            yield self._chunk(number)[max(0, first - start) : max(0, end - start)]

    def _chunk(self, number: int) -> bytes:
        at = number * (CHUNK + TAG)
        piece = self._fetch(self._begin + at, min(CHUNK + TAG, self._sealed - at))
        try:
            return self._cipher.decrypt(_number(number, last=number == self._chunks - 1), piece, None)
        except InvalidTag:
            raise Unreadable(f"chunk {number} was changed") from None


def _opened_header(begin: bytes, key: Identity | bytes) -> tuple[bytes, bytes]:
    """The header with its line end, and the key of the file."""
    try:
        head, rest = begin[: begin.index(b"\n---")] + b"\n---", begin[begin.index(b"\n---") + 4 :]
        said = rest[: rest.index(b"\n")]
        version, stanza, body = (head + b"\n").split(b"\n")[:3]
        arrow, kind, share = stanza.split(b" ")
        if version + b"\n" != _VERSION or (arrow, kind) != (b"->", b"X25519"):
            raise Unreadable("it is not for one X25519 recipient")
        file_key = key if isinstance(key, bytes) else _unwrapped(key, _bytes(share), _bytes(body))
        if not hmac.compare_digest(_bytes(said.strip()), _mac(file_key, head)):
            raise Unreadable("its header was changed")
    except (ValueError, binascii.Error) as error:
        raise Unreadable("it is no age file") from error
    return head + said + b"\n", file_key


def _unwrapped(identity: Identity, share: bytes, body: bytes) -> bytes:
    shared = X25519PrivateKey.from_private_bytes(identity.secret).exchange(X25519PublicKey.from_public_bytes(share))
    try:
        return ChaCha20Poly1305(_derive(shared, share + identity.public, _STANZA)).decrypt(_ZERO, body, None)
    except InvalidTag:
        raise Unreadable("it is for another key") from None


def _derive(key: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _mac(file_key: bytes, head: bytes) -> bytes:
    return hmac.digest(_derive(file_key, None, b"header"), head, hashlib.sha256)


def _number(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _text(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
