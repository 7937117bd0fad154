"""A PBX of another shape than the lab's own: its hosts, its inventory as the examples have it, phones, records."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hosts.story import ASK, Site
from phones.baresip import Baresip
from throwaway import CHECKOUT, Lab

from pbx.desired.secrets import derived_password

TONES = {"phone1": 600.0, "phone2": 750.0, "phone3": 900.0, "phone4": 1050.0}
LISTEN = 0.4  # seconds of a tone that count as hearing it
CALLS = "/opt/pbx/current/bin/pbx-calls"
Record = dict[str, Any]
LANDYSH = """\
version: pbx/v1
tenant: {id: landysh, name: Landysh, domain: landysh.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
emergency: {numbers: ["112"]}
locations: {here: {address: "Moscow", emergency: {caller_id: "+74951000300", trunks: [trunk/mtt]}}}
users:
  ivanov: {name: Another Ivanov, extension: "201", location: location/here, devices: {desk: {type: desk_phone}}}
  petrova: {name: Another Petrova, extension: "202", location: location/here, devices: {desk: {type: desk_phone}}}
"""


@dataclass
class ShapeSite(Site):
    """Hosts of a shape with the inventory that `lab/lab up --shape` made of the example, and a copy of the model."""

    state: Path = Path()

    @property
    def inventory(self) -> Path:
        return self.state / "inventory" / "hosts.yml"

    def add_landysh(self) -> None:
        """A second tenant in the model, with the same users and extensions as the example's."""
        folder = self.model / "landysh"
        folder.mkdir()
        (folder / "landysh.yml").write_text(LANDYSH)

    def phone(self, user: str, party: str, edge: str, *, tenant: str = "romashka", transport: str = "udp") -> Baresip:
        """The desk phone of `user` at an outside party, with `edge` as its proxy; not started, not registered."""
        given = yaml.safe_load((self.inventory.parent / "group_vars/all/secrets.yml").read_text())
        return Baresip(
            f"{user}-desk@{tenant}.example",
            namespace=self.lab.netns(party),
            address=self.lab.address(party),
            password=derived_password(given["pbx_site_key"], tenant, user, "desk", 1),
            proxy=f"{self.lab.address(edge)}:{5061 if transport == 'tls' else 5060}",
            transport=transport,
            authority=str(self.state / "ca/ca.pem") if transport == "tls" else "",
            hz=TONES[party],
        )

    def records(self, host: str) -> list[Record]:
        """The newest call records as a call host reads them from the store, newest first."""
        said: list[Record] = json.loads(self.lab.exec(host, CALLS, "cdr", "--last", "50", "--json").stdout)
        return said

    def wait_record(self, host: str, fits: Callable[[Record], bool], deadline: float = 5.0) -> Record:
        """The one finished record that fits."""
        end = time.monotonic() + deadline
        while True:
            found = [one for one in self.records(host) if one["ended"] is not None and fits(one)]
            if found or time.monotonic() > end:
                assert len(found) == 1, found
                return found[0]
            time.sleep(0.2)  # drained from the journal: there is nothing to wait on

    def wait_contact(self, edge: str, address: str, deadline: float = 5.0) -> None:
        """Until the edge knows a registration; it may have come from another edge."""
        end = time.monotonic() + deadline
        words = ("kamcmd", "-s", "unix:/run/kamailio/ctl.sock", "ul.lookup", "location", address)
        while "Ruid" not in self.lab.exec(edge, *words, check=False).stdout:
            assert time.monotonic() < end, f"{edge} does not know {address}"
            time.sleep(0.1)

    def ask(self, host: str, command: str, socket: str = "control.sock") -> dict[str, Any]:
        """A command to a call process of a host, the first by default."""
        answer: dict[str, Any] = json.loads(
            self.lab.exec(host, "python3", "-c", ASK, json.dumps({"cmd": command}), socket).stdout
        )
        return answer


def rings_and_talks(caller: Baresip, callee: Baresip, number: str) -> str:
    """`caller` dials `number`, `callee` rings and answers, each hears the other, the caller hangs up; its Call-ID."""
    ringing = callee.place()
    place = caller.dial(f"sip:{number}@{caller.user.partition('@')[2]}")
    caller.wait_ringing(place)
    callee.answer(since=ringing)
    caller.wait_established(place)
    since = time.monotonic()
    caller.ear.wait_tone(callee.hz, LISTEN, 3.0, since)
    callee.ear.wait_tone(caller.hz, LISTEN, 3.0, since)
    caller.hangup()
    closed = caller.wait_closed(place)
    callee.wait_closed(ringing)
    assert caller.final(closed.call) == 200
    return closed.call


@contextmanager
def new_shape(folder: Path, shape: str) -> Iterator[ShapeSite]:
    """Boot the hosts of `inventory/SHAPE` in a lab of their own; they end with the block."""
    hosts = Lab(f"{shape[:1]}{secrets.token_hex(3)}")
    hosts.run("up", "--shape", shape, timeout=900)
    state = Path(hosts.status()["state_folder"])
    shutil.copytree(CHECKOUT / "examples", folder / "model")
    try:
        yield ShapeSite(hosts, folder, state=state)
    finally:
        hosts.run("down")
        shutil.rmtree(state)
