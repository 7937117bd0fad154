"""The kinds of a PBX that callers are served by: queues, voicemail, conferences, recording, lookups, overrides, roles.

Values as in objects.py: frozen, lengths of time in seconds, no clock, no files. `served.py` says which of them the
servers honour today; `lint`, `test`, `explain` and `graph` know them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbx.model.objects import Destination


@dataclass(frozen=True, slots=True)
class Forward:
    """Where a person's calls go instead; `after` counts seconds of ringing and matters for `no_answer` only."""

    to: Destination
    after: float = 20.0
    confirm: bool = False  # outside: whoever answers must press 1


@dataclass(frozen=True, slots=True)
class Setting:
    """What a person, or somebody for them, has set: plain data (`routing.own`), the author (`user/ivanov`, or whatever
    the API says) and when, in milliseconds of UTC."""

    value: Any
    author: str
    changed: int


@dataclass(frozen=True, slots=True)
class CallLimit:
    """How many calls in a minute and in a day; None: as many as there are."""

    per_minute: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls may leave to the outside (`routing.limits`)."""

    outside: CallLimit = CallLimit()
    user: CallLimit = CallLimit()
    expensive: CallLimit = CallLimit()
    expensive_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """A switch that people set by a code (the night switch); `off_at` ends it by itself, on the tenant's clock."""

    id: str
    code: str
    users: tuple[str, ...] = ()
    light: bool = False  # a lamp key on telephones shows it
    off_at: time | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question to a CRM over HTTP; no answer within `timeout` seconds is an answer without facts."""

    id: str
    url: str
    timeout: float = 0.8


@dataclass(frozen=True, slots=True)
class Collect:
    """Digits that an IVR key asks for; `least` to `most` of them, `end` ends the input early."""

    name: str
    prompt: str
    least: int
    most: int
    end: str | None = None
    confirm: bool = False  # read back, 1 is yes
    sensitive: bool = False  # never written anywhere


@dataclass(frozen=True, slots=True)
class Queue:
    """Callers wait for agents."""

    id: str
    agents: tuple[str, ...]
    on_timeout: Destination
    on_full: Destination
    on_empty: Destination  # nobody is logged in
    extension: str | None = None
    choose: str = "longest_idle"  # ring_all | longest_idle | fewest_calls | round_robin | linear | random | skills
    skills: tuple[str, ...] = ()
    greeting: str | None = None
    music: str | None = None
    priority: int = 0
    agent_ring_timeout: float = 15.0
    wrap_up: float = 10.0
    autopause_after: int = 2  # rings without an answer
    max_wait: float = 300.0
    max_length: int = 50
    announce_position: float | None = None  # seconds between two announcements
    callback_after: float | None = None
    answer_within: float | None = None  # the service level: `goal` percent of calls within so many seconds
    goal: int | None = None
    short_abandon: float | None = None


@dataclass(frozen=True, slots=True)
class Voicemail:
    """A box for messages."""

    id: str
    owner: str
    first_pin: str | None = None  # name of the secret
    greeting: str | None = None
    max_message: float = 180.0
    max_messages: int = 100
    keep: float | None = None  # seconds
    operator: Destination | None = None  # of key 0
    email: str = "none"  # attach | notify | none
    transcribe: bool = False  # a draft of what was said
    listen_from_outside: bool = False  # key * during the greeting
    shared_with: tuple[str, ...] = ()  # people beside the owner, those of its groups among them
    groups: tuple[str, ...] = ()  # ring groups whose people share it

    @property
    def users(self) -> tuple[str, ...]:
        """Everybody who hears it, the owner first."""
        return (self.owner, *self.shared_with)


@dataclass(frozen=True, slots=True)
class Conference:
    id: str
    extension: str | None = None
    pin: str | None = None  # names of secrets
    moderator_pin: str | None = None
    wait_for_moderator: bool = False
    max_members: int = 50
    record: str | None = None  # a recording


ALWAYS, ON_DEMAND = "always", "on_demand"


@dataclass(frozen=True, slots=True)
class Recording:
    """A policy: calls that match are recorded, without `of_calls` only rooms. An empty `direction` or `numbers` asks
    nothing."""

    id: str
    mode: str = ALWAYS
    of_calls: bool = True
    direction: tuple[str, ...] = ()  # inbound | outbound | internal
    numbers: tuple[str, ...] = ()
    announce: str | None = None
    store: str = "local"  # local | s3
    retain: float | None = None
    listen: tuple[str, ...] = ()  # roles


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    events: tuple[str, ...]
    sign_with: str | None = None  # name of the secret


@dataclass(frozen=True, slots=True)
class Role:
    """What a person may hear and see; queues by id."""

    id: str
    listen: tuple[str, ...] = ()
    monitor: tuple[str, ...] = ()
    see: tuple[str, ...] = ()  # reports | live | calls | audit


@dataclass(frozen=True, slots=True)
class Rate:
    """A price; money is a decimal string, `first` and `next` are the seconds that are billed as a whole."""

    prefix: str
    per_minute: str
    first: int = 60
    next: int = 60


@dataclass(frozen=True, slots=True)
class Tariff:
    id: str
    currency: str  # ISO 4217
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tenant pays; money is a decimal string in the currency of `price`."""

    id: str
    price: str  # a tariff
    per_user_month: str | None = None
    included_minutes: int = 0
    daily_cap: str | None = None


@dataclass(frozen=True, slots=True)
class ClassOfService:
    """What may be dialled: `allow` and `bar` are prefixes; the longest that matches decides, `bar` wins a draw."""

    id: str
    allow: tuple[str, ...] = ()
    bar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parking:
    """Slots from 1 on; after `timeout` seconds a parked call goes back to who parked it."""

    slots: int = 9
    timeout: float = 60.0
    music: str | None = None  # a prompt


@dataclass(frozen=True, slots=True)
class ApiToken:
    """`role` is one of admin, supervisor, user, read_only; without `scopes` all of the role's. `listens_as` is a role
    of the model, in which recordings are heard. `secret` is the name of a given token, None: made of the site key."""

    id: str
    role: str
    user: str | None = None
    scopes: tuple[str, ...] = ()
    expires: date | None = None  # its last day, in UTC
    rate: int = 10  # requests a second
    generation: int = 1
    secret: str | None = None
    listens_as: str | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """All of the above of one tenant, with those of the site that it may use."""

    overrides: Mapping[str, Override] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    voicemails: Mapping[str, Voicemail] = field(default_factory=dict)
    conferences: Mapping[str, Conference] = field(default_factory=dict)
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)
    classes_of_service: Mapping[str, ClassOfService] = field(default_factory=dict)
    parking: Parking = Parking()
    api_tokens: Mapping[str, ApiToken] = field(default_factory=dict)
