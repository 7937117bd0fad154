"""The parts of pbx-web that have no network: limits, repeated requests, the ring of events, the audit log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from pbx.web import audit, limits
from pbx.web.access import ROLES, Token, token_of
from pbx.web.audit import AuditLog
from pbx.web.feed import EventStream, Feed
from pbx.web.limits import Limits
from pbx.web.once import KEPT_FOR, Once
from pbx.web.problems import Problem
from pbx.web.routes.messages import part_of

pytestmark = pytest.mark.row("R31")

ADMIN = Token("console", "romashka", "admin", ROLES["admin"], "")
IVANOV = Token("app", "romashka", "user", ROLES["user"], "", user="ivanov")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_lets_two_seconds_worth_through_and_says_when_the_next_may() -> None:
    clock = Clock()
    bucket = Limits(clock)
    assert [bucket.take("a", 2) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert bucket.take("b", 2) == 0  # somebody else's
    clock.now += 0.5
    assert [bucket.take("a", 2) for _ in range(2)] == [0, 1]
    clock.now += 1000
    assert [bucket.take("a", 0.1), bucket.take("a", 0.1)] == [0, 10]


def test_who_asks_is_remembered_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST", 10)
    bucket = Limits(Clock())
    for number in range(100):
        bucket.take(str(number), 1)
    assert len(bucket._buckets) == 10


def test_a_repeated_request_is_done_once_also_while_the_first_is_under_way() -> None:
    async def story() -> None:
        clock = Clock()
        once: Once[int] = Once(clock)
        done: list[int] = []
        go = asyncio.Event()

        async def work() -> int:
            await go.wait()
            done.append(1)
            return len(done)

        both = [asyncio.ensure_future(once.do("a", "k", "x", work)) for _ in range(2)]
        await asyncio.sleep(0)
        both[0].cancel()  # whoever asked first has gone: it is done all the same
        go.set()
        assert await both[1] == 1 and done == [1]
        assert await once.do("a", "k", "x", work) == 1
        assert await once.do("b", "k", "x", work) == 2  # another's key
        assert await once.do("a", None, "x", work) == 3
        with pytest.raises(Problem) as mistaken:
            await once.do("a", "k", "y", work)
        assert mistaken.value.status == 422
        clock.now += KEPT_FOR + 1
        assert await once.do("a", "k", "x", work) == 4

    asyncio.run(story())


def test_what_failed_may_be_tried_again_with_its_key() -> None:
    async def story() -> None:
        once: Once[int] = Once(Clock())

        async def fails() -> int:
            raise Problem(503, "not now")

        async def works() -> int:
            return 7

        with pytest.raises(Problem):
            await once.do("a", "k", "x", fails)
        await asyncio.sleep(0)
        assert await once.do("a", "k", "x", works) == 7

    asyncio.run(story())


def event(number: int, call: str = "c1", tenant: str = "romashka", **more: Any) -> dict[str, Any]:
    return {"seq": number, "at": 0, "event": "call.started", "tenant": tenant, "call": call, **more}


def test_a_reader_gets_what_is_its_own() -> None:
    feed = Feed()
    feed.add("b", event(1, user="ivanov"))
    feed.add("b", event(2, call="c2", user="petrova"))
    feed.add("b", event(3, call="c3", tenant="other", user="ivanov"))
    feed.add("b", {**event(4), "event": "call.ended"})  # ivanov's call, though it does not say so
    for token, ids in ((ADMIN, [b"b-1", b"b-2", b"b-4"]), (IVANOV, [b"b-1", b"b-4"])):
        found = feed.since(0, token)
        assert found is not None
        assert [line[4:] for line in found[1].splitlines() if line.startswith(b"id: ")] == ids
    assert feed.after("b-3") == 3 and feed.after("b-9") is None
    assert not feed._people.keys() & {"c1"}  # nothing is kept of a call that is over


def test_a_ring_forgets_and_a_gap_is_told_to_everybody() -> None:
    feed = Feed(most=5)
    for number in range(10):
        feed.add("b", event(number))
    assert feed.since(4, ADMIN) is None
    assert feed.since(5, ADMIN) is not None
    feed.gap()
    found = feed.since(10, IVANOV)
    assert found is not None and found[1].startswith(b"event: reset\n")


def test_a_stream_ends_when_its_token_is_taken_away() -> None:
    async def story() -> None:
        feed, known = Feed(), [ADMIN]
        sent: asyncio.Queue[bytes] = asyncio.Queue()
        stream = EventStream(feed, ADMIN, None, lambda token: token in known)

        async def receive() -> Message:
            return await asyncio.get_running_loop().create_future()  # the reader stays

        async def send(message: Message) -> None:
            sent.put_nowait(message.get("body", b""))

        running = asyncio.ensure_future(stream({"type": "http"}, receive, send))
        async with asyncio.timeout(5):
            assert [await sent.get() for _ in range(2)] == [b"", b": welcome\n\n"]
            feed.add("b", event(1))
            assert b"id: b-1\n" in await sent.get()
            known.clear()
            feed.add("b", event(2))
            await running
        assert sent.empty()

    asyncio.run(story())


def test_roles_are_sets_of_scopes_and_a_token_has_no_more_than_its_role() -> None:
    token = token_of(
        "romashka", {"id": "a", "role": "read_only", "sha256": "x", "scopes": ["calls:read", "calls:write"]}
    )
    assert token.scopes == {"calls:read"}
    with pytest.raises(ValueError, match="without a user"):
        token_of("romashka", {"id": "a", "role": "user", "sha256": "x"})
    assert ROLES["admin"] >= ROLES["supervisor"] >= ROLES["read_only"]


def test_the_audit_log_turns_over_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_BYTES", 500)
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(200):
        log.write(tenant="romashka" if number % 2 else "other", number=number)
    assert [entry["number"] for entry in log.newest("romashka", 3)] == [199, 197, 195]
    assert len(list(tmp_path.iterdir())) == audit.KEPT + 1
    (tmp_path / "audit.jsonl").chmod(0o600)
    lost = AuditLog(tmp_path / "nowhere" / "audit.jsonl")
    lost.write(tenant="romashka")
    assert lost.lost == 1


def test_a_range_of_many_digits_is_passed_over() -> None:
    whole = bytes(100)
    for asked in (f"bytes={'9' * 5000}-", f"bytes=-{'9' * 5000}", f"bytes=0-{'9' * 5000}"):
        assert part_of(whole, asked).status_code == 200
    assert part_of(whole, "bytes=0-999999").status_code == 206
