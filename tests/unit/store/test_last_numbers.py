"""Last numbers, as records tell them and the store keeps them (behaviour R09)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pbx.calls.live.last_numbers import LastNumbers
from pbx.calls.record import CallRecord
from pbx.model.objects import Device, User
from pbx.store import database, last_numbers
from pbx.store.database import StoreUnavailable
from pbx.store.last_numbers import Last

pytestmark = pytest.mark.row("R09")

ANNA = User("anna", devices={"desk": Device("desk", "desk_phone"), "soft": Device("soft", "softphone")})

RANG = {"legs": [{"leg": "device anna-desk", "at": 5}]}


def record(source: str, dialled: str, *, at: int = 1000, **more: Any) -> dict[str, Any]:
    made = CallRecord("id", "house", "internal", "201", dialled, None, source, "r", at)
    made.path = ["user/boris"]
    for name, value in more.items():
        setattr(made, name, value)
    return made.document()


@pytest.fixture
def db(tmp_path: Path) -> database.Database:
    return database.connect(tmp_path / "store.sqlite")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (record("device anna-desk", "202"), [Last("device anna-desk", "dialled", "202", 1000)]),
        (record("api anna", "202"), [Last("api anna", "dialled", "202", 1000)]),
        (record("device anna-desk", "*43"), []),
        (record("device anna-desk", "*66", facts={"dials": "202"}), [Last("device anna-desk", "dialled", "202", 1000)]),
        (record("device anna-desk", "112", path=["emergency/112"]), []),
        (record("trunk mtt", "+74951000001"), []),
        (
            record("trunk mtt", "+74951000001", caller="+79161234567", facts=RANG),
            [Last("device anna-desk", "called_by", "+79161234567", 1005)],
        ),
        (
            record("trunk mtt", "+74951000001", caller=None, facts=RANG),
            [Last("device anna-desk", "called_by", "", 1005)],
        ),
        (
            record("api anna", "202", facts={"legs": [*RANG["legs"], {"leg": "trunk mtt", "at": 9}]}),
            [Last("api anna", "dialled", "202", 1000)],
        ),
        (record("device anna-desk", "202", facts=None), [Last("device anna-desk", "dialled", "202", 1000)]),
    ],
)  # fmt: skip
def test_what_a_record_says(call: dict[str, Any], said: list[Last]) -> None:
    assert list(last_numbers.told(call)) == said


def test_the_store_keeps_the_newest_of_each_telephone(db: database.Database) -> None:
    for at, dialled in ((3000, "203"), (2000, "202")):  # the older one comes later, from another host
        database.write(
            db, [{"kind": "end", "node": "n", "boot": "b", **record("device anna-desk", dialled, at=at)}], ("s", at)
        )
    assert last_numbers.of(db, "house", ["device anna-desk", "api anna"]) == [
        Last("device anna-desk", "dialled", "203", 3000)
    ]
    assert last_numbers.of(db, "other", ["device anna-desk"]) == last_numbers.of(db, "house", []) == []


def test_of_all_telephones_of_a_person_the_newest_counts() -> None:
    asked: list[str] = []

    def ask(tenant: str, telephones: Any) -> list[Last]:
        asked.extend(telephones)
        return [Last("device anna-soft", "called_by", "206", 1)]

    known = LastNumbers(ask)
    known.learn("house", [Last("device anna-desk", "dialled", "202", 2), Last("device anna-soft", "dialled", "203", 1)])
    assert asyncio.run(known.number("house", ANNA, "dialled")) == "202" and asked == []
    assert asyncio.run(known.number("house", ANNA, "called_by")) == "206"
    assert asked == ["device anna-desk", "device anna-soft", "api anna"]
    known.forget(["house", "other"])
    assert asyncio.run(known.number("house", ANNA, "dialled")) is None  # another process may have seen a newer one


def test_a_store_that_is_away_knows_nothing() -> None:
    def away(tenant: str, telephones: Any) -> list[Last]:
        raise StoreUnavailable("down")

    assert asyncio.run(LastNumbers(away).number("house", ANNA, "dialled")) is None
