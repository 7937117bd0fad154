"""SRTP of the tests: AES_CM_128_HMAC_SHA1_80 with keys by SDES (RFC 3711 §4, §7; RFC 4568), for a new stream."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TAG = 10  # octets


class Crypto:
    """One direction: `inline` is the key and salt of an `a=crypto` line. Streams shorter than 65,536 packets."""

    def __init__(self, inline: str) -> None:
        both = base64.b64decode(inline)
        self._master, self._salt = both[:16], both[16:30]
        self._key = self._derived(0, 16)
        self._auth = self._derived(1, 20)
        self._session_salt = self._derived(2, 14)
        self._highest = -1  # sequence number with its rollovers

    def protect(self, packet: bytes) -> bytes:
        index = self._index(packet)
        sealed = packet[:12] + self._mask(packet, index)
        return sealed + self._tag(sealed, index)

    def unprotect(self, packet: bytes) -> bytes | None:
        """None: it is not authentic, and so perhaps not encrypted at all."""
        index = self._index(packet)
        body, tag = packet[:-TAG], packet[-TAG:]
        if not hmac.compare_digest(self._tag(body, index), tag):
            return None
        return body[:12] + self._mask(body, index)

    def _index(self, packet: bytes) -> int:
        number = int.from_bytes(packet[2:4])
        rollovers, last = divmod(max(self._highest, 0), 65536)
        if self._highest >= 0 and number < last - 32768:
            rollovers += 1
        self._highest = max(self._highest, rollovers * 65536 + number)
        return rollovers * 65536 + number

    def _derived(self, label: int, length: int) -> bytes:
        start = int.from_bytes(self._salt) ^ (label << 48)
        return _keystream(self._master, (start << 16).to_bytes(16), length)

    def _mask(self, packet: bytes, index: int) -> bytes:
        ssrc = int.from_bytes(packet[8:12])
        start = (int.from_bytes(self._session_salt) << 16) ^ (ssrc << 64) ^ (index << 16)
        stream = _keystream(self._key, start.to_bytes(16), len(packet) - 12)
        return bytes(one ^ other for one, other in zip(packet[12:], stream, strict=True))

    def _tag(self, packet: bytes, index: int) -> bytes:
        return hmac.new(self._auth, packet + (index >> 16).to_bytes(4), hashlib.sha1).digest()[:TAG]


def _keystream(key: bytes, start: bytes, length: int) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor().update(bytes(length))
