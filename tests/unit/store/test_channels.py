"""Several call processes keep to one `max_channels` through the store (behaviour R07)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx.calls.live.channels import Channels
from pbx.model.objects import Trunk
from pbx.store import channels, database

pytestmark = pytest.mark.row("R07")

MTT = Trunk("mtt", "mtt", "sip:mtt.example", max_channels=3)


@pytest.fixture
def db(tmp_path: Path) -> database.Database:
    return database.connect(tmp_path / "store.sqlite")


def test_two_processes_fill_a_trunk_together(db: database.Database) -> None:
    one, two = Channels(), Channels()
    assert one.take(MTT) and one.take(MTT)
    channels.say(db, "calls.1", one.used())
    two.learn(channels.of_others(db, "calls.2"))
    assert two.elsewhere == {"mtt": 2}
    assert two.take(MTT) and not two.take(MTT)
    assert two.take(MTT, always=True)  # an emergency
    one.give_back("mtt")
    channels.say(db, "calls.1", one.used())
    two.learn(channels.of_others(db, "calls.2"))
    assert two.is_full(MTT)
    two.give_back("mtt")
    assert not two.is_full(MTT)


def test_what_a_dead_process_had_is_free_after_three_seconds(db: database.Database) -> None:
    channels.say(db, "calls.1", {"mtt": 3})
    assert channels.of_others(db, "calls.2") == {"mtt": 3}
    db.execute("UPDATE channels SET beat = beat - :stale", {"stale": channels.STALE + 1})
    assert channels.of_others(db, "calls.2") == {}


def test_a_store_of_an_older_release_gets_the_tables(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    db.execute("DROP TABLE channels")
    db.execute("DROP TABLE setting")
    db.close()
    again = database.connect(tmp_path / "store.sqlite")
    assert channels.of_others(again, "calls.1") == {}
