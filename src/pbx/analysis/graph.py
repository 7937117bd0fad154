"""The way of calls through a tenant's model as nodes and edges: what a picture of it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pbx.analysis.words import condition_words
from pbx.model.objects import (
    AllOf,
    Announcement,
    AnyOf,
    Condition,
    Destination,
    Flow,
    Ivr,
    IvrKey,
    Not,
    OverrideOn,
    Prompt,
    RingGroup,
    Tenant,
    User,
)
from pbx.model.problems import Path
from pbx.model.services import Conference, Queue, Voicemail

OWN = ("flow", "ivr", "announcement", "ring_group")
SERVICES = ("queue", "voicemail", "conference")
Reached = Mapping[Path, int]  # branch → how many tests take it


@dataclass(frozen=True, slots=True)
class Branch:
    """One way out of a node. `place` is the branch in the model, as tests name it; None where none is told."""

    label: str
    to: str
    place: Path | None = None
    dead: bool = False  # no call ever takes it


@dataclass(frozen=True, slots=True)
class Node:
    """`name` is kind/id, `lines` what a reader wants to know of it."""

    name: str
    kind: str
    lines: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()


@dataclass(slots=True)
class Graph:
    nodes: dict[str, Node] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)  # objects that take calls and that no number leads to


def graph(tenant: Tenant, numbers: Iterable[str] | None = None) -> Graph:
    """From these numbers on; None: from every number and extension, with what nothing leads to.

    Raises KeyError for a number that is not the tenant's.
    """
    out = Graph()
    roots = [Destination("number", number) for number in (tenant.numbers if numbers is None else numbers)]
    _walk(tenant, roots, out)
    if numbers is None:
        by_extension = set(map(str, tenant.extensions.values()))
        taking = [f"{kind}/{id_}" for kind in OWN for id_ in getattr(tenant, f"{kind}s")]
        taking += [f"{kind}/{id_}" for kind in SERVICES for id_ in getattr(tenant.services, f"{kind}s")]
        out.unreached = [name for name in taking if name not in out.nodes and name not in by_extension]
    return out


def _walk(tenant: Tenant, roots: list[Destination], out: Graph) -> None:
    waiting = list(roots)
    while waiting:
        at = waiting.pop(0)
        if str(at) in out.nodes:
            continue
        node, leads = _node(tenant, at)
        out.nodes[node.name] = node
        waiting += leads
    _switches(tenant, out)


def _switches(tenant: Tenant, out: Graph) -> None:
    """The switches that flows of the picture ask, each with an arrow to the flows."""
    for switch in tenant.services.overrides.values():
        asking = [
            flow.id for flow in tenant.flows.values() if switch.id in _asked(flow) and f"flow/{flow.id}" in out.nodes
        ]
        if asking:
            node = f"override/{switch.id}"
            branches = tuple(Branch("switches", f"flow/{flow}") for flow in asking)
            people = tuple(f"user/{user}" for user in switch.users)
            out.nodes[node] = Node(node, "override", (f"code {switch.code}", *people), branches)


def _asked(flow: Flow) -> set[str]:
    """The switches that the conditions of a flow name."""
    waiting: list[Condition | None] = [step.when for step in flow.steps]
    out: set[str] = set()
    while waiting:
        match waiting.pop():
            case OverrideOn(names):
                out.update(names)
            case Not(part):
                waiting.append(part)
            case AllOf(parts) | AnyOf(parts):
                waiting += parts
    return out


def _node(tenant: Tenant, at: Destination) -> tuple[Node, list[Destination]]:
    match at.kind:
        case "number":
            return _number(tenant, at.value)
        case "flow":
            return _flow(tenant.flows[at.value])
        case "ivr":
            return _ivr(tenant, tenant.ivrs[at.value])
        case "ring_group":
            return _ring_group(tenant, tenant.ring_groups[at.value])
        case "announcement" if at.value in tenant.announcements:
            return _announcement(tenant, tenant.announcements[at.value])
        case "user":
            return _user(tenant.users[at.value])
        case "queue":
            return _queue(tenant.services.queues[at.value])
        case "voicemail":
            return _voicemail(tenant.services.voicemails[at.value])
        case "conference":
            return _conference(tenant.services.conferences[at.value]), []
        case "lookup":
            asked = tenant.services.lookups[at.value]
            host = urlsplit(asked.url).hostname or asked.url  # the rest may hold a key of the CRM
            return Node(str(at), "lookup", (host, f"waits {asked.timeout:g} s")), []
        case "fact":
            return Node(str(at), "fact", (f"where {at.value} says",)), []
        case "outside":
            return Node(str(at), "outside", ("outside",)), []
        case _:
            return Node(str(at), at.kind), []


def _number(tenant: Tenant, number: str) -> tuple[Node, list[Destination]]:
    entry = tenant.numbers[number]
    until = f" until {entry.until}" if entry.until else ""
    state = () if entry.state == "active" else (f"{entry.state}{until}",)
    lines = (*((f"trunk/{entry.trunk}",) if entry.trunk else ()), *state)
    branch = Branch("", str(entry.to), ("numbers", number), dead=bool(state and not until))
    return Node(f"number/{number}", "number", lines, (branch,)), [entry.to]


def _flow(flow: Flow) -> tuple[Node, list[Destination]]:
    branches, taken = [], False
    for index, step in enumerate(flow.steps):
        words = "otherwise" if step.when is None and index else condition_words(step.when)
        if step.facts_as is not None:
            asks = f"asks for {step.facts_as}" if step.when is None else f"{words}: asks for {step.facts_as}"
            branches.append(Branch(asks, str(step.to), ("flows", flow.id, index), dead=taken))
            continue
        if step.for_ is not None:
            words += f", for {step.for_:g} s"
        branches.append(Branch(words, str(step.to), ("flows", flow.id, index), dead=taken))
        taken = taken or (step.when is None and not step.otherwise_next and step.to.kind != "fact")
    return Node(f"flow/{flow.id}", "flow", (), tuple(branches)), [step.to for step in flow.steps]


def _ivr(tenant: Tenant, menu: Ivr) -> tuple[Node, list[Destination]]:
    place: Path = ("ivrs", menu.id)
    branches = [
        Branch(_key_words(key, entry), str(entry.to), (*place, "keys", key)) for key, entry in menu.keys.items()
    ]
    branches.append(Branch("no key", str(menu.on_timeout), (*place, "on_timeout")))
    branches.append(Branch("wrong key", str(menu.on_invalid), (*place, "on_invalid")))
    dialled = ("extensions can be dialled",) if menu.direct_dial else ()
    leads = [*(entry.to for entry in menu.keys.values()), menu.on_timeout, menu.on_invalid]
    return Node(f"ivr/{menu.id}", "ivr", (*_said(tenant.prompts[menu.prompt]), *dialled), tuple(branches)), leads


def _key_words(key: str, entry: IvrKey) -> str:
    language = f" ({entry.language})" if entry.language else ""
    return f"key {key}{language}{f', asks for {entry.collect.name}' if entry.collect else ''}"


def _user(user: User) -> tuple[Node, list[Destination]]:
    """A person, with where the person's calls go on."""
    devices = tuple(f"{one.id}: {one.number or one.type.replace('_', ' ')}" for one in user.devices.values())
    branches = []
    for when, forward in user.forward.items():
        words = f"no answer in {forward.after:g} s" if when == "no_answer" else when
        branches.append(Branch(words, str(forward.to), ("users", user.id, "forward", when)))
    node = Node(f"user/{user.id}", "user", (user.name or user.id, *devices), tuple(branches))
    return node, [forward.to for forward in user.forward.values()]


def _queue(queue: Queue) -> tuple[Node, list[Destination]]:
    place: Path = ("queues", queue.id)
    agents = [Destination("user", agent) for agent in queue.agents]
    branches = [Branch("rings", str(agent)) for agent in agents]
    branches.append(Branch(f"nobody in {queue.max_wait:g} s", str(queue.on_timeout), (*place, "on_timeout")))
    branches.append(Branch(f"{queue.max_length} wait already", str(queue.on_full), (*place, "on_full")))
    branches.append(Branch("nobody logged in", str(queue.on_empty), (*place, "on_empty")))
    how = f"{queue.choose.replace('_', ' ')}, {queue.agent_ring_timeout:g} s each"
    skills = (f"needs {', '.join(queue.skills)}",) if queue.skills else ()
    lines = (how, *skills, *((f"extension {queue.extension}",) if queue.extension else ()))
    leads = [*agents, queue.on_timeout, queue.on_full, queue.on_empty]
    return Node(f"queue/{queue.id}", "queue", lines, tuple(branches)), leads


def _voicemail(box: Voicemail) -> tuple[Node, list[Destination]]:
    greeting = (f"prompt/{box.greeting}",) if box.greeting else ()
    heard_by = (f"heard by {len(box.users)} people",) if box.shared_with else ()
    lines = (*greeting, f"a message of {box.max_message:g} s at most", *heard_by)
    leads = [box.operator] if box.operator is not None else []
    branches = tuple(Branch("key 0", str(to), ("voicemails", box.id, "operator")) for to in leads)
    return Node(f"voicemail/{box.id}", "voicemail", lines, branches), leads


def _conference(room: Conference) -> Node:
    lines = [*([f"extension {room.extension}"] if room.extension else []), *(["asks for a PIN"] if room.pin else [])]
    return Node(f"conference/{room.id}", "conference", tuple(lines))


def _ring_group(tenant: Tenant, group: RingGroup) -> tuple[Node, list[Destination]]:
    how = "all at once" if group.ring == "simultaneous" else "one after another"
    branches = [Branch("rings", str(member)) for member in group.members]
    branches.append(Branch("no answer", str(group.on_no_answer), ("ring_groups", group.id, "on_no_answer")))
    lines = (f"{how}, {group.ring_timeout:g} s", *((f"extension {group.extension}",) if group.extension else ()))
    return Node(f"ring_group/{group.id}", "ring_group", lines, tuple(branches)), [*group.members, group.on_no_answer]


def _announcement(tenant: Tenant, entry: Announcement) -> tuple[Node, list[Destination]]:
    to = entry.to or Destination("hang_up")
    branch = Branch("then", str(to))
    return Node(f"announcement/{entry.id}", "announcement", _said(tenant.prompts[entry.prompt]), (branch,)), [to]


def _said(prompt: Prompt) -> tuple[str, ...]:
    return (f"prompt/{prompt.id}",)
