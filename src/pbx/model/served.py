"""What the grammar knows and no server honours yet: the one list. Later issues empty it.

A line is `place: issue`. The place is a path from the top of a tenant's or the site's files; `*` stands for any key or
item, `=word` at the end for one value (in a list too). `pbx validate`, `plan` and `apply` refuse what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pbx.model.folder import Folder
from pbx.model.problems import Path as ValuePath

NOT_SERVED: dict[str, str] = {
    "roles.*.listen": "queues",
    "roles.*.monitor": "monitoring of calls",
    "roles.*.see": "console",
    "overrides": "night switch",
    "lookups": "CRM lookup",
    "queues": "queues",
    "webhooks": "webhooks",
    "tests.*.crm": "CRM lookup",
    "plans": "billing",
    "tenant.plan": "billing",
    "tenant.policies": "policies",
    "emergency.notify": "webhooks",
    "users.*.skills": "queues",
    "users.*.devices.*.max_contacts": "several contacts of a device",
    "flows.*.*.lookup": "CRM lookup",
    "flows.*.*.as": "CRM lookup",
}
CONDITIONS: dict[str, str] = {"override": "night switch", "queue": "queues"}
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
    tree = _tree()
    for plural, kind in folder.kinds.items():
        branch = tree.get(plural)
        if branch is None:
            continue
        for entry_id, entry in folder.ids(plural).items():
            path: ValuePath = (plural,) if kind.shape == "single" else (plural, entry_id)
            inner = branch if kind.shape == "single" or branch.issue else branch.branches.get("*")
            if inner is not None:
                yield from inner.hits(entry.value, path)


def _conditions(folder: Folder) -> Iterator[tuple[ValuePath, str]]:
    for flow_id, entry in folder.ids("flows").items():
        steps_of = entry.value if isinstance(entry.value, list) else []
        for index, step in enumerate(steps_of):
            if isinstance(step, dict) and "when" in step:
                yield from _condition(step["when"], ("flows", flow_id, index, "when"))


@dataclass(slots=True)
class _Branch:
    """The list as a tree, so that each object is walked once."""

    issue: str = ""  # all that stands here is not served
    words: dict[str, str] = field(default_factory=dict)  # these values are not
    branches: dict[str, _Branch] = field(default_factory=dict)

    def hits(self, value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
        if self.issue:
            yield path, self.issue
        elif isinstance(value, str | bool):
            word = value if isinstance(value, str) else str(value).lower()
            if word in self.words:
                yield path, self.words[word]
        elif isinstance(value, dict):
            every = self.branches.get("*")
            if every is not None:
                for key, inner in value.items():
                    yield from every.hits(inner, (*path, key))
            for key, branch in self.branches.items():
                if key in value:
                    yield from branch.hits(value[key], (*path, key))
        elif isinstance(value, list) and (every := self.branches.get("*")) is not None:
            for index, item in enumerate(value):
                yield from every.hits(item, (*path, index))


@cache
def _tree() -> dict[str, _Branch]:
    top = _Branch()
    for place, issue in NOT_SERVED.items():
        pattern, _, word = place.partition("=")
        branch = top
        for step in pattern.split("."):
            branch = branch.branches.setdefault(step, _Branch())
        if word:
            branch.words[word] = issue
        else:
            branch.issue = issue
    return top.branches


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
