"""What goes on while a story changes things: phones that register all the time, calls that stay up."""

import contextlib
import itertools
import socket
import threading
import time

from phones import digest, netns
from phones.message import parse

EDGE = ("10.77.0.11", 5060)
RATE = 25  # REGISTERs a second of one phone, each with its challenge: half of what the edge takes for a flood
RETRANSMIT, GIVE_UP = 0.5, 4.0  # seconds; UDP may lose a packet


class Registrations:
    """One device's REGISTER, challenged and answered, 25 times a second until the block ends; failures are counted."""

    def __init__(self, namespace: str, address: str, user: str, domain: str, password: str) -> None:
        self._user, self._domain, self._password = user, domain, password
        self._socket = netns.open_socket(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 5070))
        self._socket.settimeout(RETRANSMIT)
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done = 0
        self.failures: list[str] = []

    def __enter__(self) -> "Registrations":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def wait_done(self, number: int, seconds: float = 10.0) -> None:
        """Until so many were answered, or given up."""
        deadline = time.monotonic() + seconds
        while self.done < number:
            assert time.monotonic() < deadline, f"{self.done} REGISTERs of {number}"
            time.sleep(0.02)

    def _run(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            if self._stop.wait(max(0.0, began + number / RATE - time.monotonic())):
                return
            try:
                status = self._register(number)
            except TimeoutError:
                status = 0
            self.done += 1
            if status != 200:
                self.failures.append(f"{time.monotonic() - began:.1f} s: {status or 'no answer'}")

    def _register(self, number: int) -> int:
        status, challenge = self._request(2 * number + 1, number, "")
        if status != 401:
            return status
        uri = f"sip:{self._domain}"
        credentials = digest.answer(challenge, self._user, self._password, "REGISTER", uri)
        return self._request(2 * number + 2, number, f"Authorization: {credentials}\r\n")[0]

    def _request(self, sequence: int, number: int, more: str) -> tuple[int, str]:
        """Send one REGISTER; the final status and the challenge."""
        at = f"sip:{self._user}@{self._domain}"
        text = (
            f"REGISTER sip:{self._domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._address}:5070;branch=z9hG4bK{id(self)}{sequence};rport\r\nMax-Forwards: 70\r\n"
            f"From: <{at}>;tag=r{number}\r\nTo: <{at}>\r\n"
            f"Call-ID: registrations-{id(self)}\r\nCSeq: {sequence} REGISTER\r\n"
            f"Contact: <sip:{self._user}@{self._address}:5070>\r\nExpires: 120\r\n{more}Content-Length: 0\r\n\r\n"
        )
        deadline = time.monotonic() + GIVE_UP
        while time.monotonic() < deadline:
            self._socket.sendto(text.encode(), EDGE)
            with contextlib.suppress(TimeoutError):
                return self._answer(sequence)
        raise TimeoutError

    def _answer(self, sequence: int) -> tuple[int, str]:
        """The final answer to a request; keep-alives of the edge (zeros) and late answers are passed over."""
        while True:
            data = self._socket.recv(4096)
            if not data.startswith(b"SIP/2.0"):
                continue
            answer = parse(data)
            if answer["CSeq"] == f"{sequence} REGISTER" and answer.status >= 200:
                return answer.status, answer.get("WWW-Authenticate") or ""
