"""Several relays: calls in turn, and none to one that does not answer."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from pbx.media import relays
from pbx.media.ng import NgClient, NgError
from pbx.media.relays import Relays

pytestmark = pytest.mark.row("R05")


class Relay:
    """An rtpengine as its client shows it."""

    def __init__(self, name: str) -> None:
        self.peer, self.state = name, "answers"
        self.asked = asyncio.Event()

    async def command(self, command: str) -> None:
        self.asked.set()
        if self.state == "hangs":
            await asyncio.sleep(3600)
        if self.state == "refuses":
            raise NgError(command, "shutting down", {})


def made(*names: str) -> tuple[list[Relay], Relays]:
    clients = [Relay(name) for name in names]
    return clients, Relays([cast(NgClient, client) for client in clients])


def chosen(many: Relays, times: int) -> list[str]:
    return [many.choose().peer for _ in range(times)]


def test_calls_go_to_relays_in_turn() -> None:
    _, many = made("a", "b")
    assert chosen(many, 4) == ["b", "a", "b", "a"]
    _, one = made("a")
    assert chosen(one, 2) == ["a", "a"]


@pytest.mark.parametrize("state", ["hangs", "refuses"])
def test_a_relay_that_does_not_answer_gets_no_new_calls_until_it_does(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "PING_EVERY", 0.01)
    monkeypatch.setattr(relays, "SILENT_AFTER", 0.02)

    async def story() -> None:
        clients, many = made("a", "b")
        clients[0].state = state
        many.watch()
        await until(lambda: many.silent() == ["a"])
        assert chosen(many, 3) == ["b", "b", "b"]
        clients[1].state = state
        await until(lambda: many.silent() == ["a", "b"])
        assert set(chosen(many, 4)) == {"a", "b"}  # better than nothing
        for client in clients:
            client.state = "answers"
        await until(lambda: not many.silent())
        many.close()

    asyncio.run(story())


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError
