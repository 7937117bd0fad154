"""pbx-web: the API as a service. `pbx-web --config FILE` runs it, `pbx-web openapi` prints its OpenAPI document."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import os
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvicorn
import uvloop

from pbx.calls.live.mailbox import SOUND_KEY
from pbx.server.config import ConfigError, secret, store_password, told
from pbx.server.notify import notify
from pbx.web import app
from pbx.web.access import Tokens
from pbx.web.audit import AuditLog
from pbx.web.handshake import KEY
from pbx.web.link import Remote
from pbx.web.records import RecordStore
from pbx.web.service import Service

log = logging.getLogger("pbx-web")

MOST_CONNECTIONS = 1_000
LOOK_AGAIN = 60.0  # seconds between two looks at the certificate


@dataclass(frozen=True, slots=True)
class WebConfig:
    """/etc/pbx/web.json, written by the role. Without a certificate it speaks plain HTTP, to a proxy on its host."""

    listen: str
    port: int
    certificate: Path | None
    key: Path | None
    calls: dict[str, str | Remote]
    store: str
    tokens: Path
    secrets: Path
    audit: Path
    keeper: str | Remote | None
    digest: str

    def sound_key(self) -> str | None:
        """That messages are sealed with; read each time, as it may change."""
        return secret(self.secrets, SOUND_KEY)

    def store_password(self) -> str | None:
        """Of a store that is a server."""
        return store_password(self.secrets)


def read(path: Path) -> WebConfig:
    """Read the file. Raises ConfigError."""
    with told(path):
        raw = path.read_bytes()
        data: dict[str, Any] = orjson.loads(raw)
        tls, secrets = data.get("tls"), Path(data["secrets"])
        return WebConfig(
            listen=data["listen"],
            port=int(data["port"]),
            certificate=Path(tls["certificate"]) if tls else None,
            key=Path(tls["key"]) if tls else None,
            calls={entry["name"]: _place(entry, secrets) for entry in data["calls"]},
            store=data["store"],
            tokens=Path(data["tokens"]),
            secrets=secrets,
            audit=Path(data["audit"]),
            keeper=_keeper(data.get("keeper"), secrets),
            digest=hashlib.sha256(raw).hexdigest()[:12],
        )


def _place(entry: dict[str, Any], secrets: Path) -> str | Remote:
    """Where the API of a call process is: a socket of this host, or an address of another one."""
    if "socket" in entry:
        return str(entry["socket"])
    return Remote(entry["address"], int(entry["port"]), lambda: secret(secrets, KEY))


def _keeper(place: str | dict[str, Any] | None, secrets: Path) -> str | Remote | None:
    """Where recordings are kept: a socket of this host, or an address of another one."""
    if isinstance(place, dict):
        return Remote(place["address"], int(place["port"]), lambda: secret(secrets, "keeper_key"))
    return place


def service_of(config: WebConfig) -> Service:
    records = RecordStore(config.store, config.store_password, config.sound_key)
    return Service(config.calls, Tokens(config.tokens), records, AuditLog(config.audit), config.keeper)


async def serve(config: WebConfig) -> None:
    """Until SIGTERM. Raises OSError for an address or a certificate that cannot be had."""
    settings = uvicorn.Config(
        app.make(service_of(config)),
        host=config.listen,
        port=config.port,
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=1,
        ssl_certfile=config.certificate,
        ssl_keyfile=config.key,
    )
    server = Server(settings)
    renewing = asyncio.ensure_future(renew(settings, config)) if config.certificate else None
    try:
        await server.serve()
    finally:
        notify("STOPPING=1")
        if renewing is not None:
            renewing.cancel()


class Server(uvicorn.Server):
    """Tells systemd when it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify("READY=1")


async def renew(settings: uvicorn.Config, config: WebConfig) -> None:
    """A certificate that was replaced is used from the next connection on."""
    assert config.certificate is not None and config.key is not None
    seen = config.certificate.stat().st_mtime_ns
    while True:
        await asyncio.sleep(LOOK_AGAIN)
        try:
            now = config.certificate.stat().st_mtime_ns
            if now != seen and settings.ssl is not None:
                settings.ssl.load_cert_chain(config.certificate, config.key)
                seen = now
                log.info("the certificate was read again")
        except (OSError, ssl.SSLError) as error:
            log.error("the certificate stays as it was: %s", error)


def openapi() -> bytes:
    """The OpenAPI document, as it is committed to docs/reference."""
    nowhere = Path("/nonexistent")
    made = app.bare(Service({}, Tokens(nowhere), RecordStore(""), AuditLog(nowhere)))
    return orjson.dumps(made.openapi(), option=orjson.OPT_INDENT_2) + b"\n"


def main(argv: list[str] | None = None) -> int:
    """Entry point of `pbx-web`."""
    parser = argparse.ArgumentParser(prog="pbx-web", description="The API of the PBX over HTTP.")
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/web.json"))
    parser.add_subparsers(dest="command").add_parser("openapi", help="print the OpenAPI document")
    arguments = parser.parse_args(argv)
    if arguments.command == "openapi":
        sys.stdout.buffer.write(openapi())
        return 0
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        config = read(arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for path in (config.certificate, config.key):
        if path is not None and not os.access(path, os.R_OK):
            log.error(
                "%s is not there, or may not be read by the group pbx-web: put it there, name another under"
                " pbx_web_settings (tls: {certificate, key}), or say tls: false there",
                path,
            )
            return 1
    try:
        uvloop.run(serve(config))
    except OSError as error:  # an address that cannot be had, a certificate that is none
        log.error("pbx-web does not start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
