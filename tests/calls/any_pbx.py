"""Any PBX and any call of it, for hypothesis: objects that point anywhere, in circles too, people who do anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from hypothesis import strategies as st

from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import Person, Script
from pbx.model import objects as o
from pbx.model import services as s
from pbx.model.call_tests import AgentIs, QueueIs

NUMBER, OWN = "+74951000100", "+74951000101"
AWAY = "+79160000001"
NAMES = ("one", "two")
USERS = ("anna", "boris", "vera")
KINDS = {"user": USERS, **dict.fromkeys(
    ("flow", "ivr", "ring_group", "announcement", "queue", "voicemail", "conference"), NAMES)}  # fmt: skip
LANGUAGES = ("ru-RU", "en-US")
CHOOSE = ("ring_all", "longest_idle", "fewest_calls", "round_robin", "linear", "random", "skills")
FACTS = ("user/anna", "boris", "queue/one", "flow/one", "202", AWAY, "user/nobody", "rubbish", NUMBER)

names = st.sampled_from(NAMES)
seconds = st.sampled_from([1.0, 5.0, 20.0, 90.0])
NAMED = [o.Destination(kind, name) for kind, ids in KINDS.items() for name in ids]
ENDS = [
    o.Destination("hang_up"),
    o.Destination("reject", "603"),
    o.Destination("outside", AWAY),
    o.Destination("outside", "+4930123456"),
    o.Destination("fact", "crm.owner"),
]
named = st.sampled_from(NAMED)
destinations = st.sampled_from([*NAMED, *ENDS])
choices = st.sampled_from(["linear", "least_cost", "random"])
members = st.one_of(
    st.sampled_from([o.Destination("user", name) for name in USERS]), st.just(o.Destination("outside", AWAY))
)

simple = st.one_of(
    st.just(o.CallerIs(lists=("blocked",))),
    st.just(o.CallerIs(anonymous=True)),
    st.just(o.Open(("office",))),
    st.just(o.Closed(("office",))),
    st.just(o.OverrideOn(("night",))),
    st.just(o.LanguageIs(frozenset({"en-US"}))),
    st.just(o.Between(date(2026, 6, 1), date(2026, 12, 31))),
    st.builds(o.Share, st.integers(1, 100), st.sampled_from(["one/1", "one/2"])),
    st.builds(
        lambda name, state: o.QueueIs(((name, state),)), names, st.sampled_from(["empty", "full", "busy", "free"])
    ),
    st.builds(
        o.FactIs, st.sampled_from(["crm.owner", "crm.vip"]), st.sampled_from([("present",), (True,), ("rubbish",)])
    ),
)
conditions: st.SearchStrategy[o.Condition] = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(o.Not, inner),
        st.builds(o.AnyOf, st.tuples(inner, inner)),
        st.builds(o.AllOf, st.tuples(inner, inner)),
    ),
    max_leaves=3,
)
steps = st.one_of(
    st.builds(o.Step, destinations, conditions),
    st.builds(o.Step, destinations),
    st.builds(o.Step, destinations, st.none() | conditions, seconds, st.just(True)),
    st.just(o.Step(o.Destination("lookup", "crm"), facts_as="crm")),
)
forwards = st.dictionaries(
    st.sampled_from(["always", "busy", "no_answer", "unavailable"]),
    st.builds(s.Forward, destinations, seconds, st.booleans()),
    max_size=2,
)
collects = st.builds(
    s.Collect,
    st.just("order"),
    st.just("said"),
    st.just(2),
    st.just(4),
    st.sampled_from([None, "#"]),
    st.booleans(),
    st.booleans(),
)
keys = st.dictionaries(
    st.sampled_from("0123*"),
    st.builds(o.IvrKey, destinations, st.sampled_from([None, "en-US"]), st.none() | collects),
    max_size=3,
)


def of_names(make: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(dict.fromkeys(NAMES, make))


def with_ids(found: dict[str, object]) -> dict[str, object]:
    """Objects that were drawn as functions of their id."""
    return {name: make(name) for name, make in found.items()}  # type: ignore[operator]


flows = of_names(st.lists(steps, min_size=1, max_size=4).map(lambda all_: lambda name: o.Flow(name, tuple(all_))))
menus = of_names(
    st.tuples(keys, destinations, destinations, st.booleans(), st.integers(0, 2)).map(
        lambda t: lambda name: o.Ivr(name, "said", t[0], t[1], t[2], direct_dial=t[3], max_retries=t[4], hours="office")
    )
)
groups = of_names(
    st.tuples(
        st.lists(members, min_size=1, max_size=3),
        destinations,
        st.sampled_from(["sequential", "simultaneous"]),
        seconds,
        st.integers(1, 2),
    ).map(
        lambda t: (
            lambda name: o.RingGroup(
                name, tuple(t[0]), t[1], ring=t[2], ring_timeout=t[3], rounds=t[4], confirm_outside=True
            )
        )
    )
)
announcements = of_names(
    (st.none() | destinations).map(lambda to: lambda name: o.Announcement(name, "said", to, "office"))
)
queues = of_names(
    st.tuples(st.lists(st.sampled_from(USERS), min_size=1, max_size=3, unique=True), destinations, destinations,
              destinations, st.sampled_from(CHOOSE), st.sampled_from([(), ("sales",)]), st.integers(1, 3), seconds,
              st.sampled_from([None, 30.0])).map(
        lambda t: lambda name: s.Queue(name, tuple(t[0]), t[1], t[2], t[3], choose=t[4], skills=t[5],
                                       autopause_after=t[6], agent_ring_timeout=t[7], announce_position=t[8],
                                       max_length=2)
    )
)  # fmt: skip


@st.composite
def tenants(draw: st.DrawFn) -> o.Tenant:
    """A PBX of three people and two of everything; every key that leads somewhere leads anywhere."""
    trunks = {name: o.Trunk(name, name, f"sip:{name}.example", cost=name) for name in ("mtt", "ural")}
    box = dict.fromkeys(NAMES)
    everything = with_ids(draw(queues))
    return o.Tenant(
        "acme", "Acme", "acme.example", "RU", "7", "Europe/Moscow", LANGUAGES, emergency_numbers=("112",),
        users={name: _person(name, number, draw(forwards)) for number, name in enumerate(USERS, 1)},
        locations={"main": o.Location("main", None, NUMBER, ("mtt",))},
        schedules={"office": o.Schedule("office", None, (o.OpenRule(("MO", "TU"), (o.Hours(time(9), time(18)),)),))},
        numbers={
            NUMBER: o.Number(NUMBER, draw(named)),
            OWN: o.Number(OWN, draw(destinations), state="suspended", until=date(2026, 9, 1)),
        },
        lists={"blocked": o.CallerList("blocked", frozenset({"+79990000000"}), ("+7916",), True)},
        flows=with_ids(draw(flows)),
        prompts={"said": o.Prompt("said", {}, says=dict.fromkeys(LANGUAGES, "{hours.open}"))},
        announcements=with_ids(draw(announcements)),
        ivrs=with_ids(draw(menus)),
        ring_groups=with_ids(draw(groups)),
        trunks=trunks,
        outbound_routes={"russia": o.OutboundRoute("russia", ("+7",), ("mtt", "ural"), draw(choices))},
        services=s.Services(
            overrides={"night": s.Override("night", "*28", ("anna",))},
            tariffs={"ural": s.Tariff("ural", "RUB", (s.Rate("+7", "0.90"),))},
            lookups={"crm": s.Lookup("crm", "https://crm.example/", 0.8)},
            queues=everything,  # type: ignore[arg-type]
            voicemails={name: s.Voicemail(name, "anna", max_message=60.0) for name in box},
            conferences={"one": s.Conference("one", "801"), "two": s.Conference("two", "802", "pin", "chair", True)},
        ),
        extensions={f"20{number}": o.Destination("user", name) for number, name in enumerate(USERS, 1)}
        | {"600": o.Destination("queue", "one"), "801": o.Destination("conference", "one")},
    )  # type: ignore[arg-type]  # fmt: skip


def _person(name: str, number: int, forward: dict[str, s.Forward]) -> o.User:
    devices = {"desk": o.Device("desk", "desk_phone")}
    if name == "vera":
        devices["mobile"] = o.Device("mobile", "outside", AWAY, confirm=True, ring_after=3.0)
    skills = {"sales": 10 * number} if number < 3 else {}
    languages = LANGUAGES if name == "anna" else ()
    return o.User(name, extension=f"20{number}", location="main", caller_id=NUMBER, devices=devices, skills=skills,
                  languages=languages, forward=forward)  # fmt: skip


people = st.one_of(
    st.just(Person()),
    st.builds(Person, st.sampled_from([1.0, 8.0, 25.0]), st.none(), st.just(""), st.sampled_from([2.0, 30.0]),
              st.sampled_from(["", "1"])),
    st.builds(Person, st.none(), st.sampled_from([404, 480, 486, 503, 603])),
)  # fmt: skip
agents = st.dictionaries(
    st.sampled_from(USERS),
    st.builds(AgentIs, st.sampled_from(["busy", "paused", "logged_out", "wrapping_up"]), st.sampled_from([None, 12.0])),
)
states = st.builds(
    StateScript,
    st.sampled_from([(), ("night",)]),
    st.dictionaries(names, st.builds(QueueIs, st.integers(0, 2), agents)),
    st.none() | st.dictionaries(st.sampled_from(["owner", "vip"]), st.sampled_from([*FACTS, True])),
    st.sampled_from([{}, {"pin": "1"}]),
)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Anybody who calls anything at any time."""
    inside = draw(st.booleans())
    return Script(
        at=draw(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))),
        caller=draw(st.sampled_from(USERS if inside else (None, "+79161234567", "+79990000000", "+4930123"))),
        dialled=draw(
            st.sampled_from(["201", "203", "600", "801", "112", "*28", "999", "89160000001", OWN, NUMBER, NUMBER])
            if inside
            else st.sampled_from([*[NUMBER] * 6, OWN, OWN, "+70000000000"])
        ),
        trunk=None if inside else "mtt",
        keys=draw(st.text("0123*#,", max_size=12)),
        people=draw(st.dictionaries(st.sampled_from([*USERS, "mtt", "ural", "vera-mobile"]), people)),
        patience=draw(st.sampled_from([3.0, 600.0, 1_000_000.0, 1_000_000.0])),
        others=Person(),
        state=draw(states),
    )  # fmt: skip


def edges(tenant: o.Tenant, node: str) -> Iterator[str]:
    """Where a call may go from a node of its path, by the words of the model."""
    kind, _, name = node.partition("/")
    for to in _leads(tenant, kind, name):
        if to.kind == "fact":
            yield from ("hang_up", "user/anna", "user/boris", "queue/one", "flow/one", AWAY, f"number/{NUMBER}")
        yield str(to)
        yield from _answers(tenant, to)


def _leads(tenant: o.Tenant, kind: str, name: str) -> Iterator[o.Destination]:
    match kind:
        case "number":
            yield from (
                (tenant.numbers[name].to, o.Destination("announcement", "system-suspended"))
                if name in tenant.numbers
                else ()
            )
            yield o.Destination("reject", "404")
        case "flow":
            yield from (step.to for step in tenant.flows[name].steps)
            yield o.Destination("hang_up")
        case "ivr":
            menu = tenant.ivrs[name]
            yield from (*(key.to for key in menu.keys.values()), menu.on_timeout, menu.on_invalid)
            yield from tenant.extensions.values() if menu.direct_dial else ()
        case "ring_group":
            yield from (*tenant.ring_groups[name].members, tenant.ring_groups[name].on_no_answer)
        case "announcement" if name in tenant.announcements:
            yield tenant.announcements[name].to or o.Destination("hang_up")
        case "queue":
            queue = tenant.services.queues[name]
            yield from (queue.on_timeout, queue.on_full, queue.on_empty)
            yield from (o.Destination("user", agent) for agent in queue.agents)
        case "user":
            yield from (forward.to for forward in tenant.users[name].forward.values())
            yield from (o.Destination("voicemail", box) for box in tenant.services.voicemails)
        case _ if kind == "emergency" or kind.startswith("+"):
            yield from (o.Destination("trunk", name) for name in tenant.trunks)


def _answers(tenant: o.Tenant, to: o.Destination) -> Iterator[str]:
    """Who answers when a flow rings a group, a queue or an outside number and goes on itself."""
    if to.kind in ("ring_group", "queue", "outside"):
        yield from (str(each) for each in _leads(tenant, to.kind if to.kind != "outside" else to.value, to.value))
    if to.kind in ("user", "fact"):
        yield from (f"user/{name}" for name in USERS)
        yield from (AWAY, "+4930123456", "trunk/mtt", "trunk/ural")
