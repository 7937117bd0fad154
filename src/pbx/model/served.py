"""What the grammar knows and no server honours yet: the one list. Later issues empty it.

A line is `place: issue`. The place is a path from the top of a tenant's or the site's files; `*` stands for any key or
item, `=word` at the end for one value (in a list too). `pbx validate`, `plan` and `apply` refuse what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pbx.model.folder import Folder
from pbx.model.problems import Path as ValuePath

NOT_SERVED: dict[str, str] = {
    "roles": "roles",
    "voicemails": "voicemail",
    "overrides": "night switch",
    "lookups": "CRM lookup",
    "queues": "queues",
    "conferences": "conferences",
    "recordings": "recording",
    "webhooks": "webhooks",
    "tests": "tests of calls",
    "tariffs": "billing",
    "plans": "billing",
    "class_of_service": "classes of service of a site",
    "tenant.plan": "billing",
    "tenant.policies": "policies",
    "emergency.notify": "webhooks",
    "users.*.role": "roles",
    "users.*.skills": "queues",
    "users.*.forward": "forwarding",
    "users.*.devices.*.type=browser": "browser phones",
    "users.*.devices.*.max_contacts": "several contacts of a device",
    "users.*.devices.*.media=srtp": "encrypted sound",
    "prompts.*.*.say": "speech",
    "announcements.*.hours": "speech",
    "ivrs.*.hours": "speech",
    "ivrs.*.confidence": "speech recognition",
    "ivrs.*.input.*=speech": "speech recognition",
    "ivrs.*.keys.*.phrases": "speech recognition",
    "ivrs.*.keys.*.collect": "data collection",
    "flows.*.*.lookup": "CRM lookup",
    "flows.*.*.as": "CRM lookup",
    "trunks.*.cost": "billing",
    "trunks.*.media=srtp": "encrypted sound",
    "trunks.*.media=either": "encrypted sound",
    "outbound_routes.*.choose=least_cost": "billing",
}
CONDITIONS: dict[str, str] = {"override": "night switch", "share": "share of calls", "queue": "queues"}
FACTS = "CRM lookup"  # a condition on a fact (`crm.status`), and the destination {from: crm.owner}


def refusal(issue: str) -> str:
    return f"not served yet (issue: {issue}); remove it until then"


def check(folder: Folder) -> list[ValuePath]:
    """Reports whatever of the list stands in the folder's files; the places of it."""
    refused = [*_listed(folder), *_conditions(folder)]
    for path, issue in refused:
        folder.report(path, refusal(issue))
    return [path for path, _ in refused]


def _listed(folder: Folder) -> Iterator[tuple[ValuePath, str]]:
    for place, issue in NOT_SERVED.items():
        pattern, _, word = place.partition("=")
        plural, *steps = pattern.split(".")
        kind = folder.kinds.get(plural)
        if kind is None:
            continue
        for entry_id, entry in folder.ids(plural).items():
            path: ValuePath = (plural,) if kind.shape == "single" else (plural, entry_id)
            rest = steps if kind.shape == "single" else steps[1:]
            for hit in _hits(entry.value, rest, word, path):
                yield hit, issue


def _conditions(folder: Folder) -> Iterator[tuple[ValuePath, str]]:
    for flow_id, entry in folder.ids("flows").items():
        steps_of = entry.value if isinstance(entry.value, list) else []
        for index, step in enumerate(steps_of):
            if isinstance(step, dict) and "when" in step:
                yield from _condition(step["when"], ("flows", flow_id, index, "when"))


def _hits(value: Any, steps: list[str], word: str, path: ValuePath) -> Iterator[ValuePath]:
    if not steps:
        if not word or value == word:
            yield path
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        keys = list(value) if step == "*" else [step] if step in value else []
        for key in keys:
            yield from _hits(value[key], rest, word, (*path, key))
    elif isinstance(value, list) and step == "*":
        for index, item in enumerate(value):
            yield from _hits(item, rest, word, (*path, index))


def _condition(condition: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    if not isinstance(condition, dict):
        return
    for key, value in condition.items():
        if key in CONDITIONS:
            yield (*path, key), CONDITIONS[key]
        elif "." in key:
            yield (*path, key), FACTS
        elif key == "not":
            yield from _condition(value, (*path, key))
        elif key == "any" and isinstance(value, list):
            for index, inner in enumerate(value):
                yield from _condition(inner, (*path, key, index))
