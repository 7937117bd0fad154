"""The people and parties around the example PBX `romashka`, each in a namespace of its own, each with its own tone.

| party | where | tone |
|-|-|-|
| ivanov, extension 201 | phone1 | 600 Hz |
| petrova, 202 | phone2 | 750 Hz |
| sidorov, 301 | natphone, behind an address translation | 900 Hz |
| orlova, 204, whose phone speaks SRTP only | phone5 | 1350 Hz |
| carrier mtt, also the mobiles behind it | mtt | 1050 Hz |
| carrier ural | ural (SIPp, which returns what it hears) | – |
| stranger | stranger | 1200 Hz |
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from phones.baresip import Baresip
from phones.romashka import lab
from phones.romashka.report import Report
from phones.wire import WireParty

DOMAIN = "romashka.example"
TONES = {"ivanov": 600.0, "petrova": 750.0, "sidorov": 900.0, "orlova": 1350.0, "mtt": 1050.0, "stranger": 1200.0}
EXTENSIONS = {"ivanov": "201", "petrova": "202", "sidorov": "301", "orlova": "204"}
PLACES = {"ivanov": "phone1", "petrova": "phone2", "sidorov": "phone3"}


class Stage:
    """Opens phones and carriers as they are asked for, and closes all at its end. Safe for several threads."""

    def __init__(self) -> None:
        self.edge = (lab.addresses()["edge1"], 5060)
        self._stack = ExitStack()
        self._lock = threading.RLock()
        self._free = threading.Condition()
        self._taken: set[str] = set()
        self._asked: list[set[str]] = []
        self._phones: dict[str, Baresip] = {}
        self._parties: dict[str, WireParty] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def use(self, report: Report, *names: str, deadline: float = 90.0) -> Iterator[None]:
        """Phones and carriers that a call needs for itself: all at once, in the order of asking."""
        wanted = set(names)
        with self._free:
            self._asked.append(wanted)
            ready = self._free.wait_for(lambda: not wanted & self._before(wanted), deadline)
            self._asked = [other for other in self._asked if other is not wanted]
            self._free.notify_all()
            if not ready:
                raise TimeoutError(f"{sorted(wanted)} not free within {deadline} s")
            self._taken |= wanted
        report.begin()
        try:
            yield
        finally:
            report.end()
            with self._free:
                self._taken -= wanted
                self._free.notify_all()

    def _before(self, wanted: set[str]) -> set[str]:
        """What is taken, or was asked for earlier."""
        before = set(self._taken)
        for other in self._asked:
            if other is wanted:
                break
            before |= other
        return before

    def phone(self, user: str) -> Baresip:
        """The desk phone of a user, started and registered at its first use."""
        with self._lock:
            if user not in self._phones:
                phone = self._stack.enter_context(self.new_phone(user))
                phone.register()
                self._phones[user] = phone
            return self._phones[user]

    def new_phone(
        self,
        user: str,
        *,
        device: str = "desk",
        place: str = "",
        password: str | None = None,
        transport: str = "udp",
        account: str = "",
    ) -> Baresip:
        """A phone of its own with the account of a user's device; not started, not registered."""
        place = place or PLACES[user]
        return Baresip(
            f"{user}-{device}@{DOMAIN}",
            namespace=lab.namespace(place),
            address=lab.addresses()[place],
            password=lab.password(user, device) if password is None else password,
            proxy=f"{self.edge[0]}:{5061 if transport == 'tls' else 5060}",
            transport=transport,
            authority=str(lab.AUTHORITY) if transport == "tls" else "",
            hz=TONES[user],
            account=account,
        )

    def party(self, name: str) -> WireParty:
        """A scripted party at its own address and port 5060."""
        with self._lock:
            if name not in self._parties:
                party = WireParty(lab.namespace(name), lab.addresses()[name], name=name, hz=TONES.get(name, 0.0))
                if name == "mtt":
                    party.challenge = lab.trunk_login()
                self._parties[name] = self._stack.enter_context(party)
            return self._parties[name]
