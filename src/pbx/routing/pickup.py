"""Whose ringing telephones somebody may answer from their own (behaviour R09)."""

from __future__ import annotations

from pbx.model.objects import Destination, Tenant


def colleagues(tenant: Tenant, user: str) -> frozenset[str]:
    """The people of the ring groups that a person is in."""
    me = Destination("user", user)
    groups = (group.members for group in tenant.ring_groups.values() if me in group.members)
    return frozenset(one.value for members in groups for one in members if one.kind == "user") - {user}


def people_at(tenant: Tenant, extension: str) -> frozenset[str]:
    """Who rings when an extension is dialled: a person, or the people of a group."""
    to = tenant.extensions.get(extension)
    if to is None:
        return frozenset()
    if to.kind == "user":
        return frozenset({to.value})
    if to.kind == "ring_group":
        return frozenset(one.value for one in tenant.ring_groups[to.value].members if one.kind == "user")
    return frozenset()
