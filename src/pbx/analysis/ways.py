"""Where calls can go from each object: the arrows between flows, menus, announcements, groups, queues and people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pbx.model.objects import Condition, Destination, Tenant
from pbx.model.problems import Path


@dataclass(frozen=True, slots=True)
class Way:
    """One arrow. `by_itself`: the call goes there without a person (no key is pressed, nobody answers)."""

    path: Path  # of the key that holds the destination
    source: str  # "flow/main"
    to: Destination
    when: Condition | None = None
    by_itself: bool = True


def ways(tenant: Tenant) -> Iterator[Way]:
    """Every arrow of a tenant, numbers apart."""
    for flow in tenant.flows.values():
        for index, step in enumerate(flow.steps):  # a step with `otherwise: next` rings, and the flow goes on itself
            if step.facts_as is None:  # a lookup is asked and the call stays
                leads = not step.otherwise_next and step.to.kind != "fact"
                yield Way(("flows", flow.id, index, "to"), f"flow/{flow.id}", step.to, step.when, by_itself=leads)
    for announcement in tenant.announcements.values():
        if announcement.to is not None:
            yield Way(("announcements", announcement.id, "to"), f"announcement/{announcement.id}", announcement.to)
    for menu in tenant.ivrs.values():
        source = f"ivr/{menu.id}"
        for digits, key in menu.keys.items():
            yield Way(("ivrs", menu.id, "keys", digits, "to"), source, key.to, by_itself=False)
        yield Way(("ivrs", menu.id, "on_timeout"), source, menu.on_timeout)
        yield Way(("ivrs", menu.id, "on_invalid"), source, menu.on_invalid, by_itself=False)
    for group in tenant.ring_groups.values():
        source = f"ring_group/{group.id}"
        for index, member in enumerate(group.members):
            yield Way(("ring_groups", group.id, "members", index), source, member, by_itself=False)
        yield Way(("ring_groups", group.id, "on_no_answer"), source, group.on_no_answer)
    for queue in tenant.services.queues.values():
        source = f"queue/{queue.id}"
        for place, agent in enumerate(queue.agents):
            yield Way(("queues", queue.id, "agents", place), source, Destination("user", agent), by_itself=False)
        outs = {"on_timeout": queue.on_timeout, "on_full": queue.on_full, "on_empty": queue.on_empty}
        for out, to in outs.items():
            yield Way(("queues", queue.id, out), source, to)
    for user in tenant.users.values():
        for when, forward in user.forward.items():
            yield Way(("users", user.id, "forward", when, "to"), f"user/{user.id}", forward.to)
