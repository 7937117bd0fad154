"""Leases: one holder at a time, a new epoch at each taking, a loser is told at its next beat."""

from pathlib import Path

from pbx.store import database, lease


def test_a_lease_is_held_while_it_beats(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    assert lease.take(db, ["romashka"], holder="calls1.1/a", now=0) == {"romashka": 1}
    assert lease.take(db, ["romashka"], holder="calls2.1/b", now=2999) == {}
    assert lease.beat(db, {"romashka": 1}, holder="calls1.1/a", now=2999) == set()
    assert lease.take(db, ["romashka"], holder="calls2.1/b", now=5998) == {}


def test_three_missed_beats_lose_it(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    lease.take(db, ["romashka"], holder="calls1.1/a", now=0)
    assert lease.take(db, ["romashka"], holder="calls2.1/b", now=3000) == {"romashka": 2}
    assert lease.beat(db, {"romashka": 1}, holder="calls1.1/a", now=3001) == {"romashka"}


def test_a_restarted_process_takes_its_own_at_once(tmp_path: Path) -> None:
    db = database.connect(tmp_path / "store.sqlite")
    lease.take(db, ["romashka"], holder="calls1.1/a", now=0)
    assert lease.take(db, ["romashka"], holder="calls1.1/b", now=10) == {"romashka": 2}
    assert lease.beat(db, {"romashka": 1}, holder="calls1.1/a", now=20) == {"romashka"}
