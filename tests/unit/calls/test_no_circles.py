"""A call that is over goes at once: nothing of it waits for the garbage collector, whose turn may be an hour away."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path

from bench.call_in_memory import Wire, exchange_of

LONGEST = 100.0  # seconds: no transaction of a call that is over lives longer


def test_nothing_of_a_call_is_left_for_the_collector(tmp_path: Path) -> None:
    async def found() -> Counter[str]:
        wire = Wire()
        exchange = await exchange_of(wire, tmp_path)
        await wire.calls(5)  # tables and caches are filled
        gc.collect()
        gc.disable()
        await wire.calls(20)
        wire.now += LONGEST
        wire.stack.run_timers()
        wire.flush()
        for _ in range(3):  # turns of the loop: tasks that ended let go of what they held
            await asyncio.sleep(0)
        assert not exchange.calls and not wire.stack.sessions and not wire.stack.layer.servers
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return Counter(type(one).__qualname__ for one in gc.garbage if type(one).__module__.startswith("pbx."))

    try:
        assert asyncio.run(found()) == Counter()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
