"""Calls between two carriers through the PBX, which a story may begin, hear and end as it likes."""

from collections.abc import Iterator
from contextlib import contextmanager

from hosts.story import Site
from phones.wire import WireParty
from phones.wirecall import WireCall

EDGE = ("10.77.0.11", 5060)
NUMBER = "+74951000190"  # of the fixture `site`: leads from ural to mtt
TONES = {"mtt": 1050.0, "ural": 700.0}
ADDRESSES = {"mtt": "198.51.100.10", "ural": "192.0.2.10"}
Carriers = dict[str, WireParty]


@contextmanager
def both(site: Site) -> Iterator[Carriers]:
    """Both carriers, each at its address with its tone."""
    parties = {
        name: WireParty(site.lab.netns(name), address, name=name, hz=TONES[name]) for name, address in ADDRESSES.items()
    }
    try:
        yield parties
    finally:
        for party in parties.values():
            party.close()


def dial(caller: WireParty, number: str = NUMBER) -> WireCall:
    return caller.call(f"sip:{number}@{EDGE[0]}", EDGE, from_="<sip:+73430000001@ural.example>")


@contextmanager
def call_up(
    site: Site,
    carriers: Carriers,
    number: str = NUMBER,
    caller: str = "ural",
    called: str = "mtt",
    host: str = "calls1",
) -> Iterator[tuple[WireCall, WireCall]]:
    """A call from one carrier to the other, both ends; hung up at the end if it is not over by then."""
    ours = dial(carriers[caller], number)
    theirs = carriers[called].wait_call()
    theirs.answer()
    ours.wait_established()
    yield ours, theirs
    if ours.state != "ended":
        ours.bye()
    site.wait_calls(0, host=host)


def talk(ours: WireCall, theirs: WireCall, caller: str = "ural", called: str = "mtt") -> None:
    """Each end hears the other's tone now."""
    ours.wait_tone(TONES[called], 0.3, 3.0)
    theirs.wait_tone(TONES[caller], 0.3, 3.0)
