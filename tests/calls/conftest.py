"""Simulated calls of the example PBX: `call(...)` tells one call and returns what was heard, rung and recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pbx.calls.simulated.state import StateScript
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


OFFICE = """
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU, en-US]}
trunks: {mtt: {proxy: "sip:mtt.example"}}
outbound_routes: {world: {prefixes: ["+"], trunks: [trunk/mtt]}}
prompts:
  hello: {ru-RU: {say: "Привет."}, en-US: {say: "Hello."}}
  hours: {ru-RU: {say: "С {hours.open} до {hours.close}."}, en-US: {say: "From {hours.open} to {hours.close}."}}
schedules: {office: {open: [{days: [MO, TU, WE, TH, FR], hours: ["09:00-18:00"]}]}}
"""
PEOPLE = """
emergency: {numbers: ["112"]}
locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}
users:
  anna: {location: location/main, extension: "201", devices: {desk: {type: desk_phone}}, languages: [ru-RU, en-US],
         skills: {sales: 90}}
  boris: {location: location/main, extension: "202", devices: {desk: {type: desk_phone}},
          skills: {sales: 50, english: 10}}
  vera: {location: location/main, extension: "203", devices: {desk: {type: desk_phone}}}
"""


@pytest.fixture
def office(tmp_path: Path) -> Callable[..., Tenant]:
    """A PBX of one number with these words of YAML beside a trunk, prompts, hours and three people, of whom anna sells
    best and speaks English."""

    def make(yaml: str, *, to: str = "flow/main", people: str = PEOPLE) -> Tenant:
        folder = tmp_path / "acme"
        folder.mkdir(exist_ok=True)
        number = f'numbers:\n  "+74951000100": {{to: {to}}}\n'
        (folder / "acme.yml").write_text(OFFICE + people + number)
        (folder / "more.yml").write_text(yaml)
        return load(folder, whole=True).model.tenants["acme"]

    return make


@pytest.fixture
def tell() -> Caller:
    """One call of a tenant, by default from outside to its number at noon of a Monday. `state` is what it finds."""

    def place(
        tenant: Tenant,
        dialled: str = "+74951000100",
        *,
        caller: str | None = OUTSIDE,
        at: str = MONDAY_NOON,
        keys: str = "",
        patience: float = 600.0,
        speaks: float = 10.0,
        state: StateScript | None = None,
        **people: Person,
    ) -> Told:
        script = Script(
            datetime.fromisoformat(at),
            caller,
            dialled,
            trunk=next(iter(tenant.trunks.values())).key if dialled.startswith("+") else None,
            keys=keys,
            people={name.replace("_", "-"): person for name, person in people.items()},
            patience=patience,
            others=Person(),
            speaks=speaks,
            state=state or StateScript(),
        )
        told = simulate(tenant, script, story)
        assert not any(reason.startswith("error:") for reason in told.record.reasons), told.record.reasons
        return told

    return place
