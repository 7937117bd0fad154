"""A test of the model as a script for the simulated world, and what came of it against what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pbx.calls.call import Call
from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Script, Told, simulate
from pbx.calls.state import Found
from pbx.model.call_tests import Behaviour, CallTest
from pbx.model.objects import Tenant

RINGS = Person()  # whoever a test does not name: reachable, and does not answer


@dataclass(frozen=True, slots=True)
class Result:
    """One test after it was run; without `failures` it passed."""

    test: CallTest
    told: Told
    failures: tuple[str, ...]


def rehearse(tenant: Tenant, test: CallTest, story: Callable[[Call], object]) -> Result:
    """Run one test; the features and decisions are those of live calls."""
    told = simulate(tenant, script_of(tenant, test), story)
    return Result(test, told, tuple(failures(test, told)))


def script_of(tenant: Tenant, test: CallTest) -> Script:
    """A call from outside comes over the trunk that the number expects, else over any of the tenant's."""
    trunk = None
    if test.user is None:
        expected = tenant.numbers[test.dialled].trunk
        trunk = tenant.trunks[expected].key if expected else next((t.key for t in tenant.trunks.values()), "outside")
    return Script(
        at=test.at,
        caller=test.user or test.caller,
        dialled=test.dialled,
        trunk=trunk,
        keys=test.keys,
        spoken=test.spoken,
        recogniser=test.recogniser,
        people={name: _person(one) for name, one in test.people.items()},
        patience=test.patience,
        others=RINGS,
        state=StateScript(test.overrides, test.queues, test.crm, test.pins, test.trunks, rooms=_rooms(test)),
    )


def _rooms(test: CallTest) -> dict[str, Found]:
    return {name: Found(room.members, room.moderated, room.locked) for name, room in test.rooms.items()}


def _person(behaviour: Behaviour) -> Person:
    return Person(
        behaviour.answers,
        behaviour.status,
        talks=behaviour.talks,
        presses=behaviour.presses,
        transfers=behaviour.transfers,
    )


def failures(test: CallTest, told: Told) -> Iterator[str]:
    """What was expected and did not come, each with what came instead."""
    record = told.record
    path = " → ".join(record.path) or "nowhere"
    if missing := _first_missing(test.through, record.path):
        yield f"through: {missing} was not reached in this order; the path was {path}"
    for node in test.not_through:
        if node in record.path:
            yield f"not_through: {node} was reached; the path was {path}"
    last = record.path[-1] if record.path else ""
    if test.ends is not None and test.ends != last:
        yield f"ends: the call ended at {last or 'nothing'}, not at {test.ends}; the path was {path}"
    heard = [what for _, what in told.heard]
    if missing := _first_missing(test.hears, heard):
        yield f"hears: {missing} was not heard in this order; heard was {', '.join(heard) or 'nothing'}"
    if missing := _first_missing(test.says, told.said, lambda part, text: part in text):
        yield f"says: {missing!r} was not said in this order; said was {' · '.join(told.said) or 'nothing'}"
    rang = [label.partition(" ")[2] for _, label in told.rang]
    if missing := _first_missing(test.rings, rang, _is_one_of):
        yield f"rings: {missing} did not ring in this order; what rang was {', '.join(rang) or 'nothing'}"
    policies = sorted({policy for _, _, names in told.recorded for policy in names})
    if test.recorded is not None and policies != sorted(test.recorded):
        yield f"recorded: {', '.join(policies) or 'nothing'} recorded it, not {', '.join(test.recorded) or 'nothing'}"
    yield from _record(test, told)


def _record(test: CallTest, told: Told) -> Iterator[str]:
    if test.shows is not None:
        shown = (told.shown[-1][1] or "anonymous") if told.shown else "nothing"
        if shown != test.shows:
            yield f"shows: {shown} was shown, not {test.shows}"
    if test.disposition is not None and told.record.disposition != test.disposition:
        yield f"disposition: the record says {told.record.disposition}, not {test.disposition}"
    if test.code is not None and told.answer != test.code:
        yield f"code: the caller got {told.answer or 'no final answer'}, not {test.code}"
    if test.language is not None and told.facts.language != test.language:
        yield f"language: the call was in {told.facts.language}, not in {test.language}"
    yield from _cdr(test, told)


def _cdr(test: CallTest, told: Told) -> Iterator[str]:
    record = told.record
    who = (record.answered_by or "").partition(" ")[2]
    if test.answered_by is not None and not _is_one_of(test.answered_by, who):
        yield f"cdr.answered_by: {who or 'nobody'} answered, not {test.answered_by}"
    if test.hung_up_by is not None and record.hung_up_by != test.hung_up_by:
        yield f"cdr.hung_up_by: {record.hung_up_by or 'nobody'} hung up, not {test.hung_up_by}"
    if test.direction is not None and record.direction != test.direction:
        yield f"cdr.direction: the record says {record.direction}, not {test.direction}"
    collected = record.facts.get("collected", {})
    if test.collected is not None and collected != test.collected:
        yield f"cdr.collected: the record has {_pairs(collected)}, not {_pairs(test.collected)}"
    if test.talk is not None and round(told.talk) != round(test.talk):
        yield f"cdr.talk: they talked for {told.talk:.0f} s, not {test.talk:g} s"


def _pairs(collected: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {digits}" for name, digits in collected.items()) or "nothing"


def _is_one_of(wanted: str, label: str) -> bool:
    """`petrova` is meant by `petrova-desk`, `mtt` by a tenant's own `romashka.mtt` too."""
    return label == wanted or label.startswith(f"{wanted}-") or label.endswith(f".{wanted}")


def _first_missing(
    wanted: Sequence[str], came: Sequence[str], fits: Callable[[str, str], bool] = lambda one, other: one == other
) -> str | None:
    """The first of `wanted` that is not among `came` after those before it; None when all are, in order."""
    rest = iter(came)
    return next((one for one in wanted if not any(fits(one, other) for other in rest)), None)
