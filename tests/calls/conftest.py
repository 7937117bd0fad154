"""Simulated calls of the example PBX: `call(...)` tells one call and returns what was heard, rung and recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.story import story
from pbx.model.load import load
from pbx.model.objects import Tenant

EXAMPLES = Path(__file__).parents[2] / "examples"
MONDAY_NOON = "2026-11-09T12:00+03:00"
SUNDAY = "2026-11-08T12:00+03:00"
OUTSIDE = "+79161234567"

Caller = Callable[..., Told]


@pytest.fixture(scope="session")
def romashka() -> Tenant:
    return load(EXAMPLES).model.tenants["romashka"]


@pytest.fixture
def call(romashka: Tenant) -> Caller:
    def place(
        dialled: str,
        *,
        caller: str | None = OUTSIDE,
        at: str = MONDAY_NOON,
        trunk: str | None = None,
        keys: str = "",
        patience: float = 600.0,
        over_limit: bool = False,
        tenant: Tenant | None = None,
        **people: Person,
    ) -> Told:
        if trunk is None and dialled.startswith("+7495"):
            trunk = "mtt"
        named = {name.replace("_", "-"): person for name, person in people.items()}
        script = Script(datetime.fromisoformat(at), caller, dialled, trunk, keys, named, patience, over_limit)
        return simulate(tenant or romashka, script, story)

    return place
