"""`tests:` of a tenant: a call as told, which `pbx test` checks offline. They are no part of what servers are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pbx.model.problems import Path, did_you_mean
from pbx.model.schemas import plural_of
from pbx.model.scope import Scope
from pbx.model.words import references, seconds, some

NO_KIND = ("emergency", "feature_code", "reject")  # nodes of a path that are no objects of the model
TONES = ("ringback", "busy", "congestion", "beep", "done", "refused", "joined", "left", "music")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What somebody who is rung does; seconds. Neither an answer nor a status: rings and does not answer."""

    answers: float | None = None
    status: int | None = None
    talks: float = 10.0
    presses: str = ""
    transfers: str = ""  # whom the caller is sent on to, as dialled


@dataclass(frozen=True, slots=True)
class AgentIs:
    """An agent who is not free when the call comes; after `until` seconds of it the agent is. None: never."""

    state: str  # busy | wrapping_up | paused | logged_out
    until: float | None = None


@dataclass(frozen=True, slots=True)
class QueueIs:
    """What a call finds in a queue."""

    waiting: int = 0
    agents: Mapping[str, AgentIs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomIs:
    """What a call finds in a conference room."""

    members: int = 0
    moderated: bool = False  # one of them moderates
    locked: bool = False


@dataclass(frozen=True, slots=True)
class CallTest:
    """One test. An expectation that is None or empty is not asked; `file` and `line` are where it stands."""

    name: str
    at: datetime
    caller: str | None  # an E.164 number, None when hidden
    user: str | None  # the id of the user who calls, else the call comes from outside
    dialled: str
    keys: str = ""
    spoken: tuple[str, ...] = ()
    recogniser: bool = True
    patience: float = 600.0
    people: Mapping[str, Behaviour] = field(default_factory=dict)
    crm: Mapping[str, str | int | bool] | None = None  # what any CRM answers; None: it does not
    overrides: tuple[str, ...] = ()  # those that are on
    queues: Mapping[str, QueueIs] = field(default_factory=dict)
    rooms: Mapping[str, RoomIs] = field(default_factory=dict)
    trunks: Mapping[str, str] = field(default_factory=dict)  # those that cannot be used, `full` or `down`
    pins: Mapping[str, str] = field(default_factory=dict)  # by the name of the secret
    through: tuple[str, ...] = ()
    not_through: tuple[str, ...] = ()
    ends: str | None = None
    hears: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    recorded: tuple[str, ...] | None = None  # by these policies and no others
    rings: tuple[str, ...] = ()
    language: str | None = None
    shows: str | None = None
    disposition: str | None = None
    code: int | None = None
    answered_by: str | None = None
    hung_up_by: str | None = None
    direction: str | None = None
    talk: float | None = None  # seconds
    collected: Mapping[str, str] | None = None
    file: str = ""
    line: int = 0


def check(scope: Scope) -> None:
    """What a schema cannot say: everybody and everything that a test names is there."""
    if scope.incomplete:
        return
    people = set(_people(scope))
    for index, test in scope.objects("tests").items():
        path: Path = ("tests", index)
        _caller(scope, path, test)
        for name in test.get("people", {}):
            if not name.startswith("+"):
                _known(scope, (*path, "people", name), name, people, "user, device or trunk")
        for at, name in enumerate(test.get("rings", ())):
            _known(scope, (*path, "rings", at), name, people, "user, device or trunk")
        prompts = [*scope.known("prompts"), *TONES]
        for at, name in enumerate(test.get("hears", ())):
            if not name.startswith("system-"):
                _known(scope, (*path, "hears", at), name, prompts, "prompt or tone")
        answered_by = test.get("cdr", {}).get("answered_by")
        if answered_by is not None:
            _known(scope, (*path, "cdr", "answered_by"), answered_by, people, "user, device or trunk")
        for name in test.get("cdr", {}).get("collected", ()):
            _known(scope, (*path, "cdr", "collected", name), name, _collected(scope), "answer that a menu asks for")
        _queues(scope, path, test)
        for name in test.get("conferences", {}):
            _known(scope, (*path, "conferences", name), name, scope.known("conferences"), "conference")
        for name in test.get("trunks", {}):
            _known(scope, (*path, "trunks", name), name, scope.known("trunks"), "trunk")
        _nodes(scope, path, test)


def _collected(scope: Scope) -> list[str]:
    """The names of all `collect`."""
    keys = (key for menu in scope.objects("ivrs").values() for key in menu.get("keys", {}).values())
    return [key["collect"]["name"] for key in keys if "collect" in key]


def _queues(scope: Scope, path: Path, test: dict[str, Any]) -> None:
    for name, state in test.get("queues", {}).items():
        here: Path = (*path, "queues", name)
        _known(scope, here, name, scope.known("queues"), "queue")
        agents = [agent.partition("/")[2] for agent in scope.objects("queues").get(name, {}).get("agents", ())]
        for agent in state["agents"] if agents else ():
            _known(scope, (*here, "agents", agent), agent, agents, "agent")


def _caller(scope: Scope, path: Path, test: dict[str, Any]) -> None:
    kind, _, name = test["from"].partition("/")
    if kind == "user":
        _known(scope, (*path, "from"), name, scope.known("users"), "user")
    elif test["to"] not in scope.numbers:
        hint = did_you_mean(test["to"], scope.numbers)
        message = f"{test['to']} is no number of this tenant{hint}; whoever calls from outside can dial no other"
        scope.report((*path, "to"), message)


def _people(scope: Scope) -> list[str]:
    """Users, their devices and the trunks, by the names that a test may use."""
    devices = (
        f"{user}-{device}"
        for user, entry in scope.objects("users").items()
        for device in entry.get("devices", {})
    )  # fmt: skip
    return [*scope.known("users"), *devices, *scope.known("trunks")]


def _nodes(scope: Scope, path: Path, test: dict[str, Any]) -> None:
    for key in ("through", "not_through"):
        for at, node in enumerate(test.get(key, ())):
            _node(scope, (*path, key, at), node)
    if "ends" in test:
        _node(scope, (*path, "ends"), test["ends"])


def _node(scope: Scope, path: Path, node: str) -> None:
    kind, slash, name = node.partition("/")
    if not slash or kind in NO_KIND:
        return
    plural = plural_of().get(kind)
    if plural is None:
        hint = did_you_mean(kind, plural_of()) or "; right would be user/ID or flow/ID"
        scope.report(path, f"there is no kind {kind}{hint}")
    elif kind == "number":
        _known(scope, path, name, scope.numbers, "number")
    elif not name.startswith("system-"):
        _known(scope, path, name, scope.known(plural), kind)


def _known(scope: Scope, path: Path, word: str, known: Collection[str], what: str) -> None:
    if word not in known:
        hint = did_you_mean(word, known) or f"; name one that is there{_some(known)}"
        scope.report(path, f"there is no {what} {word}{hint}")


def _some(known: Collection[str]) -> str:
    """`: ivanov, petrova`, when they are few."""
    return f": {', '.join(sorted(known))}" if 0 < len(known) <= 8 else ""


def read(scope: Scope) -> tuple[CallTest, ...]:
    """The tests of a folder that has passed every rule."""
    return tuple(
        _read(test, int(index) + 1, *scope.folder.place(("tests", index))[:2])
        for index, test in scope.objects("tests").items()
    )


def _read(plain: dict[str, Any], number: int, file: str, line: int) -> CallTest:
    caller = plain["from"]
    outside = caller.startswith("+")
    record = plain.get("cdr", {})
    return CallTest(
        name=plain.get("name") or f"test {number}: {caller} to {plain['to']}",
        at=datetime.fromisoformat(plain["at"]),
        caller=caller if outside else None,
        user=caller.partition("/")[2] or None,
        dialled=plain["to"],
        keys=plain.get("keys", ""),
        spoken=tuple(plain.get("spoken", ())),
        recogniser=plain.get("recogniser", "up") == "up",
        patience=seconds(plain["patience"]) if "patience" in plain else 600.0,
        people={name: _behaviour(one) for name, one in plain.get("people", {}).items()},
        crm=plain.get("crm"),
        overrides=references(plain.get("overrides", ())),
        queues={name: _queue(one) for name, one in plain.get("queues", {}).items()},
        rooms={name: RoomIs(**one) for name, one in plain.get("conferences", {}).items()},
        trunks=plain.get("trunks", {}),
        pins=plain.get("pins", {}),
        through=tuple(plain.get("through", ())),
        not_through=tuple(plain.get("not_through", ())),
        ends=plain.get("ends"),
        hears=tuple(plain.get("hears", ())),
        says=tuple(plain.get("says", ())),
        recorded=references(plain["recorded"]) if "recorded" in plain else None,
        rings=tuple(plain.get("rings", ())),
        language=plain.get("language"),
        shows=plain.get("shows"),
        disposition=plain.get("disposition"),
        code=plain.get("code"),
        answered_by=record.get("answered_by"),
        hung_up_by=record.get("hung_up_by"),
        direction=record.get("direction"),
        talk=some(record.get("talk"), seconds),
        collected=record.get("collected"),
        file=file,
        line=line,
    )


def _behaviour(plain: dict[str, Any]) -> Behaviour:
    times = {key: seconds(plain[key]) for key in ("answers", "talks") if key in plain}
    presses, transfers = plain.get("presses", ""), plain.get("transfers", "")
    return Behaviour(status=plain.get("status"), presses=presses, transfers=transfers, **times)


def _queue(plain: dict[str, Any]) -> QueueIs:
    return QueueIs(plain["waiting"], {name: _agent(one) for name, one in plain["agents"].items()})


def _agent(plain: str | dict[str, str]) -> AgentIs:
    if isinstance(plain, str):
        return AgentIs(plain)
    ((state, length),) = plain.items()
    return AgentIs(state, seconds(length))
