"""Between hosts: who connects to the API of a call process, and what answers there, both know one key.

The server begins with a line `{"nonce": …}`; the client answers `{"nonce": …, "mac": …}` and hears `{"ok": true,
"mac": …}`. Each MAC is HMAC-SHA256 of the side and both nonces, so that nothing that was heard can be said again. What
follows is in clear, as SIP is between the same hosts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets

import orjson

WITHIN = 3.0  # seconds
KEY = "api_key"
"""Its name among the secrets of a process."""


class NotLetIn(ConnectionError):
    """The other side does not have our key, or speaks otherwise."""


def nonce() -> str:
    return secrets.token_hex(16)


def mac(key: str, side: str, of_server: str, of_client: str) -> str:
    """What `side` (server or client) says to prove that it has the key."""
    return hmac.new(key.encode(), f"{side} {of_server} {of_client}".encode(), hashlib.sha256).hexdigest()


async def as_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str | None) -> None:
    """Raises NotLetIn, also for want of a key."""
    if not key:
        raise NotLetIn("there is no key among the secrets of this process")
    async with asyncio.timeout(WITHIN):
        of_server, ours = await _read(reader, "nonce"), nonce()
        _write(writer, {"nonce": ours, "mac": mac(key, "client", of_server, ours)})
        said = await _read(reader, "mac")
        if not hmac.compare_digest(said.encode(), mac(key, "server", of_server, ours).encode()):
            raise NotLetIn("what answers there has another key")


async def as_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str | None) -> None:
    """Raises NotLetIn."""
    ours = nonce()
    _write(writer, {"nonce": ours})
    async with asyncio.timeout(WITHIN):
        line = _object(await reader.readline())
    theirs, said = str(line.get("nonce", "")), str(line.get("mac", ""))
    if not key or not hmac.compare_digest(said.encode(), mac(key, "client", ours, theirs).encode()):
        _write(writer, {"ok": False, "error": "the key is another one"})
        raise NotLetIn("somebody without the key")
    _write(writer, {"ok": True, "mac": mac(key, "server", ours, theirs)})


async def _read(reader: asyncio.StreamReader, name: str) -> str:
    value = _object(await reader.readline()).get(name)
    if not isinstance(value, str):
        raise NotLetIn(f"no {name} came")
    return value


def _object(line: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise NotLetIn("what came is no JSON") from None
    if not isinstance(found, dict):
        raise NotLetIn("what came is no object")
    return found


def _write(writer: asyncio.StreamWriter, what: dict[str, object]) -> None:
    writer.write(orjson.dumps(what) + b"\n")
