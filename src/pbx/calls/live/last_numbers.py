"""The last numbers of people, as a call process knows them: those of its own calls in memory; of others it asks the
store, once a code is dialled that needs them. No other call waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from pbx.calls.record import CallRecord
from pbx.model.objects import User
from pbx.store import last_numbers
from pbx.store.database import FAILURES
from pbx.store.last_numbers import Last

log = logging.getLogger(__name__)

ASKED_WITHIN = 1.5  # seconds; whoever dialled hears nothing so long

Ask = Callable[[str, Sequence[str]], list[Last]]
"""What the store knows of telephones of a tenant; it may take its time, and raise FAILURES."""


class LastNumbers:
    """By tenant, telephone and way."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._of: dict[str, dict[tuple[str, str], Last]] = {}

    def learn(self, tenant: str, lasts: Sequence[Last]) -> None:
        known = self._of.setdefault(tenant, {})
        for last in lasts:
            before = known.get(last[:2])
            if before is None or before.at <= last.at:
                known[last[:2]] = last

    def hear(self, record: CallRecord) -> None:
        """A call begins, or is over."""
        said = {name: getattr(record, name) for name in last_numbers.ASKED}
        self.learn(record.tenant, tuple(last_numbers.told(said)))

    def forget(self, tenants: Collection[str]) -> None:
        """Another process serves them now."""
        for tenant in tenants:
            self._of.pop(tenant, None)

    async def number(self, tenant: str, person: User, way: str) -> str | None:
        """The person's last number of this way, "" for one that was hidden; None when none is known."""
        telephones = [*(f"device {person.id}-{device}" for device in person.devices), f"api {person.id}"]
        found = self._newest(tenant, telephones, way)
        if found is None:
            await self._learn_from_store(tenant, telephones)
            found = self._newest(tenant, telephones, way)
        return found.number if found is not None else None

    def _newest(self, tenant: str, telephones: Sequence[str], way: str) -> Last | None:
        known = self._of.get(tenant, {})
        found = [known[telephone, way] for telephone in telephones if (telephone, way) in known]
        return max(found, key=lambda last: last.at, default=None)

    async def _learn_from_store(self, tenant: str, telephones: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(ASKED_WITHIN):
                self.learn(tenant, await asyncio.to_thread(self._ask, tenant, telephones))
        except (*FAILURES, TimeoutError) as error:
            log.warning("%s: last numbers cannot be read from the store: %r", tenant, error)
