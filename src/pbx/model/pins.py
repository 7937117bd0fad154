"""PINs as hosts have them: a salted hash, so that whoever reads the file of a host has to try them all, one by one."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re

PREFIX = "pin/"
"""Of their names among the secrets of call processes: `pin/<name of the secret>`."""
ROUNDS = 10_000
"""Of PBKDF2: about 4 ms, which callers do not notice, nor other calls of the process."""
COLUMNS = ("1470", "0741", "2580", "0852", "3690", "0963", "147258", "147258369", "159357", "1379", "2468", "1357")
"""Drawn on the keys of a telephone, or counted by twos."""
_DIGITS = re.compile(r"[0-9]{4,12}")


def is_pin(text: str) -> bool:
    """Can it be typed as one? 4 to 12 digits."""
    return _DIGITS.fullmatch(text) is not None


def weakness(pin: str, *others: str | None) -> str:
    """What is wrong with the PIN of a box, which every telephone of the world may try; "" for nothing. `others` are
    digits that everybody knows: the extension."""
    if not is_pin(pin):
        return "a PIN has 4 to 12 digits"
    if len(set(pin)) == 1:
        return "one digit again and again is what is tried first"
    if {int(after) - int(before) for before, after in itertools.pairwise(pin)} in ({1}, {-1}):
        return "digits in a row are what is tried first"
    if any(pin == pin[:part] * (len(pin) // part) for part in (2, 3)):
        return "the same digits again and again are what is tried soon"
    if pin in COLUMNS:
        return "what is drawn on the keys, or counted by twos, is tried soon"
    if pin in others:
        return "the extension is what is tried first"
    return ""


def hashed(pin: str, salt: bytes) -> str:
    """`pbkdf2-sha256$ROUNDS$SALT$HASH` (RFC 8018 §5.2); the same PIN with the same salt is the same text."""
    digest = hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, ROUNDS)
    return f"pbkdf2-sha256${ROUNDS}${salt.hex()}${digest.hex()}"


def is_right(stored: str, typed: str) -> bool:
    """Is this the PIN of a hash? What is no hash is right for nobody."""
    kind, _, rest = stored.partition("$")
    try:
        rounds, salt, wanted = rest.split("$")
        digest = hashlib.pbkdf2_hmac("sha256", typed.encode(), bytes.fromhex(salt), int(rounds))
    except (ValueError, OverflowError):
        return False
    return kind == "pbkdf2-sha256" and hmac.compare_digest(digest.hex(), wanted)
