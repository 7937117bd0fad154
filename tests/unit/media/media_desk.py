"""A client of the engine with its events, and phones that are its legs: what the engine tests have in common."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from unit.media.conftest import MediaEngine
from unit.media.media_phone import PCMA, Heard, Phone, loudest

from pbx.media.engine_client import EngineClient

Story = Callable[["Desk"], Awaitable[None]]


class Desk:
    """A client of the engine, its events, and phones that are legs."""

    def __init__(self, engine: MediaEngine, client: EngineClient) -> None:
        self.engine = engine
        self.client = client
        self.events: list[dict[str, Any]] = []
        self.phones: list[Phone] = []
        self._news = asyncio.Event()
        client.on_event = self._on_event

    def _on_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._news.set()

    async def phone(self, leg: str, tone: float = 0.0, payload_type: int = PCMA) -> Phone:
        """A phone whose RTP port is a leg of the engine."""
        phone = await Phone(tone, payload_type).open()
        self.phones.append(phone)
        phone.peer = self.client.address
        await self.client.add_leg(leg, remote=("127.0.0.1", phone.port), payload=payload_type, event_payload=101)
        return phone

    async def event(self, within: float = 5.0, **like: Any) -> dict[str, Any]:
        """The first event that has these values, waiting for it."""
        async with asyncio.timeout(within):
            while True:
                for event in self.events:
                    if like.items() <= event.items():
                        return event
                self._news.clear()
                await self._news.wait()

    def digits(self, leg: str) -> str:
        return "".join(each["digit"] for each in self.events if each["event"] == "digit" and each["leg"] == leg)

    async def settled_digits(self, leg: str, phone: Phone, count: int) -> str:
        """The digits once there are `count`, and whatever else comes in the 200 ms after (10 frames of the engine)."""
        async with asyncio.timeout(5):
            while len(self.digits(leg)) < count:
                self._news.clear()
                await self._news.wait()
        await phone.hears(10)
        return self.digits(leg)


def tell(engine: MediaEngine, story: Story) -> None:
    async def run() -> None:
        desk = Desk(engine, EngineClient(f"test-{secrets.token_hex(4)}"))
        assert await desk.client.connect(engine.socket)
        try:
            await story(desk)
        finally:
            for leg in list(desk.client._legs):
                await desk.client.remove_leg(leg)
            await desk.client.close()
            for phone in desk.phones:
                phone.close()

    asyncio.run(run())


def sounding(heard: list[Heard]) -> list[Heard]:
    """The frames that are not silence."""
    return [each for each in heard if loudest(each.payload, each.payload_type)]
