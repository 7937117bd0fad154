"""Messages that were left, put where a call process finds them."""

from __future__ import annotations

import os
import sqlite3
import time

from web.place import Web, until

from pbx.store import messages, sealed

KEY = sealed.key_of("of a stack on one machine, for as long as it runs")
SOUND = bytes(range(256)) * 100
_there: dict[tuple[str, str], str] = {}


def leave(served: Web, tenant: str = "house", box: str = "anna") -> str:
    """A new message; its id, once it is known."""
    now, name = int(time.time() * 1000), f"m{os.urandom(8).hex()}"
    row = {
        "id": name, "tenant": tenant, "box": box, "caller": "+79161234567", "name": "Иван", "origin": "c1", "born": now,
        "length": len(SOUND) // 8, "state": "new", "author": "c1", "changed": now, "sealed_with": sealed.name_of(KEY),
    }  # fmt: skip
    seal = sealed.Seal(KEY, name)
    with sqlite3.connect(served.stack.folder / "store.sqlite", timeout=10) as db:
        db.execute(
            "INSERT INTO message_sound VALUES (?, ?)", (name, seal.piece(SOUND[:9000]) + seal.piece(SOUND[9000:]))
        )
        places = ", ".join(f":{column}" for column in messages.COLUMNS)
        db.execute(f"INSERT INTO message ({', '.join(messages.COLUMNS)}) VALUES ({places})", row)
    db.close()
    with served.client(tenant) as client:
        until(lambda: client.get(f"/messages/{name}").status_code == 200, "the message is known")
    return name


def one(served: Web, tenant: str) -> str:
    """One of anna's that stays, the same each time."""
    if (tenant, served.base) not in _there:
        _there[tenant, served.base] = leave(served, tenant)
    return _there[tenant, served.base]
