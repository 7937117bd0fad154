"""Canonical JSON and the revision made of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The same bytes for the same data: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def revision(value: Any) -> str:
    """SHA-256 of the canonical form, 12 hex digits (contracts §7.1)."""
    return hashlib.sha256(canonical(value)).hexdigest()[:12]
