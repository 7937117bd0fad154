"""pbx-web asks the call processes of other hosts: over TCP, with a key that both have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from pbx.server.remote import RemoteServer
from pbx.web import handshake
from pbx.web.link import Away, Link, Remote, connect

pytestmark = pytest.mark.row("R31")

KEY = "a key that both hosts have"


async def _served(request: dict[str, Any]) -> dict[str, Any]:
    return {"tenants": ["house"]}


async def ended(server: RemoteServer, *writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    await server.close()
    serving = asyncio.all_tasks() - {asyncio.current_task()}
    if serving:
        await asyncio.wait(serving)


async def served(key: Callable[[], str | None]) -> tuple[RemoteServer, int]:
    server = RemoteServer("127.0.0.1", 0, key, {"served": _served}, {})
    await server.start()
    assert server._server is not None
    port: int = server._server.sockets[0].getsockname()[1]
    return server, port


def test_who_has_the_key_is_answered() -> None:
    async def run() -> None:
        server, port = await served(lambda: KEY)
        link = Link("calls2", Remote("127.0.0.1", port, lambda: KEY), lambda boot, event: None, lambda: None)
        try:
            assert (await link.ask("served"))["tenants"] == ["house"]
            assert (await link.ask("served"))["tenants"] == ["house"]
        finally:
            await link.close()
            await ended(server)

    asyncio.run(run())


@pytest.mark.parametrize("theirs, ours", [(KEY, "another key"), (KEY, None), (None, KEY), ("another key", KEY)])
def test_with_another_key_or_none_there_is_no_answer(theirs: str | None, ours: str | None) -> None:
    async def run() -> None:
        server, port = await served(lambda: theirs)
        link = Link("calls2", Remote("127.0.0.1", port, lambda: ours), lambda boot, event: None, lambda: None)
        try:
            with pytest.raises(Away):
                await link.ask("served")
        finally:
            await link.close()
            await ended(server)

    asyncio.run(run())


@pytest.mark.parametrize("line", [b"{}\n", b"no json\n", b"[]\n", b'{"nonce": 1, "mac": 2}\n', b"x" * 100_000 + b"\n"])
def test_whoever_says_something_else_is_not_let_in(line: bytes) -> None:
    async def run() -> None:
        server, port = await served(lambda: KEY)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line + b'{"id": 1, "cmd": "served"}\n')
        said = (await reader.read()).splitlines()
        assert "nonce" in orjson.loads(said[0]) and not any(b"house" in one for one in said)
        await ended(server, writer)

    asyncio.run(run())


def test_what_was_heard_once_cannot_be_said_again() -> None:
    async def run() -> None:
        server, port = await served(lambda: KEY)
        writers, nonces = [], []
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            nonces.append(orjson.loads(await reader.readline())["nonce"])
            writers.append(writer)
        _, writer = await connect(Remote("127.0.0.1", port, lambda: KEY))
        assert len(set(nonces)) == 3
        await ended(server, *writers, writer)

    asyncio.run(run())


def test_a_server_that_answers_no_hex_is_not_believed() -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write('{"nonce": "n"}\n{"mac": "ключ"}\n'.encode())
        await reader.read()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(odd, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        with pytest.raises(handshake.NotLetIn):
            await handshake.as_client(reader, writer, KEY)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def test_nobody_waits_behind_a_question_that_edges_do_not_answer() -> None:
    async def run() -> None:
        asked, told = asyncio.Event(), asyncio.Event()

        async def registrations(request: dict[str, Any]) -> dict[str, Any]:
            asked.set()
            await told.wait()
            return {"registrations": []}

        server = RemoteServer("127.0.0.1", 0, lambda: KEY, {"served": _served, "registrations": registrations}, {})
        await server.start()
        assert server._server is not None
        port: int = server._server.sockets[0].getsockname()[1]
        link = Link("calls1", Remote("127.0.0.1", port, lambda: KEY), lambda boot, event: None, lambda: None)
        slow = asyncio.ensure_future(link.ask("registrations"))
        try:
            await asked.wait()
            assert (await link.ask("served"))["tenants"] == ["house"]
            assert not slow.done()
            told.set()
            assert (await slow)["registrations"] == []
        finally:
            told.set()
            await link.close()
            await ended(server)

    asyncio.run(run())
