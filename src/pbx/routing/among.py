"""Lists of people: users, and ring groups for all of their people."""

from __future__ import annotations

from collections.abc import Iterable

from pbx.model.objects import Tenant, User


def is_among(tenant: Tenant, person: User, allowed: Iterable[str]) -> bool:
    """Is the person in a list of `user/ID` and `ring_group/ID`?"""
    name = f"user/{person.id}"
    if name in allowed:
        return True
    groups = (tenant.ring_groups.get(one.removeprefix("ring_group/")) for one in allowed)
    return any(name in map(str, group.members) for group in groups if group is not None)


def may_watch(tenant: Tenant, watcher: User, watched: User) -> bool:
    """May one see whether the other talks? Themselves always; by default everybody of the tenant."""
    if watched.watched_by is None or watcher.id == watched.id:
        return True
    return is_among(tenant, watcher, watched.watched_by)


def may_pick_up(tenant: Tenant, person: User, rung: User) -> bool:
    """May one take a call that rings at the other? At themselves always; by default whoever may see it ring."""
    if person.id == rung.id:
        return True
    if rung.picked_up_by is None:
        return may_watch(tenant, person, rung)
    return is_among(tenant, person, rung.picked_up_by)


def may_page(tenant: Tenant, person: User | None, paged: User) -> bool:
    """May one speak on the loudspeakers of the other? By default everybody of the tenant; None is nobody of it."""
    if paged.paged_by is None:
        return True
    return person is not None and is_among(tenant, person, paged.paged_by)
