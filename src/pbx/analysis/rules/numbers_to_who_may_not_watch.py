from __future__ import annotations

from collections.abc import Iterable, Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Tenant, User

RULE = Rule(
    "numbers-to-who-may-not-watch",
    "warning",
    "somebody may see with whom a person talks, but not whether",
    reason="numbers_to adds to what those are told who may watch. Who is not among watched_by is refused, and is told "
    "nothing.",
    wrong="""
users:
  clara:
    location: location/msk
    devices: {desk: {type: desk_phone}}
    presence: {watched_by: [user/anna], numbers_to: [user/boris]}
""",
    right="""
users:
  clara:
    location: location/msk
    devices: {desk: {type: desk_phone}}
    presence: {watched_by: [user/anna, user/boris], numbers_to: [user/boris]}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for user in tenant.model.users.values():
            for name in sorted(user.numbers_to):
                if not _watches(tenant.model, user, name):
                    message = f"{name} may not watch user/{user.id}, so sees no number; add it to watched_by"
                    yield tenant.finding(("users", user.id, "presence", "numbers_to"), message)


def _watches(tenant: Tenant, user: User, name: str) -> bool:
    """Are all of those whom a name stands for among the ones who may watch?"""
    return user.watched_by is None or _people(tenant, [name]) <= _people(tenant, user.watched_by)


def _people(tenant: Tenant, names: Iterable[str]) -> set[str]:
    people: set[str] = set()
    for name in names:
        group = tenant.ring_groups.get(name.removeprefix("ring_group/")) if name.startswith("ring_group/") else None
        people |= {str(member) for member in group.members if member.kind == "user"} if group else {name}
    return people
