"""`pbx test PATH`: the calls that a tenant's `tests:` tell, run offline on virtual time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.calls.simulated.coverage import Coverage
    from pbx.calls.simulated.rehearsal import Result
    from pbx.model.load import Loaded


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run the tests of a model offline, by the decisions and features of live calls. "
        "Exit code 0: all passed, 1: one failed, or the model is wrong."
    )
    parser.add_argument("path", metavar="PATH", help="a model root, or one tenant's folder")
    parser.add_argument("--tenant", metavar="ID", help="only this tenant's tests")
    parser.add_argument("-k", dest="part", metavar="TEXT", default="", help="only tests whose name holds this")
    parser.add_argument("--format", choices=("text", "junit"), default="text", help="what stdout gets (text)")
    parser.add_argument("--coverage", action="store_true", help="name every branch that no test reaches")
    percent = "fail when less than this share of the branches is reached"
    parser.add_argument("--min-coverage", metavar="PERCENT", type=float, default=0.0, help=percent)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.calls.simulated.coverage import Coverage, coverage
    from pbx.cli import _rehearsals
    from pbx.cli._models import load_or_tell

    loaded = load_or_tell(arguments.path)
    if loaded is None:
        return 1
    if arguments.tenant and arguments.tenant not in loaded.tests:
        print(f"there is no tenant {arguments.tenant}; known are {', '.join(loaded.tests)}", file=sys.stderr)
        return 1
    results: list[Result] = []
    reached = Coverage()
    for tenant_id, mine in _by_tenant(loaded, arguments):
        results += mine
        one = coverage(loaded.model.tenants[tenant_id], mine)
        reached.reached += [(tenant_id, *place) for place in one.reached]
        reached.missed += [(tenant_id, *place) for place in one.missed]
    if arguments.format == "junit":
        print(_rehearsals.junit(results))
    else:
        print("\n".join(_rehearsals.lines(results)))
    return _verdict(results, reached, arguments)


def _by_tenant(loaded: Loaded, arguments: argparse.Namespace) -> list[tuple[str, list[Result]]]:
    from pbx.calls.simulated.rehearsal import rehearse
    from pbx.features.story import story

    return [
        (id_, [rehearse(loaded.model.tenants[id_], test, story) for test in tests if arguments.part in test.name])
        for id_, tests in loaded.tests.items()
        if arguments.tenant in (None, id_)
    ]


def _verdict(results: Sequence[Result], reached: Coverage, arguments: argparse.Namespace) -> int:
    from pbx.model.problems import pointer

    stream = sys.stderr if arguments.format == "junit" else sys.stdout
    failed = sum(bool(result.failures) for result in results)
    total = len(reached.reached) + len(reached.missed)
    if arguments.coverage and reached.missed:
        print("not reached by any test:", file=stream)
        print("\n".join(f"  {place[0]}: {pointer(place[1:])}" for place in reached.missed), file=stream)
    print(
        f"{len(results) - failed} of {len(results)} tests passed; "
        f"{len(reached.reached)} of {total} branches reached ({reached.share:.0%})",
        file=stream,
    )
    if reached.share * 100 < arguments.min_coverage:
        print(f"less than {arguments.min_coverage:g} % of the branches is reached", file=sys.stderr)
        return 1
    return 1 if failed else 0
