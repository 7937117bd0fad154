"""Sound that is encrypted as it is recorded: a file that was cut off by a kill is whole up to its last piece.

AES-256-GCM. Each recording has a key of its own, made of the site's and its id, so the number of a piece may be its
nonce; one that is sealed again, whole, in other pieces, counts from AGAIN, so that no nonce is used twice. A piece is
its length in two bytes, then what it says and the tag of 16 bytes, which holds the id too: a piece of another
recording, or at another place, is refused. That pieces are missing at the end shows by the length that the store has.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = struct.Struct(">H")
_NONCE = struct.Struct(">4xQ")
TAG = 16
AGAIN = 1 << 32


class Unreadable(Exception):
    """Sealed with another key, or damaged."""


def key_of(secret: str) -> bytes:
    """The key that all recordings' keys are made of, from a secret of the site."""
    return hmac.digest(secret.encode(), b"pbx sound", hashlib.sha256)


def name_of(key: bytes) -> str:
    """Tells keys apart and gives nothing away: kept with what was sealed."""
    return hashlib.sha256(b"pbx sound key" + key).hexdigest()[:8]


class Seal:
    """Seals one recording piece by piece, in order; `again` once more, when it is whole."""

    def __init__(self, key: bytes, recording: str, *, again: bool = False) -> None:
        self._cipher, self._about = _cipher(key, recording)
        self._number = AGAIN if again else 0

    def piece(self, sound: bytes) -> bytes:
        """At most 65,519 bytes of sound."""
        sealed = self._cipher.encrypt(_NONCE.pack(self._number), sound, self._about)
        self._number += 1
        return _LENGTH.pack(len(sealed)) + sealed


def opened(key: bytes, recording: str, data: bytes) -> bytes:
    """All that was said, up to the last whole piece. Raises Unreadable."""
    cipher, about = _cipher(key, recording)
    pieces = list(whole_pieces(data))
    for first in (AGAIN, 0):  # as it was left whole, or by a kill
        with contextlib.suppress(InvalidTag):
            opened = [cipher.decrypt(_NONCE.pack(number), piece, about) for number, piece in enumerate(pieces, first)]
            return b"".join(opened)
    raise Unreadable(recording)


def whole_pieces(data: bytes) -> Iterator[bytes]:
    """The pieces, sealed; a torn one at the end is left out."""
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + length > len(data):
            return
        yield data[at : at + length]
        at += length


def _cipher(key: bytes, recording: str) -> tuple[AESGCM, bytes]:
    about = recording.encode()
    return AESGCM(hmac.digest(key, about, hashlib.sha256)), about
