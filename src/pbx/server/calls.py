"""pbx-calls: the process that serves calls. `pbx-calls --config FILE` runs it, `pbx-calls cdr` reads its records."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvloop

import pbx
from pbx.calls.events import Events
from pbx.calls.live.exchange import Exchange
from pbx.calls.live.last_numbers import LastNumbers
from pbx.calls.live.mailbox import SOUND_KEY, Boxes
from pbx.calls.live.own_settings import OwnSettings
from pbx.calls.live.presence import Presence
from pbx.calls.live.recogniser import Recogniser
from pbx.calls.live.registrations import Registrations
from pbx.calls.live.room_tapes import RoomTapes
from pbx.calls.live.silence import SilenceWatch
from pbx.calls.live.taping import CallTape
from pbx.features.story import again, story
from pbx.media.agents import Agents
from pbx.media.engines import Engines, sockets_beside
from pbx.media.ng import NgClient
from pbx.media.relays import Relays
from pbx.server import config as configuration
from pbx.server import document, logs
from pbx.server.api import ApiCommands
from pbx.server.control import Command, ControlServer
from pbx.server.leases import LeaseHolder
from pbx.server.messages import Messages
from pbx.server.notify import notify
from pbx.server.own_settings import SettingsSync
from pbx.server.own_settings import kept as kept_settings
from pbx.server.pause import Pause
from pbx.server.ready_recordings import ReadyRecordings
from pbx.server.recorder import JournalRecorder
from pbx.server.remote import RemoteServer
from pbx.server.takeover import TakeOver
from pbx.sip.stack import ALLOW, Stack
from pbx.sip.transport import SipTransport
from pbx.store import channels as shared_channels
from pbx.store import database, last_numbers
from pbx.store.journal import Journal, new_boot
from pbx.store.kept_calls import KeptCalls

log = logging.getLogger("pbx-calls")

LAG_LIMIT = 0.2  # seconds of event-loop lag from which new calls are shed with 503
LAG_TICK = 0.05


class CallServer:
    """The process: wires the rooms together and owns nothing of a call."""

    def __init__(self, config: configuration.CallsConfig) -> None:
        self.config = config
        self.boot = new_boot(config.journal, config.node, int(time.time() * 1000))
        self._lag = 0.0
        self._stopping = asyncio.Event()
        self._leaves_calls = False

    async def run(self) -> None:
        """Serve until SIGTERM, which leaves the calls to the next start (decision 0010), or SIGINT, which ends them."""
        config = self.config
        self._loop = loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, True)
        loop.add_signal_handler(signal.SIGINT, self._stop, False)
        self._pause = pause = Pause(lambda: self._holder.renew())
        self._kept = kept = KeptCalls(config.journal / f"{config.node}.up")
        documents = kept.read()
        self._journal = journal = Journal(config.journal, node=config.node, boot=self.boot, kept=documents)
        clients = [NgClient() for _ in config.relays]
        for client, (_, host, port) in zip(clients, config.relays, strict=True):
            await client.connect(host, port)
        self._relays = relays = Relays(clients)
        relays.watch()
        engine = Engines(config.node, partial(sockets_beside, config.media_socket))
        await engine.connect(wait=0.5)
        settings = OwnSettings(lambda row: journal.append("setting", row), lambda: int(time.time() * 1000))
        settings_file = config.journal / f"{config.node}.settings"
        settings.learn(kept_settings(settings_file, config.journal))
        self._boxes = boxes = Boxes(
            config.messages / config.node,
            config.heard,
            write=self._write_message,
            connect=lambda: database.connect(config.store, password=config.store_password),
            key=lambda: self.exchange.serving.secrets.get(SOUND_KEY),
            now=lambda: int(time.time() * 1000),
        )
        recogniser = Recogniser(config.recogniser, loop.time)
        recogniser.start()
        self._sync = sync = SettingsSync(
            settings,
            settings_file,
            lambda: database.connect(config.store, password=config.store_password),
            tell=lambda rows: loop.call_soon_threadsafe(settings.learn, rows),
            also=lambda db: self._share(db, loop),
            away=lambda: loop.call_soon_threadsafe(self.exchange.channels.learn, {}),
        )
        self.exchange = exchange = Exchange(
            edges=config.edges,
            relays=relays,
            engine=engine,
            recorder=JournalRecorder(journal, pause.check),
            story=story,
            again=again,
            kept=kept,
            clock=time.time,
            events=Events(self.boot, time.time),
            settings=settings,
            last=LastNumbers(self._last_numbers),
            boxes=boxes,
            recogniser=recogniser,
            node=config.instance,
        )
        self._ready = ReadyRecordings(exchange, int(time.time() * 1000))
        self._agents = agents = Agents(config.node, config.agents, exchange.relayed_digit, config.beside)
        exchange.taping = lambda media: CallTape(media, time.time, agents.tape, agents.tapes.of)
        exchange.room_tapes = RoomTapes(config.spool, engine, time.time)
        exchange.overloaded = lambda: self._lag > LAG_LIMIT
        messages = Messages(exchange, boxes)
        await messages.know()
        kept_watchers = KeptCalls(config.journal / f"{config.node}.watch")
        self.presence = presence = Presence(
            exchange, edges=config.edges, kept=kept_watchers, clock=time.time, later=loop.call_later, now=loop.time
        )
        boxes.on_change = presence.box_changed
        transport = SipTransport(
            lambda local: Stack(
                local=local,
                clock=loop.time,
                on_invite=exchange.on_invite,
                on_request=_answer_request,
                transfers=True,
                events=presence.packages,
                on_fault=lambda error, what: log.error("a fault in %s: %r", what, error),
            ),
            config.local.host,
            config.local.port,
            peers={edge.inside.host for edge in config.edges.values()},
        )
        if config.document.exists():
            exchange.serve(document.read(config.document, config))
        if made := boxes.recover():
            log.warning("%d messages that were being left when the process before ended are kept", made)
        self._holder = holder = LeaseHolder(
            f"{config.node}/{self.boot}",
            lambda: database.connect(config.store, password=config.store_password),
            tenants=lambda: set(exchange.serving.model.tenants),
            owned=lambda: set(exchange.serving.owned),
            siblings=lambda: exchange.serving.siblings,
            tell=self._may_serve,
            took=self._took,
            is_idle=lambda tenant: not exchange.has_calls(tenant),
            is_dead=_end_at_once,
        )
        self._takeover = takeover = TakeOver(
            exchange, presence, journal, config, lambda: set(holder.taken), lambda: int(time.time() * 1000)
        )
        holder.start()
        sync.start()
        stack = await transport.start()
        transport.before_receive = pause.check
        transport.before_flush = self._before_packets_leave
        exchange.attach(stack, transport.flush)
        exchange.recovery.resume(documents)
        presence.resume(kept_watchers.read(), stack)
        takeover.start(stack)
        await agents.start()
        pause.watch()
        commands: dict[str, Command] = {"status": self._status, "load": self._cmd_load, "calls": self._calls}
        commands["own_settings"] = self._own_settings
        commands.update({"drain": self._drain, "undrain": self._undrain, "cut": self._cut})
        control = ControlServer(config.control, commands)
        await control.start()
        registrations = Registrations(config.edges.values(), stack, transport.flush)
        api_commands = ApiCommands(exchange, registrations)
        api = ControlServer(config.api, api_commands.commands, api_commands.streams, mode=0o660)
        await api.start()
        remote = None
        if config.api_port is not None:
            at = config.local.host, config.api_port
            remote = RemoteServer(*at, config.api_key, api_commands.commands, api_commands.streams)
            await remote.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
        lag = asyncio.ensure_future(self._watch_lag())
        orphans = asyncio.ensure_future(exchange.room_tapes.finish_orphans())
        expiry = asyncio.ensure_future(messages.keep_expiring())
        silence = asyncio.ensure_future(SilenceWatch(lambda: exchange.calls, loop.time).run())
        notify("READY=1")
        log.info("serving as %s, boot %s", config.node, self.boot)
        await self._stopping.wait()
        notify("STOPPING=1")
        if self._leaves_calls and exchange.calls:
            log.warning("%d calls are left to the next start", len(exchange.calls))
            await transport.close()
            journal.close()
            os._exit(os.EX_OK)  # nothing may end a call now, not even the end of its task
        lag.cancel()
        silence.cancel()
        expiry.cancel()
        orphans.cancel()
        takeover.close()
        relays.close()
        agents.close()
        exchange.health.close()
        await exchange.close()
        await control.close()
        await api.close()
        if remote is not None:
            await remote.close()
        await transport.close()
        await engine.close()
        await recogniser.close()
        holder.stop()
        sync.stop()
        journal.close()

    def _stop(self, leaves_calls: bool) -> None:
        self._leaves_calls = leaves_calls
        self._stopping.set()

    # --- the model --------------------------------------------------------------------------------------------------

    def _took(self, tenants: Mapping[str, str]) -> None:
        self._loop.call_soon_threadsafe(self._takeover.took, tenants)  # the thread of the leases tells

    def _write_message(self, kind: str, row: dict[str, Any]) -> None:
        self._pause.check()
        self._journal.append(kind, row)

    def _share(self, db: database.Database, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread of the store: news of messages, and several call processes keep to one `max_channels`."""
        if rows := self._boxes.read(db):
            loop.call_soon_threadsafe(self._boxes.learn, rows)
        if ready := self._ready.read(db):
            loop.call_soon_threadsafe(self._ready.tell, ready)
        channels = self.exchange.channels
        if channels.are_limited:
            shared_channels.say(db, self.config.node, channels.used())
            loop.call_soon_threadsafe(channels.learn, shared_channels.of_others(db, self.config.node))

    def _last_numbers(self, tenant: str, telephones: Sequence[str]) -> list[last_numbers.Last]:
        """In a thread of its own: what the store knows."""
        db = database.connect(self.config.store, create=False, password=self.config.store_password)
        try:
            return last_numbers.of(db, tenant, telephones)
        finally:
            db.close()

    def _may_serve(self, epochs: Mapping[str, int]) -> None:
        gone = set(self.exchange.leases) - set(epochs)
        self.exchange.leases = epochs
        if gone:
            self._loop.call_soon_threadsafe(self.presence.gave_back, gone)
            self._loop.call_soon_threadsafe(self.exchange.last.forget, gone)

    def _before_packets_leave(self) -> None:
        self._pause.check()
        self.exchange.recovery.keep_changed()

    async def _cmd_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Serve another document from the next call on. It is built in a thread: 10,000 users take longer than a
        call may wait. When it cannot be built, all stays as it was."""
        path = Path(str(request.get("path") or self.config.document))
        self.exchange.serve(await asyncio.to_thread(document.read, path, self.config))
        going_on = {*self._holder.taken, *self.exchange.serving.siblings}  # given to the sibling once no call is up
        self.exchange.end_calls_of_others(going_on)
        self.presence.reload(going_on)
        await asyncio.to_thread(self._holder.renew, claim=True)
        return await self._status(request)

    async def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "boot": self.boot,
            "node": self.config.node,
            "version": release(),
            "draining": self.exchange.draining,
            "config_digest": self.config.digest,
            "site_revision": self.exchange.serving.site_revision,
            "tenants": {t.id: t.revision for t in self.exchange.serving.model.tenants.values()},
            "owned": sorted(self.exchange.serving.owned),
            "epochs": dict(self.exchange.leases),
            "taken": dict(self._holder.taken),
            "reaches_store": self._holder.reaches_store,
            "silent_relays": self._relays.silent(),
            "silent_agents": self._agents.silent(),
            "recogniser": {"is_well": self.exchange.recogniser.is_well, "why_not": self.exchange.recogniser.why_not},
            "tapes_untold": len(self._agents.tapes),
            "calls": len(self.exchange.calls),
            "subscriptions": len(self.presence),
            "subscriptions_held": self.presence.held,
            "journal_lost": self._journal.lost,
            "kept_lost": self._kept.lost,
            "trunks_down": self.exchange.health.down(),
            "channels_elsewhere": dict(self.exchange.channels.elsewhere),
            "channels": self.exchange.channels.used(),
            "refused": {str(status): count for status, count in self.exchange.refused.items()},
        }

    async def _drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Refuse new calls with 503 and the header of shedding; emergency calls and those that are up go on."""
        self.exchange.draining = True
        return await self._status(request)

    async def _cut(self, request: dict[str, Any]) -> dict[str, Any]:
        """Drain, and hang up what is up: before the process leaves for good."""
        self.exchange.draining = True
        await self.exchange.close()
        return await self._status(request)

    async def _undrain(self, request: dict[str, Any]) -> dict[str, Any]:
        self.exchange.draining = False
        return await self._status(request)

    async def _calls(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"calls": self.exchange.listing()}

    async def _own_settings(self, request: dict[str, Any]) -> dict[str, Any]:
        """What people of the tenants that are served have set, and not taken back."""
        tenants = self.exchange.serving.model.tenants
        rows = self.exchange.settings.rows()
        return {"own_settings": [row for row in rows if row["tenant"] in tenants and row["value"] is not None]}

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        before = 0.0
        while True:
            due = loop.time() + LAG_TICK
            await asyncio.sleep(LAG_TICK)
            lag = loop.time() - due
            self._lag, before = min(lag, before), lag  # twice in a row: one stop of a moment is no load


def _end_at_once(lost: set[str]) -> None:
    """Others serve our tenants, as this process did not beat: it must say nothing more, to anybody. systemd starts it
    anew, and what is still its own goes on."""
    log.critical(
        "taken for dead, as it did not beat in time: %s are served elsewhere; it ends", ", ".join(sorted(lost))
    )
    os._exit(os.EX_TEMPFAIL)


def release() -> str:
    """The release that runs: the name of its folder; nothing in a clone."""
    folder = Path(pbx.__file__).parents[2]
    return folder.name if (folder / ".complete").exists() else ""


def _answer_request(transaction: Any) -> None:
    """OPTIONS is answered by the loop that serves calls: an edge that hears 200 may send some."""
    if transaction.request.method == "OPTIONS":
        transaction.respond(200, headers=[("Allow", f"{ALLOW}, REFER, SUBSCRIBE")])
    else:
        transaction.respond(405, headers=[("Allow", f"{ALLOW}, REFER, SUBSCRIBE")])


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-calls`."""
    parser = argparse.ArgumentParser(prog="pbx-calls", description="serve calls, or read their records")
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/calls.json"))
    parser.add_argument("--instance", type=int, metavar="N", help="the process of this number on its host, from 1")
    commands = parser.add_subparsers(dest="command")
    cdr = commands.add_parser("cdr", help="print the newest call records")
    cdr.add_argument("--last", type=int, default=20)
    cdr.add_argument("--id", dest="call_id")
    cdr.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        config = configuration.read(arguments.config, arguments.instance)
    except configuration.ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.command == "cdr":
        return _print_calls(config, arguments)
    logs.to_stderr()
    uvloop.run(CallServer(config).run())
    return 0


def _print_calls(config: configuration.CallsConfig, arguments: argparse.Namespace) -> int:
    try:
        db = database.connect(config.store, create=False, password=config.store_password)
        rows = database.last_calls(db, last=arguments.last, call_id=arguments.call_id)
    except (*database.FAILURES, database.WrongSchema) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(orjson.dumps(rows).decode())
        return 0
    for row in rows:
        started = time.strftime("%F %T", time.localtime(row["started"] / 1000))
        print(f"{started}  {row['id']}  {row['caller']} → {row['dialled']}  {row['disposition']} {row['code']}")
        print("    " + " → ".join(row["path"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
