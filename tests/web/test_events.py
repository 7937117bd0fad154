"""Server-sent events: what is told, resumed and reset; fifty readers, and one that does not read."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from web.place import BASE, Web, secret_of, until

pytestmark = pytest.mark.row("R31")

WITHIN = 10.0


class Reader:
    """One stream, read in a thread: (id, event, data)."""

    def __init__(self, here: Web, tenant: str = "house", role: str = "admin", last_id: str = "") -> None:
        self.found: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
        self.seen: list[str] = []
        self._client = here.client(tenant, role)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(headers,), daemon=True)
        self._thread.start()
        assert self._open.wait(WITHIN)

    def _read(self, headers: dict[str, str]) -> None:
        with (
            contextlib.suppress(httpx.HTTPError, OSError, ValueError),
            self._client.stream("GET", "/events", headers=headers, timeout=60) as response,
        ):
            self._socket = response.extensions["network_stream"].get_extra_info("socket")
            assert response.headers["content-type"].startswith("text/event-stream")
            frame: dict[str, str] = {}
            for line in response.iter_lines():
                if line.startswith(": welcome"):
                    self._open.set()
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    frame[name] = value
                elif frame:
                    self.found.put((frame.get("id", ""), frame["event"], json.loads(frame["data"])))
                    frame = {}

    def until(self, event: str, **expected: object) -> tuple[str, dict[str, Any]]:
        end = time.monotonic() + WITHIN
        while True:
            try:
                name, what, data = self.found.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} {expected}; seen: {self.seen}") from None
            self.seen.append(what)
            if what == event and all(data.get(key) == value for key, value in expected.items()):
                return name, data

    def close(self) -> None:
        """Shut down first: a descriptor that is closed under a thread that reads may be that of another connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WITHIN)
        self._client.close()


@contextlib.contextmanager
def reading(here: Web, *words: str, **more: str) -> Iterator[Reader]:
    reader = Reader(here, *words, **more)
    try:
        yield reader
    finally:
        reader.close()


def call_to_its_end(client: httpx.Client, user: str = "anna") -> str:
    call: str = client.post("/calls", json={"user": user, "to": "202"}).json()["call"]
    until(lambda: client.get(f"/calls/{call}").json().get("state") == "talking", "they talk")
    assert client.delete(f"/calls/{call}").status_code == 204
    return call


def test_a_call_is_told_from_its_start_to_its_end_to_its_own_tenant(here: Web) -> None:
    with here.client() as client, reading(here) as reader, reading(here, "other") as other:
        call = call_to_its_end(client)
        _, ended = reader.until("call.ended", call=call)
        assert (ended["disposition"], ended["hung_up_by"], "tenant" in ended) == ("answered", "api", False)
        told = [what for what in reader.seen if what != "leg.ended"]
        assert told[:4] == ["call.started", "leg.ringing", "leg.ringing", "call.answered"]  # the own one is no answer
        assert told[-2:] == ["call.joined", "call.ended"]
        with here.client("other") as another:
            theirs = call_to_its_end(another)
        other.until("call.ended", call=theirs)
        assert "call.ended" not in other.seen[:-1]
        assert reader.found.empty()


def test_a_user_is_told_of_the_own_calls_only(here: Web) -> None:
    here.people["gleb-desk"] = here.people["anna-desk"]
    with here.client() as client, reading(here, "house", "user") as anna:
        call_to_its_end(client, "gleb")
        mine = call_to_its_end(client, "anna")
        _, started = anna.until("call.started")
        assert started["call"] == mine
        anna.until("call.ended", call=mine)


def test_a_reader_that_comes_again_misses_nothing_and_gets_nothing_twice(here: Web) -> None:
    with here.client() as client:
        with reading(here) as reader:
            first = call_to_its_end(client)
            name, _ = reader.until("call.ended", call=first)
        second = call_to_its_end(client)
        with reading(here, last_id=name) as again:
            _, started = again.until("call.started")
            assert started["call"] == second and again.seen == ["call.started"]
            again.until("call.ended", call=second)


def test_an_event_that_is_not_kept_is_answered_by_reset(here: Web) -> None:
    with here.client() as client, reading(here, last_id="000000000000-1") as reader:
        _, told = reader.until("reset")
        assert told == {"read": "calls"}
        reader.until("call.ended", call=call_to_its_end(client))


@pytest.mark.row("R33")
def test_a_restart_of_pbx_web_loses_no_event_and_one_of_pbx_calls_is_told(here: Web) -> None:
    with here.client() as client:
        with reading(here) as reader:
            first = call_to_its_end(client)
            name, _ = reader.until("call.ended", call=first)
        second = call_to_its_end(client)
        process = here.stack.processes["web"]
        process.kill()
        process.wait()
        here.stack.start("web")
        with here.client(role="") as anybody:
            until(lambda: _well(anybody), "pbx-web is back")
        with reading(here, last_id=name) as again:
            _, started = again.until("call.started")
            assert started["call"] == second
            here.stack.processes["calls"].kill()
            here.stack.processes["calls"].wait()
            here.stack.start("calls")
            again.until("reset")
            until(lambda: client.get("/calls").status_code == 200, "pbx-calls is back")
            again.until("call.ended", call=call_to_its_end(client))


def _well(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health").status_code == 200
    return False


def test_a_token_has_only_so_many_streams(here: Web) -> None:
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(reading(here, "other", "read_only")) for _ in range(20)]
        with here.client("other", "read_only") as client:
            answer = client.get("/events")
            assert answer.status_code == 429 and answer.headers["retry-after"]
        assert len(readers) == 20


def test_fifty_readers_and_one_that_does_not_read_slow_no_call_and_cost_bounded_memory(here: Web) -> None:
    """The one that does not read is cut off in the end; the PBX's processes stay small."""
    calls = here.stack
    with contextlib.ExitStack() as stack, here.client() as client:
        lazy = _lazy(here)
        stack.callback(lazy.close)
        roles = ("admin", "supervisor", "read_only")
        readers = [stack.enter_context(reading(here, "house", roles[index % 3])) for index in range(50)]
        before = {name: calls.rss(name) for name in ("web", "calls")}
        took = []
        for _ in range(10):
            began = time.monotonic()
            call = client.post("/calls", json={"user": "anna", "to": "202"}).json()["call"]
            readers[0].until("call.joined", call=call)
            took.append(time.monotonic() - began)
            client.delete(f"/calls/{call}")
        for reader in readers:
            reader.until("call.ended", call=call)
        grown = {name: calls.rss(name) - before[name] for name in before}
        assert max(grown.values()) < 16 * 1024 * 1024, grown
        assert sorted(took)[5] < 0.2 + 0.2 + 1.0, took  # two who answer after 0.2 s each, and the feed's own 0.1 s


def _lazy(here: Web) -> socket.socket:
    """A reader with a tiny window that never reads."""
    host, port = here.base.removeprefix("https://").split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.connect((host, int(port)))
    wrapped = here.trust().wrap_socket(sock, server_hostname=host)
    secret = secret_of("house", "admin")
    wrapped.sendall(f"GET {BASE}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
    return wrapped
