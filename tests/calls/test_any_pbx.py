"""Whatever the model, the caller and the people: every call ends, in order, and the same call goes the same way."""

import os
from itertools import pairwise

import pytest
from calls.any_pbx import edges, scripts, tenants
from hypothesis import HealthCheck, given, settings

from pbx.calls.simulated.world import Script, Told, simulate
from pbx.features.story import story
from pbx.model.objects import Tenant

EXAMPLES = int(os.environ.get("PBX_ANY_PBX", "150"))
"""Calls that are tried; `PBX_ANY_PBX=20000 pytest tests/calls/test_any_pbx.py` tries many."""

LONGEST = 60 * 1500.0
"""Seconds: no node of such a model holds a call for longer than its own timers, and a path has 60 nodes."""

pytestmark = [pytest.mark.row("R22"), pytest.mark.row("C03")]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 150, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(tenants(), scripts())
def test_every_call_ends_and_goes_by_the_model(tenant: Tenant, script: Script) -> None:
    told = simulate(tenant, script, story)
    record = told.record
    assert not [reason for reason in record.reasons if reason.startswith("error:")], record.reasons
    assert record.disposition in ("answered", "busy", "no_answer", "cancelled", "failed", "rejected")
    _bounded(told, script)
    _a_walk(tenant, told)
    if any(reason.startswith("loop: ") for reason in record.reasons):
        assert told.answer in (482, 200)
    again = simulate(tenant, script, story)
    assert (again.record, again.events, again.branches) == (record, told.events, told.branches)


def _bounded(told: Told, script: Script) -> None:
    ended = told.events[-1][0]
    in_a_room = any(node.startswith("conference/") for node in told.record.path)
    assert ended <= (script.patience if in_a_room else min(script.patience, LONGEST)) + 1.0
    assert len(told.record.path) <= 61
    assert len(told.events) < 20_000


def _a_walk(tenant: Tenant, told: Told) -> None:
    path = told.record.path
    for before, after in pairwise(path):
        assert after in set(edges(tenant, before)), f"{before} does not lead to {after}: {' → '.join(path)}"
