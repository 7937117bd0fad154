"""`pbx-keeper --config FILE`: recordings from the spool of a host to the place where they are kept.

On a host where calls are recorded it seals and hands over; on one that has the store it takes, keeps, lets go what is
past its time, and lets those listen who may. One host may do both. `--once` does what is there to do, and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from pbx.server import logs
from pbx.server.archive import Archive, Trouble
from pbx.server.config_file import ConfigError, told
from pbx.server.control import ControlServer
from pbx.server.handing import KEY, NotTaken, Receiver, hand_over
from pbx.server.keeper_api import KeeperApi
from pbx.server.notify import notify
from pbx.server.remote import RemoteServer
from pbx.server.sealed_letters import Tray
from pbx.server.sealer import Sealer
from pbx.server.store_line import StoreLine
from pbx.store import database, recordings
from pbx.store.age import Identity, name_of
from pbx.store.places import Place, place_of

log = logging.getLogger("pbx-keeper")

ROUND = 0.5  # seconds
WATCHDOG = 3.0
RECORDING_KEYS = "recording_keys"  # secrets that open recordings, the newest first, one a line
ACCESS_KEY, SECRET_KEY = "object_storage_access_key", "object_storage_secret_key"


@dataclass(frozen=True, slots=True)
class ArchiveConfig:
    """What a host with the store has more: `listen` for letters of other hosts, `socket` for pbx-web, `asked` for
    that of other hosts."""

    listen: tuple[str, int]
    socket: Path
    store: str
    folder: Path
    s3: Mapping[str, Any] | None
    asked: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class KeeperConfig:
    """`sealed`: the folder of letters; `to`: hosts that take them, when this one has no archive. `public` is the half
    of the key that seals."""

    spools: tuple[Path, ...]
    sealed: Path
    to: tuple[tuple[str, int], ...]
    control: Path
    secrets: Path
    archive: ArchiveConfig | None

    def secret(self, name: str) -> str | None:
        """Read each time, as it may change."""
        try:
            found = orjson.loads(self.secrets.read_bytes()).get(name)
        except (OSError, orjson.JSONDecodeError):
            return None
        return str(found) if found else None

    def public(self) -> bytes:
        """Raises ConfigError."""
        with told(self.secrets):
            public = bytes.fromhex(orjson.loads(self.secrets.read_bytes())["recording_public"])
            if len(public) != 32:
                raise ValueError("recording_public is 32 bytes")
            return public

    def identities(self) -> dict[str, Identity]:
        """Keys that open recordings, by the names that rows have."""
        made = [Identity.of(one) for one in (self.secret(RECORDING_KEYS) or "").splitlines() if one]
        return {name_of(one.public): one for one in made}

    def place(self, kind: str) -> Place:
        """Raises PlaceUnavailable."""
        assert self.archive is not None
        return place_of(kind, self.archive.folder, self.archive.s3, self.secret(ACCESS_KEY), self.secret(SECRET_KEY))


def read(path: Path) -> KeeperConfig:
    """Read the file. Raises ConfigError."""
    with told(path):
        data: dict[str, Any] = orjson.loads(path.read_bytes())
        archive = data.get("archive")
        return KeeperConfig(
            spools=tuple(Path(spool) for spool in data["spools"]),
            sealed=Path(data["sealed"]),
            to=tuple((place["address"], int(place["port"])) for place in data.get("to", ())),
            control=Path(data["control"]),
            secrets=Path(data["secrets"]),
            archive=None
            if archive is None
            else ArchiveConfig(
                listen=(archive["listen"]["address"], int(archive["listen"]["port"])),
                socket=Path(archive["socket"]),
                store=archive["store"],
                folder=Path(archive["folder"]),
                s3=archive.get("s3"),
                asked=(archive["asked"]["address"], int(archive["asked"]["port"])) if "asked" in archive else None,
            ),
        )


class Keeper:
    """The process: its rounds, and who asks."""

    def __init__(self, config: KeeperConfig) -> None:
        self._config = config
        self._tray = Tray(config.sealed)
        self._sealer = Sealer(config.spools, self._tray, config.public())
        self._archive = None if config.archive is None else Archive(self._tray, self._connect, config.place)
        self._away = Trouble("no host takes recordings")
        self._changed = asyncio.Event()
        self._next = 0  # of `to`
        self._count = {"sealed": 0, "handed": 0, "kept": 0}

    def _connect(self) -> database.Database:
        assert self._config.archive is not None
        return database.connect(self._config.archive.store, password=lambda: self._config.secret("store_password"))

    async def once(self) -> None:
        """What is there to do."""
        self._tray.open()
        await self._seal()
        await self._ship()

    async def run(self) -> None:
        """Until SIGTERM. Raises OSError."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        self._tray.open()
        servers = await self._open_servers()
        tasks = [asyncio.ensure_future(self._keep_on(step)) for step in (self._seal, self._ship)]
        tasks.append(asyncio.ensure_future(_tell_systemd()))
        notify("READY=1")
        await stopping.wait()
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in servers:
            await server.close()

    async def _open_servers(self) -> list[ControlServer | Receiver | RemoteServer]:
        control = ControlServer(self._config.control, {"status": self._status})
        await control.start()
        if self._archive is None or self._config.archive is None:
            return [control]
        store = StoreLine(self._connect)
        api = KeeperApi(store, self._config.place, self._config.identities, self._changed.set)
        asked = ControlServer(self._config.archive.socket, api.commands, api.streams, mode=0o660)
        await asked.start()
        receiver = Receiver(
            self._tray,
            lambda: self._config.secret(KEY),
            lambda recording: store.ask(lambda db: recordings.is_known(db, recording)),
            self._changed.set,
        )
        await receiver.start(self._config.archive.listen)
        servers: list[ControlServer | Receiver | RemoteServer] = [control, asked, receiver]
        if self._config.archive.asked is not None:
            key = partial(self._config.secret, KEY)
            remote = RemoteServer(*self._config.archive.asked, key, api.commands, api.streams)
            await remote.start()
            servers.append(remote)
        return servers

    async def _keep_on(self, step: Callable[[], Any]) -> None:
        """For ever; a defect of one round does not end the next."""
        while True:
            try:
                await step()
            except Exception:
                log.exception("recordings")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND):
                    await self._changed.wait()

    async def _seal(self) -> None:
        count = await asyncio.to_thread(self._sealer.round)
        self._count["sealed"] += count

    async def _ship(self) -> None:
        if self._archive is not None:
            self._count["kept"] += await asyncio.to_thread(self._archive.round)
        elif not self._away.waits:
            await self._hand_over()

    async def _hand_over(self) -> None:
        """To the host that took the last one, or the next when it does not."""
        for recording in await asyncio.to_thread(lambda: list(self._tray.letters())):
            for _ in self._config.to:
                place = self._config.to[self._next % len(self._config.to)]
                try:
                    await hand_over(self._tray, recording, place, self._config.secret(KEY))
                    break
                except NotTaken as error:
                    self._next += 1
                    why: Exception = error
                except (ValueError, OSError) as error:
                    log.error("alarm: the letter of recording %s is not understood: %s", recording, error)
                    break
            else:
                self._away.begins(why if self._config.to else "the inventory names none")
                return
            self._count["handed"] += 1
            self._away.is_over()

    async def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        waiting = await asyncio.to_thread(lambda: list(self._tray.letters()))
        trouble = self._archive.trouble() if self._archive is not None else {}
        if self._away.why:
            trouble["hosts"] = self._away.why
        return {**self._count, "waiting": len(waiting), "trouble": trouble}


async def _tell_systemd() -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(WATCHDOG)


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-keeper`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pbx-keeper", description="Keeps recordings.")
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/keeper.json"))
    parser.add_argument("--once", action="store_true", help="do what is there to do, and end")
    arguments = parser.parse_args(argv)
    logs.to_stderr()
    try:
        keeper = Keeper(read(arguments.config))
        asyncio.run(keeper.once() if arguments.once else keeper.run())
    except (ConfigError, OSError) as error:
        log.error("pbx-keeper does not start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
