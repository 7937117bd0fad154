"""What a certificate's file says: whom it is for, until when, and whether a key fits. Standard library only.

The few fields are read from the DER form (RFC 5280 §4.1); Python's own `ssl` decodes them for peers only. A file that
is no certificate is a CertificateError that says which.
"""

from __future__ import annotations

import calendar
import hashlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Certificate", "CertificateError", "fits", "read"]

_NAMES = {bytes.fromhex("550403"): "CN", bytes.fromhex("55040a"): "O", bytes.fromhex("55040b"): "OU"}
_SEQUENCE, _EXPLICIT_VERSION, _UTC_TIME = 0x30, 0xA0, 0x17
_DAY = 86400


class CertificateError(Exception):
    """The file is no certificate, or cannot be read; the message says which and why."""


@dataclass(frozen=True)
class Certificate:
    """The first certificate of a file. `ends` is in seconds of the epoch; `sha256` is of the DER form."""

    subject: str
    issuer: str
    ends: int
    sha256: str

    def days_left(self, now: float | None = None) -> int:
        """Whole days until it ends; negative when it has ended."""
        return int((self.ends - (time.time() if now is None else now)) // _DAY)

    @property
    def not_after(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.ends))


def read(path: str) -> Certificate:
    """The server's own certificate: the first of a PEM file, before its chain."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            text = stream.read()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    _before, _, rest = text.partition("-----BEGIN CERTIFICATE-----")
    body, end, _ = rest.partition("-----END CERTIFICATE-----")
    if not end:
        raise CertificateError(f"{path}: no PEM certificate is in it")
    try:
        der = ssl.PEM_cert_to_DER_cert(f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----\n")
        return _decoded(der)
    except (ValueError, IndexError) as error:
        raise CertificateError(f"{path}: it cannot be decoded") from error


def fits(certificate: str, key: str) -> bool:
    """Whether the key belongs to the certificate."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError):
        return False
    return True


def _decoded(der: bytes) -> Certificate:
    whole = next(_parts(der))[1]
    fields = [one for one in _parts(next(_parts(whole))[1]) if one[0] != _EXPLICIT_VERSION]
    _serial, _algorithm, issuer, validity, subject = fields[:5]
    _begin, end = _parts(validity[1])
    digest = hashlib.sha256(der).hexdigest()
    return Certificate(_name(subject[1]), _name(issuer[1]), _moment(*end), digest)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value that follows another (X.690 §8.1)."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("it is cut")
        yield tag, data[at : at + length]
        at += length


def _name(data: bytes) -> str:
    """`CN=edge1, O=Romashka`."""
    found = []
    for _tag, relative in _parts(data):
        for _sequence, pair in _parts(relative):
            (_oid, oid), (_text, text) = _parts(pair)
            found.append(f"{_NAMES.get(oid, oid.hex())}={text.decode(errors='replace')}")
    return ", ".join(found)


def _moment(tag: int, text: bytes) -> int:
    """UTCTime has two digits of the year (RFC 5280 §4.1.2.5), GeneralizedTime four."""
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return calendar.timegm(time.strptime(text.decode(), form))
