"""Passwords as PostgreSQL keeps them."""

import pytest
from ansible_collections.pbx.core.plugins.module_utils.postgresql_server import fits, verifier

# RFC 7677 §3's example: user, "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 iterations; its server signature
# 6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4= is HMAC(ServerKey, the exchange's three messages)
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
MESSAGES = (
    "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    f"s={SALT},i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)


def test_a_verifier_is_that_of_the_standard() -> None:
    import base64
    import hmac

    kept = verifier("pencil", base64.b64decode(SALT))
    server_key = base64.b64decode(kept.rpartition(":")[2])
    signature = hmac.digest(server_key, MESSAGES.encode(), "sha256")
    assert base64.b64encode(signature).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_a_password_fits_its_own_verifier_only() -> None:
    assert fits(verifier("one-password"), "one-password")
    assert not fits(verifier("one-password"), "another")
    assert verifier("one-password") != verifier("one-password")


@pytest.mark.parametrize("kept", ["", "md5aaaa", "SCRAM-SHA-256$4096:%%%$a:b", "SCRAM-SHA-256$1:aaaa$b:c"])
def test_what_is_kept_in_another_way_does_not_fit(kept: str) -> None:
    assert not fits(kept, "one-password")
