"""What the calls of a tenant share in a live process, as each of them sees it."""

from __future__ import annotations

from pbx.calls.live.channels import Channels
from pbx.calls.live.health import TrunkHealth
from pbx.calls.state import TenantState
from pbx.model.objects import Trunk


class LiveState(TenantState):
    """Of one call: the trunks as the edge that it came by reaches them."""

    def __init__(self, edge: str, *, channels: Channels, health: TrunkHealth) -> None:
        self._edge = edge
        self._channels = channels
        self._health = health

    def trunk(self, trunk: Trunk) -> str:
        if self._health.is_down(self._edge, trunk.key):
            return "down"
        return "full" if self._channels.is_full(trunk) else "free"
