from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Tenant, User

RULE = Rule(
    "abroad-without-limit",
    "warning",
    "somebody may call every country as often as they like",
    reason="Whoever learns the password of one telephone calls dear numbers abroad through the night, and the bill is "
    "the tenant's. A limit a day ends it after a few calls, and the log has an alarm; emergency calls pass it.",
    wrong="""
users:
  clara:
    location: location/msk
    class_of_service: class_of_service/international
    devices: {desk: {type: desk_phone}}
""",
    right="""
tenant:
  id: acme
  name: Acme
  domain: acme.example
  country: RU
  timezone: Europe/Moscow
  languages: [ru-RU]
  limits: {user: {per_minute: 5, per_day: 100}}
users:
  clara:
    location: location/msk
    class_of_service: class_of_service/international
    devices: {desk: {type: desk_phone}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        limits = tenant.model.limits
        if any(limit.per_day is not None for limit in (limits.outside, limits.user, limits.expensive)):
            continue
        for user in tenant.model.users.values():
            if _may_call_everywhere(tenant.model, user):
                message = (
                    f"user/{user.id} may call every country, as often as whoever has the password likes; "
                    "write tenant.limits, say {user: {per_minute: 5, per_day: 100}}"
                )
                yield tenant.finding(("users", user.id, "class_of_service"), message)


def _may_call_everywhere(tenant: Tenant, user: User) -> bool:
    own_class = tenant.services.classes_of_service.get(user.class_of_service)
    if own_class is None:
        return user.class_of_service == "international"
    return not own_class.allow or "+" in own_class.allow
