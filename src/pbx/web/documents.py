"""What the API takes and gives, as models of the OpenAPI document. Times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pbx.web.access import Role

Dialled = Annotated[str, Field(pattern=r"^[+]?[0-9*#]{1,32}$", description="As dialled on the person's telephone.")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


def moment(milliseconds: int | None) -> str | None:
    """Milliseconds of UTC as RFC 3339."""
    if milliseconds is None:
        return None
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class Me(BaseModel):
    """What the token is."""

    tenant: str
    token: str
    role: Role
    scopes: list[str]
    user: str | None = Field(description="The person whom alone the token is for.")


class Registration(BaseModel):
    """A contact of a device, at the edge that it registered at."""

    user: str
    device: str = Field(examples=["desk"])
    edge: str
    transport: str = Field(description="udp, tcp, tls, or wss: a page in a browser.")
    since: str = Field(
        description="When it came; not anew after less than an hour away. After a restart of the edge: seen again."
    )
    refreshed: str = Field(description="When it registered last.")
    expires: str = Field(description="When it is forgotten unless it registers again.")


class Registrations(BaseModel):
    registrations: list[Registration]
    edges_silent: list[str] = Field(description="Edges that did not tell in time: their devices are not in the list.")


class VoiceMessage(BaseModel):
    """A message in a box."""

    message: str
    box: str = Field(examples=["ivanov"])
    owner: str = Field(description="The person whose box it is.")
    users: list[str] = Field(description="Everybody who hears it: the owner, and whoever the box is shared with.")
    state: Literal["new", "saved"]
    caller: str | None = Field(description="None: hidden.")
    name: str = Field(description="Of the caller, where it is known.")
    left: str = Field(description="When it was begun.")
    seconds: float
    origin: str = Field(description="The call in which it was left, or user/ID of who forwarded it.")
    author: str = Field(description="Who changed its state last.")
    changed: str

    @classmethod
    def of(cls, plain: dict[str, Any]) -> VoiceMessage:
        times = {name: moment(plain[name]) for name in ("left", "changed")}
        return cls(**{**plain, **times, "seconds": plain["length"] / 1000})


class VoiceMessages(BaseModel):
    messages: list[VoiceMessage]


class Draft(BaseModel):
    """What a program took a message for: with mistakes, perhaps. The sound counts."""

    message: str
    text: str = Field(description="Empty: nothing was understood.")
    draft: Literal[True] = True
    made_by: Literal["machine"] = "machine"


class Box(BaseModel):
    """A box for messages."""

    voicemail: str = Field(examples=["ivanov"])
    owner: str
    users: list[str] = Field(description="The owner, and whoever the box is shared with.")
    new: int
    saved: int
    most: int = Field(description="New and saved ones that fit.")
    has_pin: bool
    is_locked: bool = Field(description="Three wrong PINs came; open again after a quarter of an hour, or a new PIN.")


class Mail(BaseModel):
    """An e-mail of a message that has not left."""

    message: str
    to: str
    state: Literal["waits", "dead"] = Field(description="dead: given up, refused for good or a day old.")
    tries: int
    born: str
    due: str = Field(description="When it is tried next, while it waits.")
    error: str = Field(description="What the last try said.")

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Mail:
        return cls(**{**plain, **{name: moment(plain[name]) for name in ("born", "due")}})


class Mails(BaseModel):
    mails: list[Mail]


class Boxes(BaseModel):
    voicemails: list[Box]


class NewPin(BaseModel):
    """Digits as typed on a telephone."""

    model_config = ConfigDict(extra="forbid")

    pin: str = Field(pattern=r"^[0-9]{1,32}$", examples=["7391"])


class MessageState(BaseModel):
    """What a message shall be."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["new", "saved"]


class NewCall(BaseModel):
    """A call that is asked for: the person's own telephones ring first, then `to` is dialled by that person's rules."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(description="Who calls.", examples=["ivanov"])
    to: Dialled = Field(examples=["+79161234567"])


class Onward(BaseModel):
    """A transfer: whoever talks with `user` is sent on to `to`, which is dialled by the rules of `user`."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(description="Who transfers: one of the two who talk.", examples=["ivanov"])
    to: Dialled = Field(examples=["202"])


class Third(BaseModel):
    """An ad hoc conference: `to` is rung by the rules of `user`, and all talk."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(description="Who calls the third: one of the two who talk, or who began the conference.")
    to: Dialled = Field(examples=["202"])


class Parked(BaseModel):
    """Who parks the call: one of the two who talk; it goes back to that person when nobody takes it."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(examples=["ivanov"])


class RecordingWanted(BaseModel):
    """What is to become of the recording of a call; start and stop are for what a policy allows on demand."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["start", "stop", "pause", "resume"]


class Placed(BaseModel):
    """The call has begun; what becomes of it is told by its events and its record."""

    call: str


class Leg(BaseModel):
    """Somebody who is rung, or talks in a conference."""

    leg: str = Field(examples=["device ivanov-desk"])
    user: str | None


class Call(BaseModel):
    """A call that is up."""

    call: str
    direction: Literal["internal", "inbound", "outbound"]
    caller: str | None = Field(description="Extension or number; null: hidden.")
    dialled: str
    number: str | None = Field(description="The number of ours that was called.")
    source: str = Field(description="Where it came from: a device, a trunk, or the API.", examples=["trunk mtt"])
    user: str | None = Field(description="The person of ours who calls.")
    started: str
    answered: str | None
    answered_by: str | None
    answered_by_user: str | None
    state: Literal["ringing", "up", "talking", "conference"] = Field(
        description="up: answered by the PBX, or nobody joined yet; conference: three or more talk."
    )
    mixed: list[Leg] = Field(description="Whom the caller talks with in an ad hoc conference.")
    held: bool
    recording: Literal["on", "paused"] | None = Field(description="null: it is not recorded.")
    ringing: list[Leg]
    node: str | None = Field(description="Where it is in the model.", examples=["ivr/main"])

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Call:
        """From what `pbx.calls.events.listed` says."""
        times = {name: moment(plain[name]) for name in ("started", "answered")}
        return cls(**{**plain, **times})


class Calls(BaseModel):
    calls: list[Call]


class Conference(BaseModel):
    """A conference room."""

    conference: str = Field(examples=["board"])
    extension: str | None
    max_members: int
    locked: bool = Field(description="Nobody else comes in, but a moderator.")
    members: int = Field(description="How many are in now.")


class Conferences(BaseModel):
    conferences: list[Conference]


class Member(BaseModel):
    """Somebody in a conference room: a call."""

    call: str
    number: str | None = Field(description="Extension or number; null: hidden.")
    name: str
    user: str | None = Field(description="The person of ours, if it is one.")
    since: str
    moderates: bool
    waits: bool = Field(description="Hears music until a moderator comes.")
    muted: bool
    speaks: bool = Field(description="At this moment; `conference.speaks` of `/events` tells each change.")

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Member:
        """From what `pbx.calls.meeting.Meeting.roster` says."""
        return cls(**{**plain, "since": moment(plain["since"])})


class Invited(BaseModel):
    """Somebody to be called in: `to` is dialled by the rules of `user`, and asked for no PIN."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(description="Who calls them in.", examples=["ivanov"])
    to: Dialled = Field(examples=["+79161234567"])


class Members(BaseModel):
    members: list[Member]


class Record(BaseModel):
    """A call that was, or is: its data record."""

    id: str
    direction: str
    caller: str | None
    dialled: str
    number: str | None
    source: str
    started: str
    answered: str | None
    ended: str | None = Field(description="null: it is up.")
    disposition: str = Field(description="answered, busy, no_answer, cancelled, failed, rejected or interrupted.")
    code: int = Field(description="SIP status.")
    answered_by: str | None
    hung_up_by: str | None
    revision: str = Field(description="Of the tenant's model, which decided.")
    recordings: list[str] = Field(description="Those of it that are kept, by id.")

    @classmethod
    def of(cls, row: dict[str, Any], recordings: Mapping[str, list[str]]) -> Record:
        """From a row of the store, and the recordings of calls."""
        times = {name: moment(row[name]) for name in ("started", "answered", "ended")}
        return cls(**{**row, **times, "recordings": recordings.get(row["id"], [])})


class WholeRecord(Record):
    """With where it went, and why."""

    path: list[str]
    reasons: list[str]
    collected: dict[str, str] = Field(
        description="Digits that menus asked for, by name; of sensitive ones as many stars.",
        examples=[{"order": "12345"}],
    )

    @classmethod
    def of(cls, row: dict[str, Any], recordings: Mapping[str, list[str]]) -> WholeRecord:
        """From a row of the store with all its parts."""
        times = {name: moment(row[name]) for name in ("started", "answered", "ended")}
        collected = (row["facts"] or {}).get("collected", {})
        return cls(**{**row, **times, "recordings": recordings.get(row["id"], []), "collected": collected})


class Records(BaseModel):
    records: list[Record]
    next: str | None = Field(description="`cursor` of the next page; null: there is none.")


class SoundGap(BaseModel):
    """Where sound is missing, in seconds from the start."""

    start: float
    end: float
    why: str = Field(description="paused, or lost.")


class RecordingDocument(BaseModel):
    """A recording of a call that is kept."""

    recording: str
    call: str = Field(description="Its record is among `/records`.")
    policy: str
    started: str
    seconds: float
    direction: str
    caller: str = Field(description="Empty: hidden.")
    called: str
    people: list[str] = Field(description="Users who took part.")
    gaps: list[SoundGap]
    announced: bool = Field(description="They were told that it is recorded.")
    bytes: int = Field(description="Of the WAV file.")
    sha256: str = Field(description="Of the WAV file.")
    ends: str | None = Field(description="When it is deleted; null: when it is erased.")
    held_at: str | None = Field(description="Held since: it is not deleted and not erased.")
    held_by: str | None
    held_for: str | None
    may_hear: bool = Field(description="Whether this token may listen.")

    @classmethod
    def of(cls, row: dict[str, Any], *, may_hear: bool) -> RecordingDocument:
        """From a row of the store."""
        same = ("policy", "direction", "caller", "called", "people", "announced", "held_by", "held_for")
        return cls(
            **{name: row[name] for name in same},
            recording=row["id"],
            call=row["call_id"],
            started=moment(row["started"]) or "",
            seconds=row["length"] / 1000,
            gaps=[SoundGap(start=gap["from"], end=gap["to"], why=gap["why"]) for gap in row["gaps"]],
            bytes=row["sound_size"],
            sha256=row["sound_sha256"],
            ends=moment(row["due"]),
            held_at=moment(row["held_at"]),
            may_hear=may_hear,
        )


class Recordings(BaseModel):
    recordings: list[RecordingDocument]
    next: str | None = Field(description="`cursor` of the next page; null: there is none.")


class Peaks(BaseModel):
    """For each pixel and channel the least and the greatest sample."""

    version: int
    channels: int
    sample_rate: int
    samples_per_pixel: int
    bits: int
    length: int = Field(description="Pixels.")
    data: list[int]


class RecordingDone(BaseModel):
    """What was done with a recording."""

    recording: str
    at: str
    what: str = Field(description="kept, listened, exported, held, released, erase (asked for), erased or expired.")
    author: str = Field(examples=["api console"])
    role: str
    address: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: dict[str, Any]) -> RecordingDone:
        return cls(**{**row, "at": moment(row["at"])})


class RecordingHistory(BaseModel):
    events: list[RecordingDone]


Words = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00]*$", examples=["claim 12/2026"])]


class Reason(BaseModel):
    """Why, in words: it stays in the history."""

    model_config = ConfigDict(extra="forbid")

    reason: Words


class Erasure(Reason):
    """All of a number."""

    number: Annotated[str, Field(pattern=r"^[+]?[0-9]{2,32}$", examples=["+79161234567"])]


class Erased(BaseModel):
    """`erasing` is heard by nobody from now on; `held` stays."""

    erasing: list[str]
    held: list[str]


class Export(BaseModel):
    """Which recordings, by id."""

    model_config = ConfigDict(extra="forbid")

    recordings: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]],
        Field(min_length=1, max_length=1000),
    ]


class Person(BaseModel):
    """A person, and what they are doing."""

    user: str
    name: str
    extension: str | None
    devices: list[str]
    state: Literal["free", "ringing", "calling", "talking"]


class People(BaseModel):
    people: list[Person]


class Forwarding(BaseModel):
    """Where a person's calls go."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(min_length=1, max_length=80, examples=["user/petrova"])]
    after: Annotated[float, Field(ge=1, le=300, description="Seconds of ringing; of no_answer only.")] | None = None
    confirm: bool | None = Field(None, description="Outside numbers: whoever answers presses 1.")


class OwnSetting(BaseModel):
    """What a person has set over the model's word; `value` null: nothing, the model decides."""

    value: bool | Forwarding | None = Field(
        description="do_not_disturb: true or false. A forwarding: where to, or false for none. null takes it back."
    )


class SetSetting(OwnSetting):
    """With who set it, and when."""

    author: str = Field(examples=["api console"])
    changed: str
    in_force: bool = Field(description="false: the model of today has no use for it.")


class OwnSettings(BaseModel):
    """Those that are set, by key; for all others the model decides."""

    settings: dict[str, SetSetting]


class AuditEntry(BaseModel):
    """A request that would change something."""

    at: str
    token: str
    role: str
    address: str
    method: str
    path: str
    status: int
    what: dict[str, Any]


class Audit(BaseModel):
    entries: list[AuditEntry]


class Process(BaseModel):
    """A call process as pbx-web sees it."""

    name: str
    connected: bool


class Health(BaseModel):
    """`ok`: the call processes answer."""

    status: Literal["ok", "degraded"]
    calls: list[Process]
