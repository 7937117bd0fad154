"""Call processes that are stopped, killed and cut off from their store, in any order: who speaks for a tenant?"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from pbx.server.leases import LeaseHolder
from pbx.server.pause import LIMIT
from pbx.store.database import Database, StoreUnavailable
from pbx.store.lease import BEAT
from pbx.store.node import are_siblings
from pbx.store.sqlite import Sqlite

HOMES = {"one": "calls1.1", "two": "calls2.1", "three": "calls1.2"}  # tenant → the process that the owner table names
NODES = ("calls1.1", "calls1.2", "calls2.1")
node = st.sampled_from(NODES)


class World:
    """One store and one time for all."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.now = 1000.0
        self.is_down = False
        self.homes = dict(HOMES)
        self.back: dict[str, float] = {}  # when each process reaches the store again after an outage
        self.asking = ""
        self.db = _Store(Path(self._folder.name) / "store.sqlite", self)

    def close(self) -> None:
        self.db.close()
        self._folder.cleanup()


class _Store(Sqlite):
    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._world = world
        self._db.execute("PRAGMA synchronous = OFF")

    def now(self) -> int:
        if self._world.is_down or self._world.now < self._world.back.get(self._world.asking, 0.0):
            raise StoreUnavailable("down")
        return int(self._world.now * 1000)


class Dead(Exception):
    """The process has ended itself."""


class Process:
    """A call process as far as its leases go; what it does before it speaks is what pbx-calls does."""

    def __init__(self, world: World, name: str, boot: int) -> None:
        self.world, self.name = world, name
        self.is_stopped = self.has_calls = False
        self.served: Mapping[str, int] = {}
        self.ran = self.beat_at = world.now
        world.asking = name
        self.holder = LeaseHolder(
            f"{name}/{boot}",
            lambda: self._connect(),
            tenants=lambda: set(world.homes),
            owned=lambda: {tenant for tenant, home in world.homes.items() if home == name},
            siblings=lambda: {t: home for t, home in world.homes.items() if home != name and are_siblings(home, name)},
            tell=self._told,
            took=lambda taken: None,
            is_idle=lambda tenant: not self.has_calls,
            is_dead=self._die,
            clock=lambda: world.now,
        )
        self.holder.renew()

    def _connect(self) -> Database:
        return self.world.db

    def _told(self, epochs: Mapping[str, int]) -> None:
        self.served = dict(epochs)

    def _die(self, lost: set[str]) -> None:
        raise Dead

    def check(self) -> None:
        """Before it speaks it sees that it was stopped."""
        self.world.asking = self.name
        if self.world.now - self.ran > LIMIT:
            self.holder.renew()
        self.ran = self.world.now

    def beat(self) -> None:
        self.world.asking = self.name
        if self.world.now - self.beat_at >= BEAT:
            self.beat_at = self.world.now
            self.holder.renew()

    def run(self) -> None:
        self.check()
        self.beat()


class Leases(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.boots = 0
        self.processes: dict[str, Process] = {}
        self.said: dict[str, tuple[int, str]] = {}  # tenant → the epoch of whoever spoke last, and who it was
        for name in NODES:
            self.start(name)

    def start(self, name: str) -> None:
        self.boots += 1
        self.processes[name] = Process(self.world, name, self.boots)

    def step(self, name: str) -> None:
        process = self.processes.get(name)
        if process is None or process.is_stopped:
            return
        try:
            process.check()
            if process.holder.reaches_store:  # else it cannot know, and calls go on: the owner table decides
                for tenant, epoch in process.served.items():
                    self.speak(tenant, epoch, name)
            process.beat()
        except Dead:
            self.start(name)  # by systemd

    def speak(self, tenant: str, epoch: int, name: str) -> None:
        last, who = self.said.get(tenant, (0, ""))
        assert epoch >= last, f"{name} speaks for {tenant} with epoch {epoch} after {who} did with {last}"
        assert epoch > last or name == who, f"{name} and {who} speak for {tenant} with the same epoch"
        self.said[tenant] = epoch, name

    @rule(tenths=st.integers(1, 60), order=st.permutations(NODES))
    def time_passes(self, tenths: int, order: list[str]) -> None:
        for _ in range(tenths):
            self.world.now += 0.1
            for name in order:
                self.step(name)

    @rule(name=node)
    def stop(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].is_stopped = True

    @rule(name=node)
    def go_on(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].is_stopped = False
            self.step(name)

    @rule(name=node, tenths=st.integers(10, 90), order=st.permutations(NODES))
    def stop_for_a_while(self, name: str, tenths: int, order: list[str]) -> None:
        self.stop(name)
        self.time_passes(tenths, order)
        self.go_on(name)

    @rule(name=node)
    def kill(self, name: str) -> None:
        self.processes.pop(name, None)

    @rule(name=node)
    def start_again(self, name: str) -> None:
        if name not in self.processes:
            self.start(name)

    @precondition(lambda self: not self.world.is_down)
    @rule()
    def store_goes_down(self) -> None:
        self.world.is_down = True

    @precondition(lambda self: self.world.is_down)
    @rule(late=st.sampled_from(NODES), tenths=st.integers(0, 25))
    def store_comes_up(self, late: str, tenths: int) -> None:
        """One process reaches it later than the others: its connection hangs for a while."""
        self.world.is_down = False
        self.world.back[late] = self.world.now + tenths / 10

    @rule(tenant=st.sampled_from(["one", "three"]), home=st.sampled_from(["calls1.1", "calls1.2"]))
    def an_apply_moves_a_tenant_within_its_host(self, tenant: str, home: str) -> None:
        self.world.homes[tenant] = home

    @rule()
    def all_is_well_again(self) -> None:
        """Whatever was: soon each tenant is served, once, and by the process that the owner table names."""
        self.world.is_down = False
        for name in NODES:
            self.start_again_or_go_on(name)
        self.time_passes(tenths=100, order=list(NODES))
        served = {(tenant, name) for name in NODES for tenant in self.processes[name].served}
        assert served == set(self.world.homes.items())

    def start_again_or_go_on(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].is_stopped = False
        else:
            self.start(name)

    def teardown(self) -> None:
        self.world.close()


TestLeases = Leases.TestCase
TestLeases.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestLeases = pytest.mark.row("R33")(TestLeases)


def test_whoever_is_dead_for_three_beats_is_followed_within_five_seconds() -> None:
    world = World()
    first, second = Process(world, "calls1.1", 1), Process(world, "calls2.1", 1)
    for _ in range(50):
        world.now += 0.1
        first.run()
        second.run()
    died = world.now
    while "one" not in second.served:
        world.now += 0.1
        second.run()
    assert world.now - died <= 4.2
    assert second.holder.taken == {"one": "calls1.1"}
    again = Process(world, "calls1.1", 2)
    assert "one" not in again.served
    for _ in range(25):
        world.now += 0.1
        second.run()
        again.run()
    assert "one" in again.served and "one" not in second.served and second.holder.taken == {}
    world.close()


def test_when_all_were_stopped_nobody_is_dead() -> None:
    world = World()
    first, second = Process(world, "calls1.1", 1), Process(world, "calls2.1", 1)
    for _ in range(50):
        world.now += 0.1
        first.run()
        second.run()
    world.now += 60  # the machine that both run on was paused
    for _ in range(50):
        second.run()
        first.run()
        world.now += 0.1
    assert first.served == {"one": 1} and second.served == {"two": 1}
    world.close()


def test_a_stopped_process_that_goes_on_ends_itself_before_it_speaks() -> None:
    world = World()
    first, second = Process(world, "calls1.1", 1), Process(world, "calls2.1", 1)
    for _ in range(50):
        world.now += 0.1
        first.run()
        second.run()
    for _ in range(100):
        world.now += 0.1
        second.run()
    assert "one" in second.served and "one" in first.served
    with pytest.raises(Dead):
        first.run()
    world.close()


def ran(world: World, *processes: Process, tenths: int) -> None:
    for _ in range(tenths):
        world.now += 0.1
        for process in processes:
            process.run()


def test_a_process_of_the_same_host_goes_on_before_any_other() -> None:
    """Only it can read the calls of the dead one."""
    world = World()
    dead, sibling, far = (Process(world, name, 1) for name in ("calls1.1", "calls1.2", "calls2.1"))
    ran(world, dead, far, sibling, tenths=50)
    ran(world, far, sibling, tenths=45)
    assert sibling.holder.taken == {"one": "calls1.1"} and "one" not in far.served
    ran(world, far, tenths=45)  # and nobody is left on that host
    assert set(far.served) == {"one", "two", "three"}
    world.close()


def test_a_tenant_moves_within_its_host_once_it_has_no_calls() -> None:
    world = World()
    first, second = Process(world, "calls1.1", 1), Process(world, "calls1.2", 1)
    ran(world, first, second, tenths=50)
    first.has_calls = True
    world.homes["one"] = "calls1.2"
    first.holder.renew(claim=True)  # an apply loads the model into both
    second.holder.renew(claim=True)
    ran(world, first, second, tenths=50)
    assert set(first.served) == {"one"} and set(second.served) == {"three"}
    first.has_calls = False
    ran(world, first, second, tenths=15)
    assert first.served == {} and set(second.served) == {"one", "three"}
    world.close()
