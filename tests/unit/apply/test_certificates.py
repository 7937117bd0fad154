"""pbx_certificates: what a file says, what is refused before anything is written, what is told before its end."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from unit.apply.module_run import lines, run

pytestmark = pytest.mark.row("C01")

Capture = pytest.CaptureFixture[str]


def made(folder: Path, name: str, days: float = 90) -> x509.Certificate:
    """server.pem, server.key and ca.pem in a folder."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [(NameOID.COMMON_NAME, name), (NameOID.ORGANIZATION_NAME, "Ромашка")]
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=400))
    certificate = builder.not_valid_after(now + timedelta(days=days, minutes=5)).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(pem + pem)  # a chain: the first one counts
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(key.private_bytes(*plain))
    (folder / "ca.pem").write_bytes(pem)
    return certificate


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    place = tmp_path / "tls"
    files = {"certificate": "server.pem", "key": "server.key", "ca": "ca.pem"}
    return {**{name: str(place / file) for name, file in files.items()}, "from": str(tmp_path / "staged")}


def test_a_story(entry: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    certificate = made(tmp_path / "staged", "edge1")
    checked = run("pbx_certificates", capsys, check=True, certificates=[entry])
    assert not (tmp_path / "tls").exists()
    done = run("pbx_certificates", capsys, certificates=[entry])
    assert done["actions"] == checked["actions"] and done["expiring"] == []
    assert lines(done) == [f"create file {tmp_path}/tls/{name}" for name in ("ca.pem", "server.key", "server.pem")]
    assert (tmp_path / "tls/server.key").stat().st_mode & 0o777 == 0o640
    assert run("pbx_certificates", capsys, certificates=[entry])["changed"] is False

    found = run("pbx_certificates", capsys, state="gathered", certificates=[entry])["gathered"]
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert found[0]["subject"] == found[0]["issuer"] == "CN=edge1, O=Ромашка"
    assert found[0]["not_after"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert (found[0]["days_left"], found[0]["key_fits"]) == (90, True)
    assert found[0]["sha256"] == hashlib.sha256(der).hexdigest()
    assert run("pbx_certificates", capsys, certificates=found)["changed"] is False


def test_one_that_ends_soon_is_told(entry: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    made(tmp_path / "staged", "edge1", days=12)
    told = run("pbx_certificates", capsys, certificates=[entry])["expiring"]
    assert told == [f"{tmp_path}/tls/server.pem (CN=edge1, O=Ромашка) ends in 12 days"]
    assert run("pbx_certificates", capsys, certificates=[entry], warn_days=7)["expiring"] == []


def test_an_end_after_2049_is_written_otherwise(entry: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    made(tmp_path / "staged", "edge1", days=10000)
    run("pbx_certificates", capsys, certificates=[entry])
    assert run("pbx_certificates", capsys, state="gathered", certificates=[entry])["gathered"][0]["days_left"] == 10000


def test_what_must_not_be_used_changes_nothing(entry: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    made(tmp_path / "staged", "edge1")
    run("pbx_certificates", capsys, certificates=[entry])
    before = (tmp_path / "tls/server.pem").read_bytes(), (tmp_path / "tls/server.key").read_bytes()

    def refused() -> str:
        failed = run("pbx_certificates", capsys, certificates=[entry])
        assert failed["failed"]
        assert ((tmp_path / "tls/server.pem").read_bytes(), (tmp_path / "tls/server.key").read_bytes()) == before
        return str(failed["msg"])

    made(tmp_path / "staged", "edge1", days=-3)
    assert "staged/server.pem: it has ended at" in refused()
    made(tmp_path / "staged", "edge1")
    made(tmp_path / "other", "edge1")
    (tmp_path / "staged/server.key").write_bytes((tmp_path / "other/server.key").read_bytes())
    assert "it is not the key of" in refused()
    (tmp_path / "staged/server.pem").write_text("no certificate")
    assert "no PEM certificate is in it" in refused()
    (tmp_path / "staged/server.pem").write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
    assert "it cannot be decoded" in refused()


def test_a_missing_one_is_a_problem_when_read_and_an_error_when_wanted(
    entry: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    del entry["from"]
    found = run("pbx_certificates", capsys, state="gathered", certificates=[entry])["gathered"]
    assert found[0]["problem"] == f"{tmp_path}/tls/server.pem: No such file or directory"
    assert "No such file" in run("pbx_certificates", capsys, certificates=[entry])["msg"]
    assert run("pbx_certificates", capsys, certificates=[{}])["msg"].endswith("each entry needs certificate and key")
