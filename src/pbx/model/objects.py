"""The PBX as values: frozen dataclasses that the schemas describe and every other room reads.

Nothing here reads files, knows YAML or a clock. Lengths of time are seconds (float), numbers are E.164 strings
with "+". Standard library only: the same classes are built on the controller (from YAML) and on the target (from its
document).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time

from pbx.model.services import Collect, Forward, Limits, Services, Setting


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call may go: the one word `to` of the grammar, and every `on_*` key.

    `kind` is a kind of the grammar (`user`, `ring_group`, `flow`, `ivr`, `announcement`, …) with `value` its id, or
    `outside` (value: an E.164 number), `reject` (value: the SIP status), `hang_up` (value empty) or `fact` (value: a
    fact of a lookup, `crm.owner`, which holds the destination).
    """

    kind: str
    value: str = ""

    def __str__(self) -> str:
        if self.kind == "outside":
            return self.value
        return f"{self.kind}/{self.value}" if self.value else self.kind


# --- conditions of a flow step ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerIs:
    """`caller:` one of: `list/ID`, an exact number, a prefix (`"+7495*"`), `anonymous`."""

    lists: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class NumberIs:
    """`number:` the number that was called is one of these."""

    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Open:
    """`open: schedule/ID` (any of them is open now)."""

    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """`closed: schedule/ID` (any of them is closed now)."""

    schedules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageIs:
    """`language:` the call's language is one of these."""

    languages: frozenset[str]


@dataclass(frozen=True, slots=True)
class Between:
    """`between: [first, last]`: the local date of the tenant lies in it, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class OverrideOn:
    """`override: override/ID` (any of them is switched on)."""

    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """`share: 10%`: this part of the callers, the same ones each time; a canary.

    `draw` names the drawing of lots: each `share` of a flow is one of its own (`main/1`, `main/2`), so that 50 % after
    10 % are half of the rest. Steps that are put between change nobody's lot.
    """

    percent: int
    draw: str = ""


@dataclass(frozen=True, slots=True)
class QueueIs:
    """`queue: {queue/sales: full}`: each queue is in the state named (`empty`, `full`, `busy`, `free`)."""

    states: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FactIs:
    """`crm.status: vip`: a fact of a lookup is one of these; the value `present` asks only that there is one."""

    fact: str
    values: tuple[str | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


Condition = (
    CallerIs
    | NumberIs
    | Open
    | Closed
    | LanguageIs
    | Between
    | OverrideOn
    | Share
    | QueueIs
    | FactIs
    | Not
    | AnyOf
    | AllOf
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a flow: when the condition holds (or there is none) the call goes `to`.

    `for_` bounds the wait for an answer there; with `otherwise_next` an unanswered call goes on with the next step.
    A step that asks a CRM goes `to` a lookup, whose answer is known as `facts_as` from the next step on.
    """

    to: Destination
    when: Condition | None = None
    for_: float | None = None
    otherwise_next: bool = False
    facts_as: str | None = None


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a user = one address of record `<user>-<device>@<tenant.domain>`; `outside` is a number instead."""

    id: str
    type: str  # desk_phone | softphone | browser | outside
    number: str | None = None
    confirm: bool = False  # outside: whoever answers must press 1
    ring_after: float = 0.0
    max_contacts: int = 1
    media: str = "either"  # rtp | srtp | either; browser: of a browser, DTLS-SRTP
    generation: int = 1  # of the derived secret
    secret: str | None = None  # name of a given secret; None: derived


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str = ""
    extension: str | None = None
    location: str | None = None
    caller_id: str | None = None
    class_of_service: str = "national"
    languages: tuple[str, ...] = ()
    devices: Mapping[str, Device] = field(default_factory=dict)
    role: str | None = None
    email: str | None = None
    skills: Mapping[str, int] = field(default_factory=dict)  # 1 to 100
    forward: Mapping[str, Forward] = field(default_factory=dict)  # always | busy | no_answer | unavailable
    call_waiting: bool = True  # does a second call ring?
    max_calls: int | None = None  # at once, both ways
    speed_dials: Mapping[str, Destination] = field(default_factory=dict)
    do_not_disturb: bool = False  # the person's own word only, as all of `own`
    own: Mapping[str, Setting] = field(default_factory=dict)  # what the person has set, in force (`routing.own`)
    watches: tuple[str, ...] = ()  # by one subscription (a BLF list): nodes, in order
    watched_by: frozenset[str] | None = None  # `user/ID`, `ring_group/ID`; None: everybody of the tenant
    picked_up_by: frozenset[str] | None = None  # as `watched_by`; None: those who may watch
    paged_by: frozenset[str] | None = None  # as `watched_by`; None: everybody
    numbers_to: frozenset[str] = frozenset()  # those who are also told with whom the person talks


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    address: str = ""
    timezone: str | None = None
    emergency_caller_id: str | None = None
    emergency_trunks: tuple[str, ...] = ()


# --- time -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hours:
    """`"09:00-18:00"`: end exclusive; an end at or before the start runs over midnight. `"00:00-24:00"`: all day."""

    start: time
    end: time | None  # None = 24:00


@dataclass(frozen=True, slots=True)
class OpenRule:
    days: tuple[str, ...]  # MO … SU; empty when `rrule` says the days
    hours: tuple[Hours, ...]
    rrule: str | None = None  # RFC 5545 text with DTSTART


@dataclass(frozen=True, slots=True)
class Schedule:
    id: str
    timezone: str | None
    open: tuple[OpenRule, ...]
    calendars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """Days first…last (both included) that are closed, have hours of their own, or are worked as another weekday."""

    first: date
    last: date
    closed: bool = False
    hours: tuple[Hours, ...] = ()
    as_day: str | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    id: str
    days: tuple[CalendarDays, ...]


# --- where calls go ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the tenant; a range of the YAML is expanded to one of these each."""

    number: str
    to: Destination
    trunk: str | None = None
    state: str = "active"  # active | suspended | quarantine
    until: date | None = None


@dataclass(frozen=True, slots=True)
class CallerList:
    id: str
    numbers: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    id: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: language → file, or the text that is to be spoken (`says`). On the controller a path relative to the
    tenant's folder; `audio` names the pre-encoded file (`<sha256>.alaw`, G.711 A-law, 8 kHz) that the apply puts on
    media hosts. A text with slots has none: its pieces are in `Tenant.spoken`. `spoken`: the language of a text, where
    it is said in another."""

    id: str
    files: Mapping[str, str]
    audio: Mapping[str, str] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    spoken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Announcement:
    id: str
    prompt: str
    to: Destination | None = None  # None: hang up
    hours: str | None = None  # the schedule of {hours.…} in its prompt


@dataclass(frozen=True, slots=True)
class IvrKey:
    to: Destination
    language: str | None = None
    collect: Collect | None = None
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by language, for speech


@dataclass(frozen=True, slots=True)
class Ivr:
    id: str
    prompt: str
    keys: Mapping[str, IvrKey]
    on_timeout: Destination
    on_invalid: Destination
    direct_dial: bool = False
    digit_timeout: float = 3.0
    timeout: float = 5.0
    max_retries: int = 3
    input: tuple[str, ...] = ("keys",)  # keys | speech
    confidence: float = 0.5  # of speech, 0 to 1
    hours: str | None = None  # the schedule of {hours.…} in its prompt


@dataclass(frozen=True, slots=True)
class RingGroup:
    id: str
    members: tuple[Destination, ...]  # user/ID or outside
    on_no_answer: Destination
    extension: str | None = None
    ring: str = "simultaneous"  # simultaneous | sequential
    ring_timeout: float = 20.0
    rounds: int = 1
    confirm_outside: bool = False
    class_of_service: str = "national"


# --- trunks and routes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way to the outside. `key` is unique on the servers: `<id>` of the site, `<tenant>.<id>` of a tenant."""

    id: str
    key: str
    proxy: str  # a SIP URI
    addresses: tuple[str, ...] = ()
    login_user: str | None = None
    login_secret: str | None = None  # name of the secret
    register: bool = False
    send: str = "e164_plus"  # e164_plus | e164_digits | national
    receive: str = "e164_plus"
    identity: str = "pai"  # pai | from | both
    media: str = "rtp"  # rtp | srtp | either
    codecs: tuple[str, ...] = ()
    max_channels: int | None = None
    options_ping: float | None = None
    cost: str | None = None  # a tariff


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    id: str
    prefixes: tuple[str, ...]
    trunks: tuple[str, ...]
    choose: str = "linear"  # linear | random | least_cost


# --- the whole --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tenant:
    """One PBX, with the site's objects it may use already merged in (trunks, outbound_routes, calendars, lists)."""

    id: str
    name: str
    domain: str
    country: str  # ISO 3166 alpha-2
    calling_code: str  # "7"
    timezone: str
    languages: tuple[str, ...]
    max_calls: int | None = None
    caller_id: str | None = None  # of people without one of their own
    forwarded_shows: str = "called"  # called | caller: of calls from outside that go on to the outside
    limits: Limits = field(default_factory=Limits)
    media_timeout: float = 60.0  # seconds without sound from either side after which a call is ended
    national_prefix: str = "0"  # what a person dials before a national number
    international_prefix: str = "00"
    emergency_numbers: tuple[str, ...] = ()
    emergency_notify: str | None = None  # a webhook
    plan: str | None = None
    policies: tuple[str, ...] = ()
    revision: str = ""
    users: Mapping[str, User] = field(default_factory=dict)
    locations: Mapping[str, Location] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)
    lists: Mapping[str, CallerList] = field(default_factory=dict)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    spoken: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # language → words → audio, made for slots
    announcements: Mapping[str, Announcement] = field(default_factory=dict)
    ivrs: Mapping[str, Ivr] = field(default_factory=dict)
    ring_groups: Mapping[str, RingGroup] = field(default_factory=dict)
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    outbound_routes: Mapping[str, OutboundRoute] = field(default_factory=dict)
    services: Services = field(default_factory=Services)
    feature_codes: Mapping[str, str] = field(default_factory=dict)  # name → what is dialled
    speed_dials: Mapping[str, Destination] = field(default_factory=dict)
    in_call_codes: Mapping[str, str] = field(default_factory=dict)  # name → what is typed while two talk
    directory: Mapping[str, str] = field(default_factory=dict)  # outside number → name: of people's mobiles, of lists
    # "201" → user/ivanov, "640" → ring_group/office
    extensions: Mapping[str, Destination] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """Everything of one model root."""

    tenants: Mapping[str, Tenant]
    site_trunks: Mapping[str, Trunk] = field(default_factory=dict)
