"""`pbx graph`: the way of calls through a tenant's model, as a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.analysis.graph import Reached
    from pbx.model.load import Loaded
    from pbx.model.objects import Tenant

SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot"}


def register(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Draw where calls go: hours, keys, failovers, dead parts, and which ways no test takes. "
        "Needs Graphviz (dot) for a picture."
    )
    parser.add_argument("path", metavar="PATH", help="a model root, or one tenant's folder")
    parser.add_argument(
        "--number", metavar="NUMBER", action="append", help="only from this number on (may be repeated)"
    )
    parser.add_argument("--tenant", metavar="ID", help="needed when the model has several tenants")
    output = f"a file: {', '.join(SUFFIXES)}; without it the text of Graphviz goes to stdout"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=output)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from pbx.analysis.dot import dot
    from pbx.analysis.graph import graph
    from pbx.cli._models import load_or_tell

    loaded = load_or_tell(arguments.path)
    if loaded is None:
        return 1
    try:
        tenant = _tenant(loaded, arguments)
        form = _form(arguments.output)
    except ValueError as error:
        print(f"pbx graph: {error}", file=sys.stderr)
        return 1
    title = ", ".join(arguments.number) if arguments.number else tenant.name
    text = dot(graph(tenant, arguments.number), _reached(loaded, tenant), title)
    if form is None:
        print(text, end="")
        return 0
    return _draw(text, form, arguments.output)


def _tenant(loaded: Loaded, arguments: argparse.Namespace) -> Tenant:
    tenants = loaded.model.tenants
    wanted = arguments.number or []
    if arguments.tenant:
        if arguments.tenant not in tenants:
            raise ValueError(f"there is no tenant {arguments.tenant}; known are {', '.join(tenants)}")
        tenant = tenants[arguments.tenant]
    else:
        found = [one for one in tenants.values() if not wanted or wanted[0] in one.numbers]
        if len(found) > 1:
            raise ValueError(f"--tenant is needed: one of {', '.join(tenants)}")
        tenant = next(iter(found or tenants.values()))
    for number in wanted:
        if number not in tenant.numbers:
            raise ValueError(f"{number} is no number of tenant {tenant.id}")
    return tenant


def _form(path: Path | None) -> str | None:
    if path is None:
        return None
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a picture's name ends with {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder")
    return SUFFIXES[path.suffix]


def _reached(loaded: Loaded, tenant: Tenant) -> Reached | None:
    """How many of the tenant's tests take each branch; None when it has no tests."""
    from collections import Counter

    from pbx.calls.simulated.rehearsal import rehearse
    from pbx.features.story import story

    tests = loaded.tests[tenant.id]
    if not tests:
        return None
    return Counter(place for test in tests for place in rehearse(tenant, test, story).told.branches)


def _draw(text: str, form: str, path: Path) -> int:
    import subprocess

    if form == "dot":
        path.write_text(text, "utf-8")
        return 0
    try:
        done = subprocess.run(["dot", f"-T{form}"], input=text.encode(), capture_output=True, check=False)
    except FileNotFoundError:
        print("pbx graph: Graphviz is not installed (apt install graphviz), or write FILE.dot", file=sys.stderr)
        return 1
    if done.returncode:
        print(f"pbx graph: dot: {done.stderr.decode(errors='replace').strip()}", file=sys.stderr)
        return 1
    path.write_bytes(done.stdout)
    return 0
