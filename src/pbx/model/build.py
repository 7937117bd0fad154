"""Plain documents → the dataclasses of objects.py. Standard library only: this runs on targets too.

A plain document is what `load` makes of a folder: the words of the grammar, every default filled in, ranges of numbers
expanded, the site's objects merged (`trunks` with their `key`), built-in prompts added. It is trusted: `load` has
checked it, and a KeyError here means that it was not made by `load`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import count, repeat
from typing import Any, TypeVar

from pbx.model import objects as o
from pbx.model.build_services import collect, forward, limits, services
from pbx.model.feature_codes import IN_CALL, NONE
from pbx.model.words import destination, hours, listed, reference, references, seconds, some

Plain = Mapping[str, Any]
B = TypeVar("B")


def model(site_plain: Plain, tenants_plain: Mapping[str, Plain], revisions: Mapping[str, str] | None = None) -> o.Model:
    """The whole model. `revisions` (tenant → revision) is written into each Tenant."""
    known, spoken = revisions or {}, site_plain.get("spoken")
    return o.Model(
        tenants={key: tenant(plain, known.get(key, ""), spoken) for key, plain in tenants_plain.items()},
        site_trunks=_each(site_plain, "trunks", trunk),
    )


def tenant(plain: Plain, revision: str = "", spoken: Mapping[str, Mapping[str, str]] | None = None) -> o.Tenant:
    """One PBX from its plain document; `spoken` is the sound that all tenants share."""
    head = plain["tenant"]
    users = _each(plain, "users", user)
    ring_groups = _each(plain, "ring_groups", ring_group)
    others = services(plain)
    codes = {name: code for name, code in plain.get("feature_codes", {}).items() if code != NONE}
    return o.Tenant(
        id=head["id"],
        name=head["name"],
        domain=head["domain"],
        country=head["country"],
        calling_code=head["calling_code"],
        timezone=head["timezone"],
        languages=tuple(head["languages"]),
        max_calls=head.get("max_calls"),
        caller_id=head.get("caller_id", {}).get("default"),
        forwarded_shows=head.get("caller_id", {}).get("forwarded", "called"),
        limits=limits(head.get("limits", {})),
        media_timeout=seconds(head["media_timeout"]) if "media_timeout" in head else 60.0,
        national_prefix=head["dialling"]["national"],
        international_prefix=head["dialling"]["international"],
        emergency_numbers=tuple(plain["emergency"]["numbers"]) if "emergency" in plain else (),
        emergency_notify=some(plain.get("emergency", {}).get("notify"), reference),
        plan=some(head.get("plan"), reference),
        policies=tuple(head.get("policies", ())),
        revision=revision,
        users=users,
        locations=_each(plain, "locations", location),
        schedules=_each(plain, "schedules", schedule),
        calendars=_each(plain, "calendars", calendar),
        numbers=_each(plain, "numbers", number),
        lists=_each(plain, "lists", caller_list),
        flows=_each(plain, "flows", flow),
        prompts=_each(plain, "prompts", prompt),
        spoken=plain.get("spoken") or spoken or {},
        announcements=_each(plain, "announcements", announcement),
        ivrs=_each(plain, "ivrs", ivr),
        ring_groups=ring_groups,
        trunks=_each(plain, "trunks", trunk),
        outbound_routes=_each(plain, "outbound_routes", outbound_route),
        services=others,
        directory=_directory(plain, users),
        speed_dials=_speed_dials(head),
        feature_codes={name: code for name, code in codes.items() if name not in IN_CALL},
        in_call_codes={name: code for name, code in codes.items() if name in IN_CALL},
        extensions={
            **_extensions("user", users),
            **_extensions("ring_group", ring_groups),
            **_extensions("queue", others.queues),
            **_extensions("conference", others.conferences),
        },
    )


def _directory(plain: Plain, users: Mapping[str, o.User]) -> dict[str, str]:
    """Names of outside numbers: of lists, and before these of people's own mobiles."""
    named = [entry.get("names", {}) for entry in plain.get("lists", {}).values()]
    devices = [(device.number, person.name) for person in users.values() for device in person.devices.values()]
    mobiles = {number: name for number, name in devices if number and name}
    return {number: name for names in named for number, name in names.items()} | mobiles


def _each(plain: Plain, kind: str, make: Callable[[str, Any], B]) -> dict[str, B]:
    return {key: make(key, value) for key, value in plain.get(kind, {}).items()}


def _extensions(kind: str, objects: Mapping[str, Any]) -> dict[str, o.Destination]:
    return {each.extension: o.Destination(kind, each.id) for each in objects.values() if each.extension}


# --- conditions and flows ---------------------------------------------------------------------------------------------


def condition(plain: Plain, draws: Iterator[str] | None = None) -> o.Condition:
    """`when`: several keys are all needed; a single one stands for itself. Each share takes the next of `draws`."""
    draws = repeat("") if draws is None else draws
    parts = [_condition(key, value, draws) for key, value in plain.items()]
    return parts[0] if len(parts) == 1 else o.AllOf(tuple(parts))


def _condition(key: str, value: Any, draws: Iterator[str]) -> o.Condition:
    if key == "caller":
        return _caller(listed(value))
    if key == "number":
        return o.NumberIs(frozenset(listed(value)))
    if key == "open":
        return o.Open(references(listed(value)))
    if key == "closed":
        return o.Closed(references(listed(value)))
    if key == "language":
        return o.LanguageIs(frozenset(listed(value)))
    if key == "between":
        return o.Between(date.fromisoformat(value[0]), date.fromisoformat(value[1]))
    if key == "override":
        return o.OverrideOn(references(listed(value)))
    if key == "share":
        return o.Share(int(value.rstrip("%")), next(draws))
    if key == "queue":
        return o.QueueIs(tuple((reference(name), state) for name, state in value.items()))
    if "." in key:
        return o.FactIs(key, tuple(listed(value)))
    if key == "not":
        return o.Not(condition(value, draws))
    if key == "any":
        return o.AnyOf(tuple(condition(inner, draws) for inner in value))
    raise KeyError(f"condition {key}")


def _caller(values: list[str]) -> o.CallerIs:
    return o.CallerIs(
        lists=tuple(reference(value) for value in values if value.startswith("list/")),
        numbers=frozenset(value for value in values if value.startswith("+") and not value.endswith("*")),
        prefixes=tuple(value[:-1] for value in values if value.endswith("*")),
        anonymous="anonymous" in values,
    )


def flow(key: str, plain: Any) -> o.Flow:
    draws = (f"{key}/{number}" for number in count(1))
    return o.Flow(key, tuple(_step(step, draws) for step in plain))


def _step(plain: Plain, draws: Iterator[str]) -> o.Step:
    asks = plain.get("lookup")
    return o.Step(
        to=destination(asks if asks is not None else plain["to"]),
        when=condition(plain["when"], draws) if "when" in plain else None,
        for_=some(plain.get("for"), seconds),
        otherwise_next=plain.get("otherwise") == "next",
        facts_as=plain.get("as"),
    )


# --- people -----------------------------------------------------------------------------------------------------------


def user(key: str, plain: Plain) -> o.User:
    presence = plain.get("presence", {})
    return o.User(
        id=key,
        name=plain.get("name", ""),
        extension=plain.get("extension"),
        location=some(plain.get("location"), reference),
        caller_id=plain.get("caller_id"),
        class_of_service=reference(plain["class_of_service"]),
        languages=tuple(plain["languages"]),
        devices={name: device(name, inner) for name, inner in plain["devices"].items()},
        role=some(plain.get("role"), reference),
        email=plain.get("email"),
        skills=dict(plain.get("skills", {})),
        call_waiting=plain.get("call_waiting", True),
        max_calls=plain.get("max_calls"),
        speed_dials=_speed_dials(plain),
        forward={when: forward(inner) for when, inner in plain.get("forward", {}).items()},
        watches=tuple(presence.get("watches", ())),
        watched_by=some(presence.get("watched_by"), frozenset),
        picked_up_by=some(plain.get("picked_up_by"), frozenset),
        paged_by=some(plain.get("paged_by"), frozenset),
        numbers_to=frozenset(presence.get("numbers_to", ())),
    )


def _speed_dials(plain: Plain) -> dict[str, o.Destination]:
    return {digits: destination(to) for digits, to in plain.get("speed_dials", {}).items()}


def device(key: str, plain: Plain) -> o.Device:
    return o.Device(
        id=key,
        type=plain["type"],
        number=plain.get("number"),
        confirm=plain["confirm"],
        ring_after=seconds(plain["ring_after"]),
        max_contacts=plain["max_contacts"],
        media="browser" if plain["type"] == "browser" else plain["media"],
        generation=plain["generation"],
        secret=plain["password"]["secret"] if "password" in plain else None,
    )


def location(key: str, plain: Plain) -> o.Location:
    emergency = plain.get("emergency", {})
    return o.Location(
        id=key,
        address=plain.get("address", ""),
        timezone=plain.get("timezone"),
        emergency_caller_id=emergency.get("caller_id"),
        emergency_trunks=references(emergency.get("trunks", ())),
    )


# --- time -------------------------------------------------------------------------------------------------------------


def schedule(key: str, plain: Plain) -> o.Schedule:
    return o.Schedule(
        id=key,
        timezone=plain.get("timezone"),
        open=tuple(
            o.OpenRule(tuple(rule.get("days", ())), tuple(map(hours, rule["hours"])), rule.get("rrule"))
            for rule in plain["open"]
        ),
        calendars=references(plain["calendars"]),
    )


def calendar(key: str, plain: Plain) -> o.Calendar:
    return o.Calendar(key, tuple(_calendar_days(days) for days in plain["days"]))


def _calendar_days(plain: Plain) -> o.CalendarDays:
    return o.CalendarDays(
        first=date.fromisoformat(plain.get("date") or plain["from"]),
        last=date.fromisoformat(plain.get("date") or plain["through"]),
        closed=plain["closed"],
        hours=tuple(map(hours, plain["hours"])),
        as_day=plain.get("as"),
    )


# --- where calls go ---------------------------------------------------------------------------------------------------


def number(key: str, plain: Plain) -> o.Number:
    return o.Number(
        number=key,
        to=destination(plain["to"]),
        trunk=some(plain.get("trunk"), reference),
        state=plain["state"],
        until=some(plain.get("until"), date.fromisoformat),
    )


def caller_list(key: str, plain: Plain) -> o.CallerList:
    return o.CallerList(
        id=key,
        numbers=frozenset([*(value for value in plain["numbers"] if not value.endswith("*")), *plain.get("names", ())]),
        prefixes=tuple(value[:-1] for value in plain["numbers"] if value.endswith("*")),
        anonymous=plain["anonymous"],
    )


def prompt(key: str, plain: Plain) -> o.Prompt:
    return o.Prompt(
        id=key,
        files={language: said["file"] for language, said in plain.items() if "file" in said},
        audio={language: said["audio"] for language, said in plain.items() if "audio" in said},
        says={language: said["say"] for language, said in plain.items() if "say" in said},
        spoken={language: said["spoken"] for language, said in plain.items() if "spoken" in said},
    )


def announcement(key: str, plain: Plain) -> o.Announcement:
    return o.Announcement(
        key, reference(plain["prompt"]), some(plain.get("to"), destination), some(plain.get("hours"), reference)
    )


def ivr(key: str, plain: Plain) -> o.Ivr:
    return o.Ivr(
        id=key,
        prompt=reference(plain["prompt"]),
        keys={digit: _ivr_key(inner) for digit, inner in plain["keys"].items()},
        on_timeout=destination(plain["on_timeout"]),
        on_invalid=destination(plain["on_invalid"]),
        direct_dial=plain["direct_dial"],
        digit_timeout=seconds(plain["digit_timeout"]),
        timeout=seconds(plain["timeout"]),
        max_retries=plain["max_retries"],
        input=tuple(plain["input"]),
        confidence=float(plain["confidence"]),
        hours=some(plain.get("hours"), reference),
    )


def _ivr_key(plain: Plain) -> o.IvrKey:
    return o.IvrKey(
        to=destination(plain["to"]),
        language=plain.get("language"),
        collect=some(plain.get("collect"), collect),
        phrases={language: tuple(said) for language, said in plain.get("phrases", {}).items()},
    )


def ring_group(key: str, plain: Plain) -> o.RingGroup:
    return o.RingGroup(
        id=key,
        members=tuple(map(destination, plain["members"])),
        on_no_answer=destination(plain["on_no_answer"]),
        extension=plain.get("extension"),
        ring=plain["ring"],
        ring_timeout=seconds(plain["ring_timeout"]),
        rounds=plain["rounds"],
        confirm_outside=plain["confirm_outside"],
        class_of_service=reference(plain["class_of_service"]),
    )


# --- trunks and routes ------------------------------------------------------------------------------------------------


def trunk(key: str, plain: Plain) -> o.Trunk:
    login = plain.get("login")
    return o.Trunk(
        id=key,
        key=plain["key"],
        proxy=plain["proxy"],
        addresses=tuple(plain["addresses"]),
        login_user=login["user"] if login else None,
        login_secret=login["password"]["secret"] if login else None,
        register=plain["register"],
        send=plain["numbers"]["send"],
        receive=plain["numbers"]["receive"],
        identity=plain["identity"],
        media=plain["media"],
        codecs=tuple(plain["codecs"]),
        max_channels=plain.get("max_channels"),
        options_ping=some(plain.get("options_ping"), seconds),
        cost=some(plain.get("cost"), reference),
    )


def outbound_route(key: str, plain: Plain) -> o.OutboundRoute:
    return o.OutboundRoute(key, tuple(plain["prefixes"]), references(plain["trunks"]), plain["choose"])
