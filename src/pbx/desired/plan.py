"""What an apply would do, what it did, or what has drifted: one value for people and machines. Pure; times come in.

What people set themselves, by telephone or web, is no difference: Git never writes it and drift never counts it
(contracts §7.7). A drift names it apart, with who said so and when (`OwnSetting`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Verb = Literal["plan", "drift", "apply", "rollback"]

OPS = ("create", "update", "delete")  # any other op acts on a service
CHANGES = 2  # exit code


@dataclass(frozen=True, slots=True)
class Item:
    """One difference. `live` and `wanted` are there for harmless kinds only (pbx.desired.shown)."""

    server: str
    op: str
    kind: str
    id: str
    fields: tuple[str, ...] = ()
    live: Any = None
    wanted: Any = None
    since: str = ""  # a time, or `after the last apply of <time>`; empty when nothing knows

    @property
    def name(self) -> str:
        """`update number romashka/+74951000112`."""
        return f"{self.op} {self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class OwnSetting:
    """What a person has set: `value` is a word for it, in which no outside number is."""

    tenant: str
    user: str
    key: str
    value: str
    author: str
    changed: str  # when, as 2026-01-31T12:00:00Z


@dataclass(frozen=True, slots=True)
class Failure:
    server: str
    task: str
    message: str
    status: Literal["failed", "unreachable"] = "failed"
    play: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an apply of this plan is refused, and the option that lets it pass."""

    server: str
    text: str
    option: str


@dataclass(frozen=True, slots=True)
class Server:
    """One server: what differs, what waits for a restart, and what was read from it."""

    name: str
    items: tuple[Item, ...] = ()
    pending_restart: tuple[str, ...] = ()
    live: str = ""  # digest of what was read
    site: str = ""  # revision of the site that is served
    tenants: dict[str, str] = field(default_factory=dict)  # tenant → revision that is served
    calls: int | None = None  # calls up on a call server
    sessions: int | None = None  # calls through a relay
    carries_all: bool = False  # an edge: every call passes it
    applied: dict[str, Any] = field(default_factory=dict)  # the last apply that was verified: time, commit, by


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the model and the inventory say, as digests; empty when nothing was compiled."""

    digest: str = ""
    site: str = ""
    tenants: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)  # commit, author, dirty, by


@dataclass(frozen=True, slots=True)
class Scope:
    """What was looked at. `servers` is the digest of the inventory's hosts, groups and addresses."""

    inventory: str = ""
    servers: str = ""
    limit: str | None = None
    tags: str | None = None
    remove_tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Radius:
    """How far it reaches. Calls are None when no server concerned told."""

    numbers: int
    users: int
    calls: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    verb: Verb
    made: str  # when, as 2026-01-31T12:00:00Z
    scope: Scope
    wanted: Wanted = Wanted()
    servers: tuple[Server, ...] = ()
    numbers: frozenset[str] = frozenset()  # tenant/+7495…: those that go another way, or could
    users: frozenset[str] = frozenset()  # tenant/ivanov
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    failures: tuple[Failure, ...] = ()
    own_settings: tuple[OwnSetting, ...] = ()  # of a drift

    @property
    def items(self) -> list[Item]:
        return [item for server in self.servers for item in server.items]

    @property
    def waiting(self) -> list[tuple[str, str]]:
        """(server, key) for each setting that waits for a restart."""
        return [(server.name, key) for server in self.servers for key in server.pending_restart]

    @property
    def counts(self) -> dict[str, int]:
        """create, update, delete and act (on a service)."""
        return counted(self.items)

    @property
    def differs(self) -> bool:
        """Whether something is not as wanted; what waits for a restart counts."""
        return bool(self.items or self.waiting)

    @property
    def radius(self) -> Radius:
        return Radius(len(self.numbers), len(self.users), self._calls())

    def _calls(self) -> int | None:
        """Calls up on the servers concerned, each counted once although it passes edge, call server and relay."""
        concerned = [server for server in self.servers if server.items]
        if not concerned:
            return 0
        through = self.servers if any(server.carries_all for server in concerned) else concerned
        known = [
            _sum(server.calls for server in through),
            _sum(server.sessions for server in through if server in concerned),
        ]
        return max((number for number in known if number is not None), default=None)

    def exit_code(self) -> int:
        """Contracts §7.6: plan and drift 0 none, 2 some; apply 0 done, changed or not; 1 an error or a refusal."""
        if self.failures or (self.refusals and self.verb != "drift"):
            return 1
        return CHANGES if self.verb in {"plan", "drift"} and self.differs else 0


def counted(items: Iterable[Item]) -> dict[str, int]:
    """How many items of each sort."""
    found = Counter(item.op if item.op in OPS else "act" for item in items)
    return {name: found[name] for name in (*OPS, "act")}


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
