"""`pbx explain`: what would a caller meet, and why? Told offline, by the decisions and features of live calls."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from pbx.cli import _options

if TYPE_CHECKING:
    from pbx.analysis.language import Language
    from pbx.calls.simulated.world import Person, Script
    from pbx.model.load import Loaded
    from pbx.model.objects import Tenant


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell the story of one call: who rings, what is heard, and why, also of the branches not taken. "
        "Of a PATH with --from and --to: nobody answers unless told so. Of a CALL_ID with -i: a real call once more, "
        "as its own revision had it and as today's model would."
    )
    parser.add_argument("what", metavar="PATH|CALL_ID", help="a model root, one tenant's folder, or a recorded call")
    whence = "an outside number, user/ID, or anonymous"
    parser.add_argument("--from", dest="caller", metavar="CALLER", help=whence)
    parser.add_argument("--to", dest="dialled", metavar="NUMBER", help="what is dialled")
    when = "2026-11-07T17:30, on the tenant's clock unless it has an offset; default: now"
    parser.add_argument("--at", metavar="TIME", help=when)
    keys = "keys the caller presses, a comma between those for one menu and the next"
    parser.add_argument("--keys", metavar="KEYS", default="", help=keys)
    parser.add_argument(
        "--answers", metavar="NAME", action="append", default=[], help="who answers after 5 s: a user …"
    )
    refused = "who refuses: a user, device, trunk or number, and a SIP status (486)"
    parser.add_argument("--refuses", metavar="NAME[=STATUS]", action="append", default=[], help=refused)
    parser.add_argument("--tenant", metavar="ID", help="needed when several tenants could be meant")
    parser.add_argument(
        "--language", choices=("ru", "en"), help="of the story; default: that of the environment's locale, else en"
    )
    _options.add_inventory(parser, required=False)
    parser.add_argument("--json", action="store_true", help="of a CALL_ID: for programs")
    parser.set_defaults(run=run, limit=None, tags=None)


def run(arguments: argparse.Namespace) -> int:
    from pbx.cli import _replay
    from pbx.cli._telling import LANGUAGES, spoken

    language = LANGUAGES[arguments.language or spoken(os.environ)]
    if arguments.inventory:
        return _replay.run(arguments, language)
    if not arguments.caller or not arguments.dialled:
        print("pbx explain: give PATH with --from and --to, or CALL_ID with -i INVENTORY", file=sys.stderr)
        return 1
    return _tell(arguments, language)


def _tell(arguments: argparse.Namespace, language: Language) -> int:
    from pbx.calls.simulated.world import simulate
    from pbx.cli._models import load_or_tell
    from pbx.cli._telling import heading, outcome, story_of
    from pbx.features.story import story

    loaded = load_or_tell(arguments.what)
    if loaded is None:
        return 1
    try:
        tenant = _tenant(loaded, arguments)
        script = _script(tenant, arguments)
    except ValueError as error:
        print(f"pbx explain: {error}", file=sys.stderr)
        return 1
    told = simulate(tenant, script, story)
    print(heading(script.at, tenant.timezone, arguments.caller, arguments.dialled, language))
    print("\n".join(story_of(told, script.at, language)))
    print("\n".join(outcome(told, language)))
    return 0


def _tenant(loaded: Loaded, arguments: argparse.Namespace) -> Tenant:
    """The tenant that is named, whose number is called, or the only one that has this user."""
    tenants = loaded.model.tenants
    if arguments.tenant:
        if arguments.tenant not in tenants:
            raise ValueError(f"there is no tenant {arguments.tenant}; known are {', '.join(tenants)}")
        return tenants[arguments.tenant]
    kind, _, name = arguments.caller.partition("/")
    if kind == "user":
        found = [one for one in tenants.values() if name in one.users]
    else:
        found = [one for one in tenants.values() if arguments.dialled in one.numbers]
    if len(found) == 1 or len(tenants) == 1:
        return (found or list(tenants.values()))[0]
    raise ValueError(f"--tenant is needed: one of {', '.join(tenants)}")


def _script(tenant: Tenant, arguments: argparse.Namespace) -> Script:
    from pbx.calls.simulated.rehearsal import script_of
    from pbx.model.call_tests import CallTest

    caller = arguments.caller
    kind, _, user = caller.partition("/")
    if kind == "user" and user not in tenant.users:
        raise ValueError(f"there is no user {user} in tenant {tenant.id}")
    if kind != "user" and not caller.startswith("+") and caller != "anonymous":
        raise ValueError(f"--from {caller}: an outside number (+79161234567), user/ID or anonymous")
    if kind != "user" and arguments.dialled not in tenant.numbers:
        raise ValueError(f"{arguments.dialled} is no number of tenant {tenant.id}: from outside the edge answers 404")
    test = CallTest(
        name="",
        at=_instant(arguments.at, tenant.timezone),
        caller=caller if caller.startswith("+") else None,
        user=user or None,
        dialled=arguments.dialled,
        keys=arguments.keys,
    )
    script = script_of(tenant, test)
    script.people = _people(arguments)
    return script


def _people(arguments: argparse.Namespace) -> dict[str, Person]:
    from pbx.calls.simulated.world import Person

    people = {name: Person(answers=5.0) for name in arguments.answers}
    for word in arguments.refuses:
        name, _, status = word.partition("=")
        if status and not (status.isdigit() and 300 <= int(status) <= 699):
            raise ValueError(f"--refuses {word}: a SIP status is from 300 to 699")
        people[name] = Person(status=int(status or 486))
    return people


def _instant(text: str | None, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    if text is None:
        return datetime.now(ZoneInfo(zone))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--at {text}: no time; for example 2026-11-07T17:30") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
