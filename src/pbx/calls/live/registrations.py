"""Who is registered: asked of the edges when somebody wants to know, as only they know it; nothing is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pbx.calls.live.connections import Edge
from pbx.model.objects import Tenant
from pbx.sip.message import Response
from pbx.sip.question import Question
from pbx.sip.stack import Stack

AT_ONCE = 20  # devices in one question: the answer stays in a packet or two
WITHIN = 0.8  # seconds for all answers: one repetition, and whoever waits behind this question does so for no longer
WEB_SOCKETS = {"ws": "wss", "wss": "wss"}  # in a contact; all of ours are secure


@dataclass(frozen=True, slots=True)
class Registration:
    """A contact of a device. Times are seconds from now: ago (`since`, `refreshed`) and to come (`expires`)."""

    user: str
    device: str
    edge: str
    transport: str  # udp, tcp, tls, wss
    since: int
    refreshed: int
    expires: int


class Registrations:
    """Asks every edge; each tells of the contacts that it took itself."""

    def __init__(self, edges: Iterable[Edge], stack: Stack, flush: Callable[[], None]) -> None:
        self._edges = tuple(edges)
        self._stack = stack
        self._flush = flush

    async def of(self, tenant: Tenant, users: Iterable[str]) -> tuple[list[Registration], list[str]]:
        """Of these people's devices, and the edges that did not tell in time: what they hold is not known."""
        names = {
            f"{user}-{device.id}@{tenant.domain}".lower(): (user, device.id)
            for user in users
            for device in tenant.users[user].devices.values()
            if device.type != "outside"
        }
        devices = list(names)
        parts = [devices[first : first + AT_ONCE] for first in range(0, len(devices), AT_ONCE)]
        questions = [(edge, part) for edge in self._edges for part in parts]
        answers = await asyncio.gather(*(self._ask(edge, part) for edge, part in questions))
        told = [(edge, answer) for (edge, _), answer in zip(questions, answers, strict=True)]
        silent = sorted({edge.name for edge, answer in told if answer is None})
        found = [
            _registration(*names[row[0]], edge.name, row)
            for edge, answer in told
            for row in answer or ()
            if row[0] in names
        ]
        return sorted(found, key=lambda one: (one.user, one.device, one.since)), silent

    async def _ask(self, edge: Edge, devices: Sequence[str]) -> list[list[str]] | None:
        """The words of each contact; None when the edge does not say."""
        answered: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

        def heard(response: Response | None) -> None:
            if not answered.done():
                answered.set_result(response)

        Question(
            self._stack.layer,
            edge.inside,
            uri=f"sip:{edge.inside.host_port}",
            from_=f"<sip:{self._stack.local.host_port}>",
            headers=[("X-PBX-Registered", " ".join(devices))],
            done=lambda status: heard(None),
            heard=heard,
        )
        self._flush()
        try:
            async with asyncio.timeout(WITHIN):
                response = await answered
        except TimeoutError:
            return None
        if response is None or not response.get("X-PBX-Edge"):  # an edge of an older release says nothing of it
            return None
        rows = [line.lower().split() for line in response.get_all("X-PBX-Contact")]
        return [row for row in rows if len(row) == 5 and all(word.isdigit() for word in row[2:])]


def _registration(user: str, device: str, edge: str, row: Sequence[str]) -> Registration:
    """Of an edge's words: `ivanov-web@romashka.example tls/ws 70 10 590`."""
    socket, _, behind = row[1].partition("/")
    since, refreshed, expires = (int(word) for word in row[2:])
    return Registration(user, device, edge, WEB_SOCKETS.get(behind, socket), since, refreshed, expires)
