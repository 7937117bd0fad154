"""The same bytes for the same data."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
