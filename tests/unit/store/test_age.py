"""Recordings at rest: what is sealed here another age opens, and the other way; read in parts; any change is seen."""

from __future__ import annotations

import io
from pathlib import Path

import pyrage
import pytest

from pbx.store.age import CHUNK, Identity, Opened, Unreadable, seal

pytestmark = pytest.mark.row("R18")

OURS = Identity.of("a secret of the site that is long enough")
LENGTHS = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 77)


def bech32(prefix: str, data: bytes) -> str:
    """BIP 173, as age writes its keys."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    spread = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    check = 1
    for word in (*spread, *words, 0, 0, 0, 0, 0, 0):
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ word
        for bit, value in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= value if top >> bit & 1 else 0
    words += [(check ^ 1) >> 5 * (5 - at) & 31 for at in range(6)]
    return f"{prefix}1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[word] for word in words)


def sealed(plain: bytes) -> bytes:
    target = io.BytesIO()
    seal(io.BytesIO(plain), target, OURS.public)
    return target.getvalue()


def opened(data: bytes, key: Identity | bytes = OURS) -> Opened:
    return Opened(len(data), lambda first, count: data[first : first + count], key)


def plain_of(length: int) -> bytes:
    return bytes(at * 7 % 251 for at in range(length))


@pytest.mark.parametrize("length", LENGTHS)
def test_another_age_opens_what_was_sealed_here(length: int) -> None:
    theirs = pyrage.x25519.Identity.from_str(bech32("age-secret-key-", OURS.secret).upper())
    assert pyrage.decrypt(sealed(plain_of(length)), [theirs]) == plain_of(length)


@pytest.mark.parametrize("length", LENGTHS)
def test_what_another_age_sealed_is_opened_here(length: int) -> None:
    recipient = pyrage.x25519.Recipient.from_str(bech32("age", OURS.public))
    found = opened(pyrage.encrypt(plain_of(length), [recipient]))
    assert found.size == length and b"".join(found.parts()) == plain_of(length)


def test_a_part_costs_the_chunks_that_it_is_in() -> None:
    plain = plain_of(3 * CHUNK + 77)
    data, fetched = sealed(plain), []

    def fetch(first: int, count: int) -> bytes:
        fetched.append(count)
        return data[first : first + count]

    found = Opened(len(data), fetch, OURS)
    for first, end in ((0, 1), (CHUNK - 1, CHUNK + 1), (2 * CHUNK, 3 * CHUNK), (3 * CHUNK + 70, None), (5, 5)):
        del fetched[:]
        assert b"".join(found.parts(first, end)) == plain[first:end]
        assert len(fetched) <= 2


def test_a_file_is_read_back_with_its_own_key_by_who_has_the_public_half_only(tmp_path: Path) -> None:
    target = io.BytesIO()
    key = seal(io.BytesIO(b"what was said"), target, OURS.public)
    assert b"".join(opened(target.getvalue(), key).parts()) == b"what was said"


@pytest.mark.parametrize("at", ["header", "wrapped", "mac", "nonce", "first chunk", "last chunk", "cut", "another key"])
def test_whatever_was_changed_is_refused(at: str) -> None:
    data = bytearray(sealed(plain_of(2 * CHUNK)))
    head = data.index(b"\n---")
    places = {
        "header": 3, "wrapped": head - 5, "mac": head + 10, "nonce": data.index(b"\n", head + 1) + 3,
        "first chunk": head + 100, "last chunk": len(data) - 20,
    }  # fmt: skip
    if at in places:
        data[places[at]] ^= 1
    if at == "cut":
        del data[-(CHUNK + 16) :]
    with pytest.raises(Unreadable):
        list(opened(bytes(data), Identity.of("another") if at == "another key" else OURS).parts())
