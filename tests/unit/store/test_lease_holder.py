"""A call process and its leases: what it may serve, also when the store is away or an apply moves a tenant."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pbx.server.leases import LeaseHolder
from pbx.store import database
from pbx.store.database import Database, StoreUnavailable

pytestmark = pytest.mark.row("R31")


class Process:
    """The part of a call process that its lease holder sees; `down` takes the store away from it."""

    def __init__(self, path: Path, name: str, owned: set[str]) -> None:
        self.path, self.owned, self.down = path, owned, False
        self.served: Mapping[str, int] = {}
        self.holder = LeaseHolder(
            f"{name}/boot", self.connect, tenants=lambda: {"one", "two"}, owned=lambda: self.owned, tell=self.tell
        )

    def connect(self) -> Database:
        if self.down:
            raise StoreUnavailable("nobody is there")
        return database.connect(self.path)

    def tell(self, epochs: Mapping[str, int]) -> None:
        self.served = epochs


def test_each_process_serves_its_own_tenants(tmp_path: Path) -> None:
    first, second = Process(tmp_path / "s", "calls1.1", {"one"}), Process(tmp_path / "s", "calls2.1", {"two"})
    for process in (first, second, first, second):
        process.holder.renew()
    assert (first.served, second.served) == ({"one": 1}, {"two": 1})


def test_who_starts_with_an_old_table_does_not_take_from_the_living(tmp_path: Path) -> None:
    first = Process(tmp_path / "s", "calls1.1", {"one"})
    first.holder.renew()
    late = Process(tmp_path / "s", "calls2.1", {"one"})
    late.holder.renew()
    first.holder.renew()
    assert (first.served, late.served) == ({"one": 1}, {})


def test_an_apply_that_moves_a_tenant_gives_it_to_the_new_owner(tmp_path: Path) -> None:
    first, second = Process(tmp_path / "s", "calls1.1", {"one"}), Process(tmp_path / "s", "calls2.1", set())
    first.holder.renew()
    first.owned, second.owned = set(), {"one"}
    first.holder.renew(claim=True)
    assert first.served == {"one": 1}  # nobody has taken it yet
    second.holder.renew(claim=True)
    first.holder.renew()
    assert (first.served, second.served) == ({}, {"one": 2})


def test_calls_go_on_while_the_store_is_away(tmp_path: Path) -> None:
    process = Process(tmp_path / "s", "calls1.1", {"one"})
    process.down = True
    process.holder.renew()
    assert process.served == {"one": 0}
    process.down = False
    process.holder.renew()
    assert process.served == {"one": 1}
