"""The stream of events over its real socket: it goes on where a reader left it, and waits for nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from pbx.calls.events import Events
from pbx.server.api import ApiCommands
from pbx.server.control import ControlServer

pytestmark = pytest.mark.row("R31")

WITHIN = 5.0  # seconds
A_CALL: Any = SimpleNamespace(tenant=SimpleNamespace(id="romashka"), record=SimpleNamespace(id="c1"))


def told(events: Events, times: int = 1, **more: object) -> None:
    for _ in range(times):
        events.tell("call.answered", A_CALL, **more)


class Reader:
    """One reader of the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, path: Path, **asked: object) -> Reader:
        self = cls(*await asyncio.open_unix_connection(str(path)))
        self.writer.write(orjson.dumps({"cmd": "events", **asked}) + b"\n")
        return self

    async def next(self) -> Any:
        """The next line, None at the end."""
        async with asyncio.timeout(WITHIN):
            line = await self.reader.readline()
        return orjson.loads(line) if line else None


async def served(path: Path, events: Events) -> ControlServer:
    commands = ApiCommands(SimpleNamespace(events=events), SimpleNamespace())  # type: ignore[arg-type]
    server = ControlServer(path, commands.commands, commands.streams, mode=0o660)
    await server.start()
    return server


def test_a_reader_goes_on_after_the_last_event_that_it_has(tmp_path: Path) -> None:
    async def story() -> None:
        events = Events("b1", lambda: 1.5)
        server = await served(tmp_path / "api.sock", events)
        told(events, 3)
        reader = await Reader.of(tmp_path / "api.sock", boot="b1", since=1)
        assert await reader.next() == {"id": None, "ok": True, "boot": "b1", "last": 3, "gap": False}
        assert [(await reader.next())["seq"] for _ in range(2)] == [2, 3]
        told(events, by="caller")
        assert await reader.next() == {
            "seq": 4, "at": 1500, "event": "call.answered", "tenant": "romashka", "call": "c1", "by": "caller",
        }  # fmt: skip
        reader.writer.close()
        await server.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "asked", [{}, {"boot": "b0", "since": 2}, {"boot": "b1", "since": 1}, {"boot": "b1", "since": 99}]
)
def test_a_reader_from_another_start_or_from_too_long_ago_is_told_of_the_gap(
    tmp_path: Path, asked: dict[str, object]
) -> None:
    async def story() -> None:
        events = Events("b1", lambda: 0.0, most=5)
        server = await served(tmp_path / "api.sock", events)
        told(events, 10)
        reader = await Reader.of(tmp_path / "api.sock", **asked)
        assert await reader.next() == {"id": None, "ok": True, "boot": "b1", "last": 10, "gap": True}
        told(events)
        assert (await reader.next())["seq"] == 11  # from here on nothing is missing
        reader.writer.close()
        await server.close()

    asyncio.run(story())


def test_a_slow_reader_is_cut_off_and_the_others_and_the_ring_do_not_care(tmp_path: Path) -> None:
    async def story() -> None:
        events = Events("b1", lambda: 0.0, most=100)
        server = await served(tmp_path / "api.sock", events)
        slow, quick = [await Reader.of(tmp_path / "api.sock", boot="b1", since=0) for _ in range(2)]
        assert (await slow.next())["ok"] and (await quick.next())["ok"]
        wide = "x" * 10_000  # so that the socket's own buffers are full soon
        for number in range(10, 301, 10):
            told(events, 10, note=wide)
            assert [(await quick.next())["seq"] for _ in range(10)] == list(range(number - 9, number + 1))
        lines = events.since(200)
        assert lines is not None and len(lines) == 100 and events.since(199) is None  # no more is kept for anybody
        last = 0
        while (event := await slow.next()) is not None:
            assert event["seq"] == last + 1
            last += 1
        assert 0 < last < 300
        again = await Reader.of(tmp_path / "api.sock", boot="b1", since=last)
        assert (await again.next())["gap"] is True
        for reader in (slow, quick, again):
            reader.writer.close()
        await server.close()

    asyncio.run(story())


def test_an_unknown_command_of_the_control_socket_is_none_of_the_api(tmp_path: Path) -> None:
    async def story() -> None:
        server = await served(tmp_path / "api.sock", Events("b1", lambda: 0.0))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "api.sock"))
        for command in (b'{"cmd":"load","path":"/etc/passwd"}\n', b'{"cmd":"place","tenant":"x"}\n', b"[]\n", b"{\n"):
            writer.write(command)
            answer = orjson.loads(await reader.readline())
            assert answer["ok"] is False and answer["error"]
        writer.close()
        await server.close()

    asyncio.run(story())
