"""A real pbx-calls and a real pbx-web before it, over TLS; two tenants that are alike; a scripted edge around them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench.local_stack import CALLS_PORT, EDGE_PORT, Place, Stack, running
from keeper.place import Place as KeeperPlace
from phones.message import Message
from phones.scripted.edge import Incoming, ScriptedEdge
from phones.scripted.simulation import house

from pbx.calls.simulated.world import Person

WITHIN = 10.0  # seconds
TENANTS = ("house", "other")
ROLES = ("admin", "supervisor", "user", "read_only")
ANSWERS = Person(answers=0.2, talks=600.0)
BASE = "/api/v1"


def secret_of(tenant: str, role: str, name: str = "") -> str:
    return f"pbx_{hashlib.sha256(f'{tenant}/{role}/{name}'.encode()).hexdigest()[:32]}"


def entry(tenant: str, role: str, name: str = "", **more: object) -> dict[str, Any]:
    """A token as an apply writes it."""
    sha256 = hashlib.sha256(secret_of(tenant, role, name).encode()).hexdigest()
    own = {"user": "anna"} if role == "user" else {}
    return {"id": name or role, "role": role, "sha256": sha256, "rate": 10_000, "hears": "officer", **own, **more}


def tokens() -> dict[str, Any]:
    """One of each role and tenant, and some that are special."""
    found: dict[str, Any] = {tenant: {"tokens": [entry(tenant, role) for role in ROLES]} for tenant in TENANTS}
    found["house"]["tokens"] += [
        entry("house", "admin", "late", expires=time.time() - 1),
        entry("house", "admin", "hasty", rate=1),
        entry("house", "admin", "narrow", scopes=["people:read"]),
        entry("house", "admin", "deaf", hears=None),
        entry("house", "user", "outsider", user="gleb", hears=None),
        entry("house", "user", "officer", user="gleb"),
    ]
    for tenant in found.values():
        tenant["recordings"] = {"outside": ["officer"], "secret": ["boss"]}
    return {"format": 1, "tenants": found}


@dataclass
class Web:
    """The running place."""

    stack: Stack
    base: str
    ca: Path
    edge: ScriptedEdge
    loop: asyncio.AbstractEventLoop
    people: dict[str, Person]
    keeper: KeeperPlace
    rung: list[str] = field(default_factory=list)

    def client(self, tenant: str = "house", role: str = "admin", name: str = "") -> httpx.Client:
        """Somebody with a token of this role; none for an empty role."""
        headers = {"Authorization": f"Bearer {secret_of(tenant, role, name)}"} if role else {}
        return httpx.Client(base_url=self.base + BASE, headers=headers, verify=self.trust(), timeout=WITHIN)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))

    def on_edge(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WITHIN)

    def call_in(self, tenant: str, caller: str, dialled: str) -> Any:
        """A telephone of a tenant dials."""
        headers = [("X-PBX-Tenant", tenant), ("X-PBX-Transport", "udp"), ("X-PBX-Edge", "edge1")]
        headers.append(("X-PBX-Source", f"device {caller}-desk"))

        async def begin() -> Any:
            return self.edge.call(Incoming(dialled, f"{tenant}.example", f"{caller}-desk", headers))

        return self.on_edge(begin())

    def leave(self, leg: Any) -> None:
        async def over() -> None:
            leg.leave()
            await leg.over

        self.on_edge(over())


def until(found: Callable[[], Any], what: str, within: float = WITHIN) -> Any:
    """What `found` gives, once it is true."""
    end = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < end, f"not in {within} s: {what}"
        time.sleep(0.02)
    return result


@contextlib.contextmanager
def web(folder: Path) -> Iterator[Web]:
    """All of it, to its end."""
    host = f"127.35.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
    people: dict[str, Person] = {}
    rung: list[str] = []

    def behave(token: str, user: str, trunk: str, invite: Message) -> Person:
        rung.append(trunk or user)
        return people.get(trunk or user, Person(status=480))

    with running(folder, Place(host, host, host=host), document=_document()) as stack, _loop() as loop:
        edge = ScriptedEdge(host, EDGE_PORT, (host, CALLS_PORT), behave)
        asyncio.run_coroutine_threadsafe(edge.open(), loop).result(WITHIN)
        port = _free_port(host)
        keeper = KeeperPlace(folder / "recordings", store=folder / "store.sqlite")
        _start(stack, host, port, keeper)
        here = Web(stack, f"https://{host}:{port}", folder / "tls.pem", edge, loop, people, keeper, rung)
        with here.client(role="") as client:
            until(lambda: _is_well(client), "pbx-web serves")
        with here.client() as one, here.client("other") as other:
            until(lambda: one.get("/calls").status_code == other.get("/calls").status_code == 200, "the tenants")
        keeper.start()
        yield here
        keeper.stop()
        here.on_edge(_closed(edge))


async def _closed(edge: ScriptedEdge) -> None:
    edge.close()
    await asyncio.sleep(0)


def _is_well(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health").status_code == 200
    return False


def _document() -> dict[str, Any]:
    plain = {**house().tenant_plain["house"], "prompts": {}}
    tenants = {}
    for tenant in TENANTS:
        head = {**plain["tenant"], "id": tenant, "domain": f"{tenant}.example"}
        tenants[tenant] = {"revision": f"r-{tenant}", "plain": {**plain, "tenant": head}}
    return {"format": 1, "site_revision": "r", "tenants": tenants, "site": {"plain": house().site_plain}}


def _start(stack: Stack, host: str, port: int, keeper: KeeperPlace) -> None:
    folder = stack.folder
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=pbx", "-addext", f"subjectAltName=IP:{host}",
         "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "tokens.json").write_text(json.dumps(tokens()))
    (folder / "web.json").write_text(
        json.dumps({
            "listen": host, "port": port, "tls": {"certificate": f"{folder}/tls.pem", "key": f"{folder}/tls.key"},
            "calls": [{"name": "calls1", "socket": f"{folder}/api.sock"}], "store": f"{folder}/store.sqlite",
            "tokens": f"{folder}/tokens.json", "secrets": f"{folder}/secrets.json", "audit": f"{folder}/audit.jsonl",
            "keeper": f"{keeper.folder}/asked.sock",
        })
    )  # fmt: skip
    stack.start("web", sys.executable, "-m", "pbx.server.web", "--config", str(folder / "web.json"))


def _free_port(host: str) -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(WITHIN)
    loop.close()
