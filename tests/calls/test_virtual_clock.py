"""The virtual loop: an hour passes at once, and a world that waits for ever is told apart."""

import asyncio

import pytest

from pbx.calls.simulated import clock


def test_an_hour_of_sleep_takes_no_time() -> None:
    async def sleeper() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert clock.run(sleeper()) == pytest.approx(3600)


def test_timers_fire_in_order() -> None:
    async def both() -> list[str]:
        seen: list[str] = []

        async def note(name: str, after: float) -> None:
            await asyncio.sleep(after)
            seen.append(name)

        await asyncio.gather(note("late", 20), note("early", 5))
        return seen

    assert clock.run(both()) == ["early", "late"]
