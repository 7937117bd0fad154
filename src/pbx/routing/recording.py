"""Which calls are recorded (`recordings` of the model, behaviour R17): by policies, all of whose `match` must fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pbx.model.objects import Tenant
from pbx.model.services import ALWAYS, ON_DEMAND, Recording
from pbx.routing.reason import Reason


def always(tenant: Tenant, direction: str, numbers: Collection[str]) -> Iterator[tuple[Recording, Reason]]:
    """The policies that record a call of this direction from its answer on, and why. `numbers` are ours: the one that
    was called, or the one that is shown."""
    return _matching(tenant, direction, numbers, ALWAYS)


def on_demand(tenant: Tenant, direction: str, numbers: Collection[str]) -> Iterator[tuple[Recording, Reason]]:
    """The policies that record it when somebody who talks asks for it."""
    return _matching(tenant, direction, numbers, ON_DEMAND)


def _matching(
    tenant: Tenant, direction: str, numbers: Collection[str], mode: str
) -> Iterator[tuple[Recording, Reason]]:
    for policy in tenant.services.recordings.values():
        if not policy.of_calls or policy.mode != mode or (policy.direction and direction not in policy.direction):
            continue
        number = next((number for number in numbers if number in policy.numbers), "")
        if number or not policy.numbers:
            code = "recorded_number" if number else "recorded"
            more = {"number": number} if number else {}
            yield policy, Reason(code, policy=policy.id, direction=direction, **more)
