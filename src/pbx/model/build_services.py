"""Plain documents → the dataclasses of services.py, as build.py does for the rest; trusted in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from pbx.model import services as s
from pbx.model.words import destination, reference, references, seconds, secret, some

Plain = Mapping[str, Any]


def services(plain: Plain) -> s.Services:
    """Everything of a tenant's plain document that build.py does not know."""

    def each(kind: str) -> list[tuple[str, Plain]]:
        return list(plain.get(kind, {}).items())

    return s.Services(
        overrides={key: override(key, value) for key, value in each("overrides")},
        lookups={key: s.Lookup(key, value["url"], seconds(value["timeout"])) for key, value in each("lookups")},
        queues={key: queue(key, value) for key, value in each("queues")},
        voicemails={key: voicemail(key, value, plain.get("ring_groups", {})) for key, value in each("voicemails")},
        conferences={key: conference(key, value) for key, value in each("conferences")},
        recordings={key: recording(key, value) for key, value in each("recordings")},
        webhooks={key: webhook(key, value) for key, value in each("webhooks")},
        api_tokens={key: api_token(key, value) for key, value in each("api_tokens")},
        roles={key: role(key, value) for key, value in each("roles")},
        tariffs={key: tariff(key, value) for key, value in each("tariffs")},
        plans={key: plan(key, value) for key, value in each("plans")},
        classes_of_service={
            key: s.ClassOfService(key, tuple(value.get("allow", ())), tuple(value.get("bar", ())))
            for key, value in each("class_of_service")
        },
        parking=some(plain.get("parking"), parking) or s.Parking(),
    )


def limits(plain: Plain) -> s.Limits:
    def limit(name: str) -> s.CallLimit:
        said = plain.get(name, {})
        return s.CallLimit(said.get("per_minute"), said.get("per_day"))

    prefixes = tuple(plain.get("expensive", {}).get("prefixes", ()))
    return s.Limits(limit("outside"), limit("user"), limit("expensive"), prefixes)


def forward(plain: Plain) -> s.Forward:
    return s.Forward(destination(plain["to"]), seconds(plain["after"]), plain["confirm"])


def collect(plain: Plain) -> s.Collect:
    least, _, most = plain["digits"].partition("-")
    return s.Collect(
        name=plain["name"],
        prompt=reference(plain["prompt"]),
        least=int(least),
        most=int(most or least),
        end=plain.get("end"),
        confirm=plain["confirm"],
        sensitive=plain["sensitive"],
    )


def parking(plain: Plain) -> s.Parking:
    return s.Parking(plain["slots"], seconds(plain["timeout"]), some(plain.get("music"), reference))


def override(key: str, plain: Plain) -> s.Override:
    return s.Override(
        id=key,
        code=plain["code"],
        users=references(plain["users"]),
        light=plain["light"],
        off_at=some(plain.get("off_at"), time.fromisoformat),
    )


def queue(key: str, plain: Plain) -> s.Queue:
    level = plain.get("sla", {})
    return s.Queue(
        id=key,
        agents=references(plain["agents"]),
        on_timeout=destination(plain["on_timeout"]),
        on_full=destination(plain["on_full"]),
        on_empty=destination(plain["on_empty"]),
        extension=plain.get("extension"),
        choose=plain["choose"],
        skills=tuple(plain["skills"]),
        greeting=some(plain.get("greeting"), reference),
        music=some(plain.get("music"), reference),
        priority=plain["priority"],
        agent_ring_timeout=seconds(plain["agent_ring_timeout"]),
        wrap_up=seconds(plain["wrap_up"]),
        autopause_after=plain["autopause_after"],
        max_wait=seconds(plain["max_wait"]),
        max_length=plain["max_length"],
        announce_position=some(plain.get("announce_position"), seconds),
        callback_after=some(plain.get("callback", {}).get("offer_after"), seconds),
        answer_within=some(level.get("answer_within"), seconds),
        goal=level.get("goal"),
        short_abandon=some(level.get("short_abandon"), seconds),
    )


def voicemail(key: str, plain: Plain, ring_groups: Mapping[str, Plain]) -> s.Voicemail:
    owner = reference(plain["owner"])
    named = plain.get("shared_with", ())
    groups = tuple(reference(each) for each in named if each.startswith("ring_group/"))
    members = [member for group in groups for member in ring_groups[group]["members"]]
    people = [reference(each) for each in [*named, *members] if isinstance(each, str) and each.startswith("user/")]
    return s.Voicemail(
        id=key,
        owner=owner,
        shared_with=tuple(one for one in dict.fromkeys(people) if one != owner),
        groups=groups,
        first_pin=some(plain.get("first_pin"), secret),
        greeting=some(plain.get("greeting"), reference),
        max_message=seconds(plain["max_message"]),
        max_messages=plain["max_messages"],
        keep=some(plain.get("keep"), seconds),
        operator=some(plain.get("operator"), destination),
        email=plain["email"],
        transcribe=plain["transcribe"],
        listen_from_outside=plain["listen_from_outside"],
    )


def conference(key: str, plain: Plain) -> s.Conference:
    return s.Conference(
        id=key,
        extension=plain.get("extension"),
        pin=some(plain.get("pin"), secret),
        record=some(plain.get("record"), reference),
        moderator_pin=some(plain.get("moderator_pin"), secret),
        wait_for_moderator=plain["wait_for_moderator"],
        max_members=plain["max_members"],
    )


def recording(key: str, plain: Plain) -> s.Recording:
    match = plain.get("match", {})
    return s.Recording(
        id=key,
        mode=plain["mode"],
        of_calls="match" in plain,
        direction=tuple(match.get("direction", ())),
        numbers=tuple(match.get("numbers", ())),
        announce=some(plain.get("announce"), reference),
        store=plain["store"],
        retain=some(plain.get("retain"), seconds),
        listen=references(plain.get("listen", ())),
    )


def webhook(key: str, plain: Plain) -> s.Webhook:
    return s.Webhook(key, plain["url"], tuple(plain["events"]), some(plain.get("sign_with"), secret))


def api_token(key: str, plain: Plain) -> s.ApiToken:
    return s.ApiToken(
        id=key,
        role=plain["role"],
        user=some(plain.get("user"), reference),
        scopes=tuple(plain.get("scopes", ())),
        expires=some(plain.get("expires"), date.fromisoformat),
        rate=plain["rate"],
        generation=plain["generation"],
        secret=some(plain.get("token"), secret),
        listens_as=some(plain.get("listens_as"), reference),
    )


def role(key: str, plain: Plain) -> s.Role:
    return s.Role(
        id=key,
        listen=references(plain.get("listen", ())),
        monitor=references(plain.get("monitor", ())),
        see=tuple(plain.get("see", ())),
    )


def tariff(key: str, plain: Plain) -> s.Tariff:
    return s.Tariff(key, plain["currency"], tuple(_rate(rate) for rate in plain["rates"]))


def _rate(plain: Plain) -> s.Rate:
    first, _, following = plain["increment"].partition("/")
    return s.Rate(plain["prefix"], plain["per_minute"], int(first), int(following))


def plan(key: str, plain: Plain) -> s.Plan:
    return s.Plan(
        id=key,
        price=reference(plain["price"]),
        per_user_month=plain.get("per_user_month"),
        included_minutes=plain["included_minutes"],
        daily_cap=plain.get("daily_cap"),
    )
