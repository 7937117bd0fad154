"""What a person's telephones watch by one subscription: a BLF list (`users.*.presence.watches`; RFC 4662)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pbx.calls.board import may_watch
from pbx.model.objects import Tenant, User
from pbx.sip import dialog_info, resource_list
from pbx.sip.dialog_info import WatchedDialog
from pbx.sip.resource_list import Resource

LIST = "blf-list"
"""The user part that a phone subscribes to for the list of its own person."""

States = Mapping[str, Sequence[WatchedDialog]]
"""What is told, by node."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """One of a list: its node, its URI, and the name that a phone may show."""

    node: str
    uri: str
    name: str


def lamps_of(tenant: Tenant, user: User) -> tuple[Lamp, ...]:
    """Those of a person's list who may be watched by that person, in its order."""
    return tuple(_lamp(tenant, node) for node in user.watches if may_watch(tenant, user, node))


def _lamp(tenant: Tenant, node: str) -> Lamp:
    kind, _, name = node.partition("/")
    person = tenant.users.get(name) if kind == "user" else None
    extension = person.extension if person is not None else tenant.ring_groups[name].extension
    shown = person.name if person is not None else name
    return Lamp(node, f"sip:{extension or name}@{tenant.domain}", shown or name)


def document(lamps: Sequence[Lamp], domain: str, version: int, now: States, before: States | None) -> bytes:
    """The whole list when nothing was told `before`, else those that are another now; all when none is."""
    changed = [lamp for lamp in lamps if before is None or before[lamp.node] != now[lamp.node]]
    full = len(changed) in (0, len(lamps))
    resources = [
        Resource(
            lamp.uri,
            lamp.name,
            dialog_info.CONTENT_TYPE,
            dialog_info.document(lamp.uri, version, now[lamp.node]),
        )
        for lamp in (lamps if full else changed)
    ]
    return resource_list.document(f"sip:{LIST}@{domain}", domain, version, resources, full=full)
