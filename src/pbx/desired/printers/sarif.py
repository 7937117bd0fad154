"""A plan as SARIF 2.1.0 for a code-scanning page: one rule a kind, one result an item, a server as its place.

Each result has a fingerprint of server, op, kind and id, so that the same drift found again tomorrow is the same alert.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pbx.desired.plan import Item, Plan
from pbx.desired.printers import words

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"delete": "warning", "create": "note"}
MOST = 5_000  # results that GitHub shows of one run; it refuses 25,000


def printed(plan: Plan) -> str:
    found = _results(plan)
    rules = sorted({one["ruleId"] for one in found})
    left = len(found) - MOST
    notices = [_notice(f"{left} more results are left out", "warning")] if left > 0 else []
    notices += [_notice(f"{one.server}: {one.task}: {one.message}", "error") for one in plan.failures]
    notices += [_notice(text, "warning") for text in plan.warnings]
    notices += [_notice(text, "note") for text in words.own_settings(plan)]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": f"pbx {plan.verb}",
                "semanticVersion": _version(),
                "rules": [_rule(one) for one in rules],
            }
        },
        "automationDetails": {"id": f"pbx-{plan.verb}/"},
        "invocations": [
            {
                "executionSuccessful": not plan.failures,
                "exitCode": plan.exit_code(),
                "endTimeUtc": plan.made,
                "toolExecutionNotifications": notices,
            }
        ],
        "columnKind": "utf16CodeUnits",
        "results": [{**one, "ruleIndex": rules.index(one["ruleId"])} for one in found[:MOST]],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1) + "\n"


def _results(plan: Plan) -> list[dict[str, Any]]:
    out = [_result(item) for item in plan.items]
    out += [
        _one("pending_restart", "warning", server, key, f"{server}: {words.waits(key)}") for server, key in plan.waiting
    ]
    if plan.verb != "drift":
        out += [_one("refused", "error", one.server, one.text, f"{one.server}: {one.text}") for one in plan.refusals]
    return out


def _result(item: Item) -> dict[str, Any]:
    lines = [f"{item.server}: {item.name}" + (f" ({', '.join(item.fields)})" if item.fields else "")]
    lines += [f"{field or 'value'}: live {live}, wanted {wanted}" for field, live, wanted in words.values_of(item)]
    if item.since:
        lines.append(f"since {item.since}" if item.since[0].isdigit() else item.since)
    return _one(f"{item.kind}", LEVELS.get(item.op, "warning"), item.server, item.name, "\n".join(lines))


def _one(rule: str, level: str, server: str, name: str, text: str) -> dict[str, Any]:
    mark = hashlib.sha256(f"{server}\0{rule}\0{name}".encode()).hexdigest()[:32]
    place = {"artifactLocation": {"uri": f"servers/{server}"}, "region": {"startLine": 1}}
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": f"{server}/{name}", "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"pbxItem/v1": mark},
    }


def _rule(kind: str) -> dict[str, Any]:
    text = {
        "pending_restart": "A setting waits for a restart without calls",
        "refused": "An apply is refused by a limit",
    }.get(kind, f"{kind}: not on the server as the model says")
    return {"id": kind, "shortDescription": {"text": text}, "properties": {"tags": ["pbx"]}}


def _notice(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}


def _version() -> str:
    try:
        return version("pbx-as-code")
    except PackageNotFoundError:  # a clone that is not installed
        return "0.0.0"
