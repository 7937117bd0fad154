"""The calls of the demo as scripts for the simulated world, so that a live record can be held against a simulated one.

What is compared is everything that a decision or a feature makes: not ids, clock times and words of a peer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from phones.romashka import example

from pbx.calls.simulated.world import Person, Script, simulate
from pbx.features.story import story

COMPARED = ("tenant", "direction", "caller", "number", "disposition", "code", "answered_by", "hung_up_by", "path")
RINGS = Person()
ANSWERS = Person(answers=1.0, talks=3.0)  # and hangs up
STAYS = Person(answers=1.0, talks=300.0)
BUSY = Person(status=486)

# by the row's function: who does what; `caller` and `dialled` are taken from the record
SCRIPTS: dict[str, dict[str, Any]] = {
    "hung_up_by_caller": {"people": {"petrova": STAYS}, "patience": 5},
    "hung_up_by_callee": {"people": {"ivanov": ANSWERS}},
    "busy": {"people": {"petrova": BUSY}},
    "cancelled": {"people": {"petrova": RINGS}, "patience": 2},
    "hold": {"people": {"petrova": STAYS}, "patience": 5},
    "over_tls": {"people": {"sidorov": ANSWERS}},
    "from_tls": {"people": {"petrova": ANSWERS}},
    "not_registered": {},
    "unknown_extension": {},
    "nobody_answers": {"people": {"ivanov": RINGS, "petrova": RINGS, "mtt": RINGS}},
    "closed": {},
    "message": {"keys": "#", "patience": 30},
    "hours_spoken": {},
    "key_1": {"keys": "1", "people": {"petrova": STAYS, "ivanov": RINGS}, "patience": 20},
    "wrong_key": {"keys": "7,1", "people": {"petrova": STAYS, "ivanov": RINGS}, "patience": 30},
    "no_key": {"people": {"petrova": STAYS, "ivanov": RINGS}, "patience": 60},
    "key_2": {"keys": "2", "people": {"sidorov": BUSY, "mtt": Person(answers=1.0, presses="1", talks=9.0)}},
    "long_sdp": {"people": {"petrova": STAYS, "ivanov": RINGS}, "patience": 10},
    "behind_nat": {"people": {"petrova": ANSWERS}},
    "ural_in": {"people": {"sidorov": STAYS}, "patience": 10},
    "out": {"people": {"mtt": STAYS}, "patience": 10},
    "failover": {"people": {"mtt": Person(status=503), "ural": STAYS}, "patience": 10},
    "barred": {},
    "emergency_msk": {"people": {"mtt": ANSWERS}},
    "emergency_ekb": {"people": {"ural": STAYS}, "patience": 10},
}


def differences(name: str, record: Mapping[str, Any]) -> list[str]:
    """`path: live …, simulated …` for each part of the live record that the simulation of this call tells otherwise."""
    told = simulate(example.tenant(), _script(name, record), story).record.document()
    return [
        f"{part}: live {record.get(part)}, simulated {told[part]}"
        for part in COMPARED
        if record.get(part) != told[part]
    ]


def _script(name: str, record: Mapping[str, Any]) -> Script:
    kind, _, source = str(record["source"]).partition(" ")
    user = source.rpartition("-")[0]
    return Script(
        at=datetime.fromtimestamp(record["started"] / 1000, UTC),
        caller=user if kind == "device" else record["caller"],
        dialled=record["number"] or record["dialled"],  # a carrier writes the number in its own format
        trunk=source if kind == "trunk" else None,
        **SCRIPTS[name],
    )
