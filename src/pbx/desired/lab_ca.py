"""A certificate authority for throw-away hosts: kept in a folder of the controller, one certificate a host.

Real hosts bring certificates of a real authority (`kamailio_tls_certificate` and its neighbours name their paths).
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS, HOST_DAYS, RENEW_DAYS = 3650, 397, 30


def certificate(folder: Path, host: str, names: Sequence[str]) -> tuple[Path, Path, Path]:
    """(certificate, key, CA certificate) of a host; made anew for other names, or when it ends within 30 days.

    One is kept for each set of names: a plan of another model must not change what the model in force gives the host.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
        if not (ca_path.exists() and ca_key_path.exists()):
            _make_ca(ca_path, ca_key_path)
        named = f"{host}-{hashlib.sha256(repr(sorted(set(names))).encode()).hexdigest()[:8]}"
        path, key_path = folder / f"{named}.pem", folder / f"{named}.key"
        ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
        if not (path.exists() and key_path.exists() and _still_good(path, ca, names)):
            key = serialization.load_pem_private_key(ca_key_path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            _make_host(path, key_path, host, names, ca, key)
    return path, key_path, ca_path


def _still_good(path: Path, ca: x509.Certificate, names: Sequence[str]) -> bool:
    have = x509.load_pem_x509_certificate(path.read_bytes())
    found = have.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    left = have.not_valid_after_utc - datetime.now(UTC)
    return have.issuer == ca.subject and set(found) == set(_names(names)) and left > timedelta(days=RENEW_DAYS)


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Addresses as addresses, the rest as DNS names, each once."""
    out: list[x509.GeneralName] = []
    for name in sorted(set(names)):
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            out.append(x509.DNSName(name))
    return out


def _builder(subject: str, days: int) -> tuple[x509.CertificateBuilder, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )
    return builder, key


def _make_ca(path: Path, key_path: Path) -> None:
    serial = os.urandom(4).hex()  # two labs' authorities must not be taken for one another
    builder, key = _builder(f"pbx lab {serial}", CA_DAYS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pbx lab {serial}")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    made = (
        builder.issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _private(key), 0o600)
    _write(path, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_host(
    path: Path,
    key_path: Path,
    host: str,
    names: Sequence[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
) -> None:
    builder, key = _builder(host, HOST_DAYS)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        builder.issuer_name(ca.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(key_path, _private(key), 0o600)
    _write(path, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _write(path: Path, data: bytes, mode: int) -> None:
    making = path.with_name(f".{path.name}.new")
    making.unlink(missing_ok=True)
    with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
    making.rename(path)
