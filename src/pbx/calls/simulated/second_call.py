"""Another call of somebody who talks: to ask somebody, and then to join the two (an attended transfer, RFC 5589 §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from pbx.calls.call import Call
from pbx.calls.leg import CalleeLeg, DeviceTarget, Wish
from pbx.calls.record import CallRecord

ASKS_FOR = 0.5  # seconds that the two talk before they are joined with the other one

Begin = Callable[[CallRecord], Call]
"""Makes the second call of a record, with a world of its own, of the same house."""


async def consult(
    first: Call, by: CalleeLeg, digits: str, wish: Wish, begin: Begin, story: Callable[[Call], object]
) -> None:
    """Whoever answered `first` at `by` calls these digits from another line; once somebody talks there, `wish` is what
    is asked for. Returns at the end of the second call."""
    assert isinstance(by.target, DeviceTarget)
    person = first.tenant.users[by.target.user]
    record = replace(
        first.record,
        id=f"{first.record.id}-2",
        direction="internal",
        caller=person.extension,
        dialled=digits,
        number=None,
        source=by.label,
        started=first.moment(),
        path=[],
        reasons=[],
        facts={},
        answered=None,
        answered_by=None,
    )
    second = begin(record)
    second.house = first.house
    first.house.calls[record.id] = second
    running = asyncio.ensure_future(second.run(story))  # type: ignore[arg-type]
    news = asyncio.Event()
    second.connections.observe(news.set)
    running.add_done_callback(lambda _: news.set())
    try:
        while not running.done() and second.connections.joined is None:
            news.clear()
            await news.wait()
        await asyncio.sleep(ASKS_FOR)
        wish.call, wish.leg = record.id, second.caller
        if first.connections.on_wish is not None and not running.done() and not by.gone.done():
            first.connections.on_wish(wish)
        await running
    finally:
        running.cancel()
        first.house.calls.pop(record.id, None)
