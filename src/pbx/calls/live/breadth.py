"""How many branches may ring at once on behalf of one request (RFC 5393 §5.3): what came with it, shared out."""

from __future__ import annotations

from pbx.sip.headers import number
from pbx.sip.message import Request

EXCEEDED = 440, "Max-Breadth Exceeded"


class Breadth:
    """Of one call. Without a limit from whoever called nothing is counted, and no leg is told any."""

    def __init__(self, request: Request | None) -> None:
        value = number(request.get("max-breadth")) if request is not None else -1
        self._left = value if value >= 0 else None
        self._share = 1

    def forks(self, branches: int) -> None:
        """So many will be rung at once: each gets as much of what is left."""
        if self._left is not None:
            self._share = max(1, self._left // max(1, branches))

    def take(self) -> int | None:
        """What a leg may fork further; None for no limit, 0: it may not be rung."""
        if self._left is None:
            return None
        taken = min(self._share, self._left)
        self._left -= taken
        return taken

    def give_back(self, taken: int | None) -> None:
        """The leg has its final answer."""
        if self._left is not None and taken:
            self._left += taken
