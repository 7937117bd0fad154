"""Recordings in an S3 bucket: a real server, which is slow, away, killed in an upload, or answers rubbish (R17)."""

from __future__ import annotations

import hashlib
import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeper.place import Place, killed_alone, until, wav
from keeper.weed import Weed, served

from pbx.store.places import S3, Bucket, NotThere

pytestmark = pytest.mark.row("R17")


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    with served(tmp_path_factory.mktemp("weed")) as one:
        yield one


@pytest.fixture
def here(tmp_path: Path, weed: Weed) -> Iterator[Place]:
    place = Place(tmp_path / "place", s3=weed.bucket)
    place.start()
    yield place
    place.stop()


def in_bucket(weed: Weed, place: Place, name: str) -> str | None:
    """SHA-256 of the object of a row."""
    row = place.row(name)
    assert row is not None
    bucket = S3(Bucket(**weed.bucket, access_key="access", secret_key="very secret"))
    try:
        return bucket.sha256(row["object"])
    except NotThere:
        return None


def test_kept_in_the_bucket_heard_from_there_and_gone_when_erased(weed: Weed, here: Place) -> None:
    here.put("one", store="s3", seconds=30.0)
    row = until(lambda: here.row("one"), f"it is kept: {here.log()}")
    assert in_bucket(weed, here, "one") == row["sha256"] and not list((here.folder / "kept").iterdir())
    answer, sound = here.ask("sound", recording="one", first=100_000, end=200_000)
    assert answer["ok"] and sound == wav(30.0)[100_000:200_000]
    assert here.ask("erase", number="+79161234567", reason="she asked")[0]["erasing"] == ["one"]
    until(lambda: here.events("one")[-1] == "erased", "it is gone")
    bucket = S3(Bucket(**weed.bucket, access_key="access", secret_key="very secret"))
    with pytest.raises(NotThere):
        bucket.sha256(row["object"])


def test_a_keeper_killed_at_any_step_keeps_once(weed: Weed, tmp_path: Path) -> None:
    for number in itertools.count(1, 11):
        place = Place(tmp_path / str(number), s3=weed.bucket)
        place.put(f"k{number}", store="s3")
        killed = killed_alone(place.folder / "keeper.json", number, "--once")
        place.assert_nothing_in_clear()
        assert not killed_alone(place.folder / "keeper.json", 0, "--once")
        assert place.events(f"k{number}") == ["kept"]
        assert in_bucket(weed, place, f"k{number}") == (place.row(f"k{number}") or {})["sha256"]
        assert not list((place.folder / "sealed").iterdir())
        if not killed:
            break


def test_away_killed_in_an_upload_and_hanging_it_waits_sealed_and_heals(weed: Weed, here: Place) -> None:
    weed.hang()
    here.put("large", store="s3", seconds=600.0)
    sealed = here.folder / "sealed"
    until(lambda: list(sealed.glob("large.json")), "it is sealed")
    until(lambda: not list((here.folder / "spool").iterdir()), "the memory is free again")
    here.assert_nothing_in_clear()
    weed.kill()  # in the middle of the upload
    status = until(lambda: (here.status() or {})["trouble"], f"the trouble is told: {here.log()}", 60)
    assert "s3" in status and "alarm: recordings are not taken by s3" in here.log()
    assert here.row("large") is None
    weed.start()
    row = until(lambda: here.row("large"), "it is kept", 60)
    assert in_bucket(weed, here, "large") == row["sha256"] and here.events("large") == ["kept"]
    assert here.log().count("alarm") == 1 and "recordings are not taken by s3: works again" in here.log()


class Rubbish(http.server.BaseHTTPRequestHandler):
    """Takes whatever is put there, and gives something else back."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"rubbish"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in (
            ("ETag", '"rubbish"'), ("Content-Length", "7"), ("Last-Modified", "Mon, 30 Nov 2026 09:00:00 GMT"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"rubbish")

    do_POST = do_PUT

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


def test_what_a_bucket_gives_back_otherwise_is_not_kept(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rubbish)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bucket = {"endpoint": f"http://127.0.0.1:{server.server_port}", "bucket": "recordings", "region": "us-east-1"}
    here = Place(tmp_path / "place", s3=bucket)
    here.put("one", store="s3")
    try:
        here.start()
        until(lambda: "read back with another sum" in here.log(), f"it is told: {here.log()}")
        assert here.row("one") is None and (here.folder / "sealed" / "one.json").exists()
        assert hashlib.sha256(b"rubbish").hexdigest() in here.log()
    finally:
        here.stop()
        server.shutdown()
        server.server_close()


def test_without_a_bucket_it_waits_and_is_told(tmp_path: Path) -> None:
    here = Place(tmp_path / "place")
    here.put("one", store="s3")
    assert not killed_alone(here.folder / "keeper.json", 0, "--once")
    assert here.row("one") is None and (here.folder / "sealed" / "one.json").exists()
    here.put("two")  # what is local goes on
    assert not killed_alone(here.folder / "keeper.json", 0, "--once")
    assert here.row("two") is not None
