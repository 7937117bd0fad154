"""B10: digest REGISTERs a second and core at one edge: 401, 200, the contact saved and written back.

A real Kamailio with our configuration and 10,000 devices in a network namespace of its own; one sender keeps a window
of requests open for 8 s. CPU is that of all Kamailio processes from /proc; the sender's own is not counted.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "collections"))
from unit.edge.edge_under_test import EDGE, PHONE, EdgeUnderTest
from unit.edge.sip_peers import Message, Peer, authorization, build

DOMAIN, DEVICES, WINDOW, SECONDS = "romashka.example", 10000, 48, 8.0
GOAL = 8000  # a second and core
PEER = 1_000_000 / 740  # Asterisk with pjsip: 695-786 µs a registration
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(group: int) -> float:
    """User and system time of every process of a process group."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Sender:
    """Registers devices in turn; each answer sends what comes next, so that the window stays open."""

    def __init__(self, phone: Peer) -> None:
        self.phone, self.next, self.done, self.failed = phone, 0, 0, 0
        self.uri = f"sip:{DOMAIN}"

    def request(self, device: int, cseq: int, *headers: str) -> None:
        user, address = f"user{device}-desk", f"<sip:user{device}-desk@{DOMAIN}>"
        self.phone.send(
            build("REGISTER", self.uri, self.phone, from_=f"{address};tag=r{device}", to=address, cseq=cseq,
                  call_id=f"{device}@bench", headers=(f"Contact: {self.phone.contact(user)};expires=3600", *headers))
        )  # fmt: skip

    def start_one(self) -> None:
        self.request(self.next % DEVICES, 2 * self.next + 1)
        self.next += 1

    def answer(self, text: str) -> None:
        message = Message(text)
        device = int(message.need("Call-ID").split("@")[0])
        cseq = int(message.need("CSeq").split()[0])
        if message.status == 401 and "Authorization" not in text.partition("WWW-")[0] and cseq % 2:
            secret = f"{device:032x}"
            credentials = authorization(
                message, user=f"user{device}-desk", secret_ha1=secret, method="REGISTER", uri=self.uri
            )
            self.request(device, cseq + 1, credentials)
            return
        self.done += message.status == 200
        self.failed += message.status != 200
        self.start_one()

    def run(self, seconds: float) -> None:
        """A window of registrations for that long."""
        end = time.monotonic() + seconds
        for _ in range(WINDOW):
            self.start_one()
        while time.monotonic() < end:
            if not select.select([self.phone.sock], [], [], 0.5)[0]:
                self.start_one()  # lost on the way
                continue
            data = self.phone.sock.recv(65535)
            if len(data) > 4:
                self.answer(data.decode())


def main() -> int:
    edge = EdgeUnderTest(children=2, private_mb=64)
    try:
        edge.start()
        edge.fill("domain", {DOMAIN: "romashka"})
        edge.fill("ha1", {f"user{n}-desk@{DOMAIN}": f"{n:032x}" for n in range(DEVICES)})
        assert edge.process is not None
        sender = Sender(Peer(edge.namespace, PHONE, 0, (EDGE, 5060)))
        sender.run(1.0)  # warm
        before, sender.done, sender.failed = cpu_seconds(edge.process.pid), 0, 0
        began = time.monotonic()
        sender.run(SECONDS)
        spent, seconds = cpu_seconds(edge.process.pid) - before, time.monotonic() - began
        sender.phone.close()
    finally:
        edge.close()
    figure = round(sender.done / spent)
    print(
        json.dumps({
            "bar": "B10 registrations", "figure": figure, "goal": GOAL, "floor": round(PEER),
            "unit": f"digest REGISTERs a second and core ({spent / sender.done * 1e6:.0f} µs each; ran at"
                    f" {sender.done / seconds:.0f}/s, {sender.failed} failed)",
            "ratio": round(figure / PEER, 1), "holds": figure >= GOAL and sender.failed == 0,
        })
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
