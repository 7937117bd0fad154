"""Scenarios without a network: each in a tenant of its own, a copy of the house."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from phones.scripted.scenarios import SCENARIOS, Scenario

from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.features.story import story
from pbx.model import build
from pbx.model.load import Loaded, load
from pbx.model.objects import Tenant
from pbx.model.services import Setting

HOUSE = Path(__file__).parents[2] / "fixtures" / "house"
GONE = Person(status=480)  # whoever a scenario does not name
NUMBERS = {name: f"s{index:03d}" for index, name in enumerate(SCENARIOS)}


@cache
def house() -> Loaded:
    return load(HOUSE)


def plain_of(scenario: Scenario) -> dict[str, Any]:
    """The tenant of a scenario: its own id, domain and limit."""
    plain = copy.deepcopy(house().tenant_plain["house"])
    tenant = NUMBERS[scenario.name]
    plain["tenant"] |= {"id": tenant, "domain": f"{tenant}.example", "max_calls": 1 if scenario.full else None}
    return plain


def tenant_of(scenario: Scenario, plain: Mapping[str, Any] | None = None) -> Tenant:
    return build.tenant(dict(plain or plain_of(scenario)), "r" + NUMBERS[scenario.name])


def script_of(scenario: Scenario, at: datetime) -> Script:
    return Script(
        at=at,
        caller=scenario.caller,
        dialled=scenario.dialled,
        trunk=scenario.trunk,
        keys=scenario.keys,
        people=scenario.people,
        patience=scenario.patience,
        transfers=scenario.transfers,
        transferring=scenario.transferring,
        over_limit=scenario.full,
        hops=len(scenario.came),
        by_api=scenario.by_api,
        state=StateScript(
            trunks=scenario.trunks,
            own=_own(scenario),
            calls=scenario.calls,
            left=scenario.left,
            last_numbers=scenario.last_numbers,
        ),
        others=GONE,
    )


def _own(scenario: Scenario) -> dict[str, dict[str, Setting]]:
    return {
        user: {key: Setting(value, f"user/{user}", 0) for key, value in said.items()}
        for user, said in scenario.own.items()
    }


def simulated(scenario: Scenario, at: datetime) -> Told:
    return simulate(tenant_of(scenario), script_of(scenario, at), story)
