"""Who of a queue is offered a call, and what state a queue is in. Pure: the agents' states come in as values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from pbx.model.objects import Tenant, User
from pbx.model.services import Queue
from pbx.routing.reason import Reason


@dataclass(frozen=True, slots=True)
class Agent:
    """A user as an agent. Only one who is `free` is offered a call; `idle` counts seconds since the last one."""

    id: str
    state: str = "free"  # free | busy | wrapping_up | paused | logged_out
    idle: float = 0.0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """The agents to ring at once, nobody when none is left; `reasons` also names those who are passed over."""

    agents: tuple[str, ...]
    reasons: tuple[Reason, ...]


def state_of(queue: Queue, agents: Sequence[Agent], waiting: int) -> str:
    """As the condition `queue:` names it: full, empty (nobody is logged in), busy (nobody is free), free."""
    if waiting >= queue.max_length:
        return "full"
    if is_empty(agents):
        return "empty"
    return "free" if any(agent.state == "free" for agent in agents) else "busy"


def is_empty(agents: Sequence[Agent]) -> bool:
    return all(agent.state == "logged_out" for agent in agents)


def offer(
    tenant: Tenant,
    queue: Queue,
    agents: Sequence[Agent],
    language: str,
    *,
    asked: Collection[str] = (),
    last: str | None = None,
    random: Random | None = None,
) -> Offer:
    """Whom to ring next. `asked` have been in this round, `last` was the last one of the queue to be offered a call.

    An agent needs all skills of the queue, whatever its `choose`. Those who speak the call's language come before
    those who do not: nobody waits in vain for a language. Who says nothing of languages speaks the tenant's first.
    """
    fit, reasons = [], []
    for agent in agents:
        person = tenant.users[agent.id]
        if lacking := [skill for skill in queue.skills if skill not in person.skills]:
            reasons.append(Reason("agent_lacks", queue=queue.id, user=agent.id, skills=", ".join(lacking)))
        elif agent.state != "free":
            reasons.append(
                Reason("agent_not_free", queue=queue.id, user=agent.id, state=Reason(f"agent_{agent.state}"))
            )
        elif agent.id not in asked:
            fit.append(agent)
    if not fit:
        return Offer((), tuple(reasons))
    ordered = sorted(
        _in_order(queue, tenant, fit, [agent.id for agent in agents], last, random),
        key=lambda agent: not _speaks(tenant, tenant.users[agent.id], language),
    )
    chosen = tuple(agent.id for agent in (ordered if queue.choose == "ring_all" else ordered[:1]))
    names = ", ".join(f"user/{name}" for name in chosen)
    return Offer(chosen, (*reasons, Reason("queue_offers", queue=queue.id, choose=queue.choose, agents=names)))


def _in_order(
    queue: Queue, tenant: Tenant, fit: list[Agent], listed: list[str], last: str | None, random: Random | None
) -> list[Agent]:
    """`sorted` keeps the queue's own order among equals."""
    match queue.choose:
        case "longest_idle":
            return sorted(fit, key=lambda agent: -agent.idle)
        case "fewest_calls":
            return sorted(fit, key=lambda agent: (agent.calls, -agent.idle))
        case "skills":
            return sorted(fit, key=lambda agent: (-_skill(queue, tenant.users[agent.id]), -agent.idle))
        case "round_robin" if last in listed:
            after = listed.index(last) + 1
            turn = [*listed[after:], *listed[:after]]
            return sorted(fit, key=lambda agent: turn.index(agent.id))
        case "random":
            return (random or Random()).sample(fit, len(fit))
    return fit  # linear, ring_all, and a round robin that begins


def _skill(queue: Queue, person: User) -> int:
    return sum(person.skills[skill] for skill in queue.skills)


def _speaks(tenant: Tenant, person: User, language: str) -> bool:
    return language in (person.languages or tenant.languages[:1])
