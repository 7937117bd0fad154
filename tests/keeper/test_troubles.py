"""A full disk, a store that is away, an odd folder, hosts that are not let in: nothing is lost, it is told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeper.place import Place, until, wav

from pbx.web.keeper import KeeperLine
from pbx.web.link import Away, Remote

pytestmark = pytest.mark.row("R17")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_told_and_what_was_recorded_waits(small: Path, tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    config = here.folder / "keeper.json"
    plain = json.loads(config.read_text())
    config.write_text(json.dumps({**plain, "sealed": f"{small}/sealed"}))
    (small / "full").write_bytes(bytes(1000 * 1024))
    here.put("one", seconds=5.0)
    try:
        here.start()
        until(lambda: "alarm: recording one cannot be sealed" in here.log(), "the alarm")
        assert (here.folder / "spool" / "one" / "sound.wav").exists() and here.row("one") is None
        (small / "full").unlink()
        until(lambda: here.row("one"), "it is kept")
        assert here.events("one") == ["kept"] and not list((here.folder / "spool").iterdir())
        assert here.log().count("alarm") == 1
    finally:
        here.stop()


def test_a_store_that_is_away_is_waited_for(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    here.store_file.mkdir()  # no store at all
    here.put("one")
    try:
        here.start()
        until(lambda: "alarm: the store takes no rows" in here.log(), "the alarm")
        until(lambda: not list((here.folder / "spool").iterdir()), "it is sealed")
        assert (here.folder / "sealed" / "one.json").exists()
        here.store_file.rmdir()
        until(lambda: here.store_file.exists() and here.row("one"), "it is kept")
    finally:
        here.stop()


def test_a_relay_host_is_let_in_by_the_key_alone_and_waits_for_who_is_away(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    secrets = here.folder / "secrets.json"
    relay = json.loads((here.folder / "relay.json").read_text())
    wrong = here.folder / "wrong.json"
    wrong.write_text(json.dumps({**json.loads(secrets.read_text()), "keeper_key": "another"}))
    (here.folder / "relay.json").write_text(json.dumps({**relay, "secrets": str(wrong)}))
    here.put("one", spool="relay-spool")
    try:
        here.start("relay")
        until(lambda: "alarm: no host takes recordings" in here.log("relay"), "nobody is there")
        here.start()
        until(lambda: "no letter came from" in here.log(), "it was not let in")
        assert here.row("one") is None and (here.folder / "relay-sealed" / "one.json").exists()
        os.replace(secrets.with_name("wrong.json"), tmp_path / "gone")
        wrong.write_text(secrets.read_text())
        until(lambda: here.row("one"), "with the key it is")
        assert "works again" in here.log("relay")
    finally:
        here.stop()


async def _heard(place: Place, key: str) -> bytes:
    """As pbx-web of another host."""
    line = KeeperLine(Remote("127.0.0.1", place.asked, lambda: key))
    by = {"author": "api console", "role": "officer", "address": "192.0.2.1"}
    _, pieces = await line.stream("sound", tenant="house", recording="one", by=by)
    return b"".join([piece async for piece in pieces])


def test_another_host_hears_by_the_key_alone(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    here.put("one")
    try:
        here.start()
        until(lambda: here.row("one"), "it is kept")
        with pytest.raises(Away):
            asyncio.run(_heard(here, "another"))
        assert asyncio.run(_heard(here, "k" * 32)) == wav()
        assert here.events("one") == ["kept", "listened"]
    finally:
        here.stop()


def test_what_nobody_understands_stays_and_holds_nothing_up(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    odd = here.folder / "spool" / "odd"
    odd.mkdir()
    (odd / "about.json").write_text('{"id": "another"}')
    here.put("one")
    try:
        here.start()
        until(lambda: here.row("one"), "the other one is kept")
        assert "alarm: recording odd cannot be sealed" in here.log() and odd.exists()
    finally:
        here.stop()
