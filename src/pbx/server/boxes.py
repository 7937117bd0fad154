"""`pbx-boxes export | import FILE`, on a call host: the voicemail boxes of a tenant as one file, sealed as they are;
`pbx-boxes mails`: e-mails of messages that were given up."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from pbx.calls.live.mailbox import SOUND_KEY
from pbx.server import config as configuration
from pbx.server.post import MAIL
from pbx.store import box_archive, database, outbox, sealed


def main(argv: list[str] | None = None) -> int:
    """0: done; 1: nothing was written, and stderr says why."""
    parser = argparse.ArgumentParser(prog="pbx-boxes", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("/etc/pbx/calls.json"))
    commands = parser.add_subparsers(dest="command", required=True)
    out = commands.add_parser("export", help="write the boxes of a tenant to a file")
    out.add_argument("--tenant", required=True)
    out.add_argument("--box", action="append", help="this one alone; may be given several times")
    back = commands.add_parser("import", help="put what the store lacks of a file into it")
    for each in (out, back):
        each.add_argument("file", type=Path)
    mails = commands.add_parser("mails", help="what e-mails of messages were given up")
    mails.add_argument("--again", action="store_true", help="try them anew")
    arguments = parser.parse_args(argv)
    try:
        config = configuration.read(arguments.config)
        if arguments.command == "mails":
            return _mails(config, again=arguments.again)
        counted = _run(arguments, config)
    except (configuration.ConfigError, box_archive.BadArchive, OSError, LookupError, *database.FAILURES) as error:
        print(f"error: {error}; nothing was written", file=sys.stderr)
        return 1
    did = "written" if arguments.command == "export" else "new here"
    print(f"{arguments.file}: {counted.messages} messages and {counted.settings} settings {did}")
    return 0


def _mails(config: configuration.CallsConfig, *, again: bool) -> int:
    db = database.connect(config.store, password=config.store_password)
    try:
        for job in outbox.listed(db, MAIL):
            if job["state"] == outbox.DEAD:
                print(f"message {job['body']['message']} to {job['body']['to']}: {job['error']}")
        if again:
            print(f"{outbox.again(db, MAIL, int(time.time() * 1000))} are tried anew")
    finally:
        db.close()
    return 0


def _run(arguments: argparse.Namespace, config: configuration.CallsConfig) -> box_archive.Counted:
    secret = configuration.secret(config.secrets, SOUND_KEY)
    if secret is None:
        raise LookupError(f"there is no {SOUND_KEY} on this host")
    there = _boxes(config)
    db = database.connect(config.store, password=config.store_password)
    try:
        if arguments.command == "export":
            known = there.get(arguments.tenant, set())
            wanted = set(arguments.box or known)
            if not wanted or wanted - known:
                has = ", ".join(sorted(known)) or "none"
                raise LookupError(f"tenant {arguments.tenant} has no such box; it has {has}")
            return box_archive.export(db, arguments.tenant, wanted, arguments.file)
        now = int(time.time() * 1000)
        key = sealed.key_of(secret)
        return box_archive.load(db, arguments.file, key, lambda tenant, box: box in there.get(tenant, ()), now)
    finally:
        db.close()


def _boxes(config: configuration.CallsConfig) -> dict[str, set[str]]:
    """Tenant → its boxes, of the model that is applied here."""
    tenants: dict[str, Any] = orjson.loads(config.document.read_bytes())["tenants"]
    return {name: set(entry["plain"].get("voicemails", ())) for name, entry in tenants.items()}


if __name__ == "__main__":
    sys.exit(main())
