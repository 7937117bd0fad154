"""What people set themselves, by telephone or by the API, over what the model says of them (behaviour R08, C02).

The model's word is the default; the person's own word stands over it until the person, or somebody for them, takes it
back. A value is small plain data: of `do_not_disturb` and `call_waiting` true or false, of a forwarding false (nothing
is forwarded) or `{to, after, confirm}`; None takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pbx.model.objects import Destination, Tenant, User
from pbx.model.services import Forward, Setting
from pbx.model.words import destination
from pbx.routing import decide, outbound
from pbx.routing.reason import Reason

DO_NOT_DISTURB = "do_not_disturb"
CALL_WAITING = "call_waiting"
SWITCHES = (DO_NOT_DISTURB, CALL_WAITING)
FORWARDS = ("always", "busy", "no_answer", "unavailable")
KEYS = (*SWITCHES, *(f"forward.{when}" for when in FORWARDS))
AFTER = 20.0  # seconds of ringing, as in the grammar
LONGEST = 300.0
INTO = ("user", "ring_group", "queue", "voicemail", "conference", "announcement", "ivr", "flow", "number", "outside")

Settings = Mapping[str, Setting]


class NotUsable(ValueError):
    """The value cannot be set; says why and what would be right."""


def checked(tenant: Tenant, user: str, key: str, value: Any) -> Any:
    """The value as it is kept. `to` of a forwarding may be `kind/id`, a user's id, or a number as people dial it.

    Raises NotUsable.
    """
    person = tenant.users.get(user)
    if person is None:
        raise NotUsable(f"there is no user {user}")
    if key not in KEYS:
        raise NotUsable(f"there is no setting {key}; there are {', '.join(KEYS)}")
    if value is None or (isinstance(value, bool) and (key in SWITCHES or not value)):
        return value
    if key in SWITCHES:
        raise NotUsable(f"{key} is true or false, or null for what the model says")
    if not isinstance(value, dict) or not isinstance(value.get("to"), str):
        raise NotUsable(f"{key} is {{to: …}}, or false for none, or null for what the model says")
    return _forwarding(tenant, person, value)


def _forwarding(tenant: Tenant, person: User, value: dict[str, Any]) -> dict[str, Any]:
    if strange := sorted(set(value) - {"to", "after", "confirm"}):
        raise NotUsable(f"there is no {strange[0]} in a forwarding; there are to, after, confirm")
    to = decide.named(tenant, value["to"].strip())
    if to is None or to.kind not in INTO:
        raise NotUsable(f"{value['to']} is nobody and nothing of this PBX and no number")
    if to == Destination("user", person.id):
        raise NotUsable(f"{value['to']} is the one whose calls are forwarded")
    if to.kind == "outside" and (why := outbound.barred(tenant, person.class_of_service, to.value, person.caller_id)):
        raise NotUsable(str(why))
    after = value.get("after", AFTER)
    if isinstance(after, bool) or not isinstance(after, int | float) or not 1 <= after <= LONGEST:
        raise NotUsable(f"after is a number of seconds, 1 to {LONGEST:g}")
    confirm = value.get("confirm", False)
    if not isinstance(confirm, bool):
        raise NotUsable("confirm is true or false")
    return {"to": str(to), "after": float(after), "confirm": confirm}


def in_force(tenant: Tenant, person: User, settings: Settings) -> User:
    """The person as calls meet them: the model's word, and the person's own over it. One that the model cannot follow
    any more (whom it names is gone, or may not be dialled) counts for nothing."""
    usable = {key: one for key, one in settings.items() if _is_usable(tenant, person, key, one)}
    if not usable:
        return person
    forward = dict(person.forward)
    for when in FORWARDS:
        if (own := usable.get(f"forward.{when}")) is None:
            continue
        forward.pop(when, None)
        if own.value:
            forward[when] = Forward(destination(own.value["to"]), own.value["after"], own.value["confirm"])
    quiet = usable.get(DO_NOT_DISTURB)
    waiting = usable.get(CALL_WAITING)
    return replace(
        person,
        forward=forward,
        do_not_disturb=quiet is not None and bool(quiet.value),
        call_waiting=person.call_waiting if waiting is None else bool(waiting.value),
        own=usable,
    )


def _is_usable(tenant: Tenant, person: User, key: str, setting: Setting) -> bool:
    if setting.value is None:
        return False
    try:
        checked(tenant, person.id, key, setting.value)
    except NotUsable:
        return False
    return True


def told(tenant: Tenant, person: User, key: str, why: Reason) -> Reason:
    """The reason, and who set what it speaks of when that was no word of the model's."""
    setting = person.own.get(key)
    if setting is None:
        return why
    at = datetime.fromtimestamp(setting.changed / 1000, ZoneInfo(tenant.timezone)).strftime("%Y-%m-%d %H:%M")
    if setting.author == f"user/{person.id}":
        return Reason("set_by_themselves", why=why, user=person.id, at=at)
    return Reason("set_by", why=why, author=setting.author, at=at)
