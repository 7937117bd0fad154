"""The edge's certificate: made by the lab's own authority, good for who trusts that, refused by who trusts another."""

from pathlib import Path
from typing import Any

import pytest
from phones.romashka.lab import AUTHORITY

pytestmark = pytest.mark.lab


def handshake(lab: Any, authority: Path) -> Any:
    words = ["s_client", "-connect", "10.77.0.11:5061", "-CAfile", str(authority), "-verify_return_error", "-brief"]
    names = ["-verify_hostname", "romashka.example"]
    return lab.exec("phone5", "openssl", *words, *names, input="", check=False)


@pytest.mark.row("R21")
def test_a_phone_that_trusts_the_labs_authority_gets_a_connection(pbx: Any) -> None:
    done = handshake(pbx, AUTHORITY)
    assert done.returncode == 0 and "Verification: OK" in done.stderr + done.stdout, done.stderr


def test_one_that_trusts_another_refuses(pbx: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    subject = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    pbx.exec("phone5", "openssl", *subject, "-subj", "/CN=another", "-keyout", "/dev/null", "-out", str(other))
    done = handshake(pbx, other)
    assert done.returncode != 0 and "verify" in (done.stderr + done.stdout).lower()
