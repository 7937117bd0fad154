"""Scenarios as data: who calls whom, who answers when, and what comes of it. Each is run simulated and live.

The model is `tests/fixtures/house`. Times are seconds. `caller` is an E.164 number, None (hidden), or a user's id for a
call from inside; `trunk` is the one an outside call comes over. Whoever is not named under `people` is not registered,
or a dead number (480).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pbx.calls.simulated.world import Person

OUTSIDE = "+79161234567"


@dataclass(frozen=True)
class Before:
    """Another call of the tenant, from inside: it rings `rings`, which answers (nobody, when a code is dialled)."""

    user: str
    dialled: str
    rings: str


@dataclass(frozen=True)
class Scenario:
    """`ends` is the last node of the path ("" for none), `disposition` and `code` what the record says."""

    name: str
    dialled: str
    ends: str
    disposition: str
    code: int
    caller: str | None = OUTSIDE
    trunk: str | None = "digits"
    people: Mapping[str, Person] = field(default_factory=dict)
    keys: str = ""
    patience: float = 600.0
    by_api: bool = False  # the API asks for the call: the caller is rung first
    full: bool = False  # the tenant has as many calls as its max_calls, that `before` is one
    before: Before | None = None  # a call that is up when this one comes
    own: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # what people have set: by user and key
    left: Sequence[tuple[str, str]] = ()  # calls that left to the outside before: who made them, and the number
    calls: Mapping[str, int] = field(default_factory=dict)  # how many calls a user has then, that of `before`
    source: str = ""  # the last device that was rung was told that the call is internal or external
    names: str = ""  # and by whom, as it would show
    last_numbers: Mapping[str, str] = field(default_factory=dict)  # of the caller: `dialled`, by that `before`
    trunks: Mapping[str, str] = field(default_factory=dict)  # those that cannot be used: `full` or `down`
    answered_by: str | None = None
    hung_up_by: str | None = None
    transfers: str = ""  # the caller sends whom it talks with on, as dialled
    transferring: float = 1.0  # so many seconds after the answer
    told: tuple[int, ...] = ()  # what became of each transfer
    sent: str = ""  # the number as the last trunk that was rung got it

    @property
    def is_sent_on(self) -> bool:
        """A transfer was tried, not refused at once."""
        return any(status not in (403, 404, 482) for status in self.told)

    came: Sequence[str] = ()  # Diversion of the INVITE that comes in: who sent it on before, `reason number`
    cause: int | None = None  # of Q.850, that the caller is told
    diverted: Sequence[str] = ()  # Diversion of the last INVITE that went out, the last who diverted first


RINGS = Person()
STAYS = Person(answers=1.0, talks=600.0)
PRESSES_3 = Person(answers=1.0, talks=600.0, presses="3", pressing=0.5)
LEAVES = Person(answers=1.0, talks=2.0)
BUSY, DECLINES, GONE = Person(status=486, after=0.5), Person(status=603, after=0.5), Person(status=480)
REFUSES = Person(status=404)
SICK = Person(status=503)
CONFIRMS = Person(answers=0.5, presses="1", pressing=1.0, talks=4.0)
SILENT_OWNER = Person(answers=0.3, talks=20.0)  # a mailbox, say: answers and presses nothing
DEAD = Person(silent=True)
QUICK, LATE = Person(answers=0.4, talks=1.0), Person(answers=2.5, talks=2.0)

ANNA, BORIS = "device anna-desk", "device boris-desk"


FIRST = Before("boris", "201", ANNA)


def from_inside(name: str, user: str, dialled: str, ends: str, disposition: str, code: int, **more: object) -> Scenario:
    return Scenario(name, dialled, ends, disposition, code, caller=user, trunk=None, **more)  # type: ignore[arg-type]


NUMBERS = (
    Scenario("a number that is a person", "+74951000002", "user/anna", "answered", 200,
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("the caller hangs up", "+74951000002", "user/anna", "answered", 200,
             people={"anna": STAYS}, patience=3, answered_by=ANNA, hung_up_by="caller"),
    Scenario("the person is busy", "+74951000002", "user/anna", "busy", 486, people={"anna": BUSY}),
    Scenario("the person declines", "+74951000002", "user/anna", "rejected", 603, people={"anna": DECLINES}),
    Scenario("the person is not registered", "+74951000002", "user/anna", "no_answer", 480),
    Scenario("the person does not answer", "+74951000002", "user/anna", "no_answer", 480, people={"anna": RINGS}),
    Scenario("the caller gives up while it rings", "+74951000002", "user/anna", "cancelled", 487,
             people={"anna": RINGS}, patience=2),
    Scenario("a number that is not there", "+74951009999", "reject/404", "failed", 404),
    Scenario("a suspended number", "+74951000015", "announcement/system-suspended", "no_answer", 480),
    Scenario("a suspended number, and the caller has enough", "+74951000015", "announcement/system-suspended",
             "cancelled", 487, patience=1),
    Scenario("a number in quarantine", "+74951000016", "reject/404", "failed", 404),
    Scenario("a number that rejects", "+74951000013", "reject/404", "failed", 404),
    Scenario("a number that hangs up", "+74951000014", "hang_up", "no_answer", 480),
    Scenario("another trunk than expected", "+74951000001", "ivr/main", "answered", 200, trunk="plus", patience=1,
             hung_up_by="caller"),
    Scenario("a trunk with +", "+73431000001", "user/dina", "answered", 200, trunk="plus", people={"dina": LEAVES},
             answered_by="device dina-desk", hung_up_by="callee"),
    Scenario("a trunk in national format", "+74951000002", "user/anna", "answered", 200, trunk="local",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("too many calls", "+74951000002", "", "failed", 503, people={"anna": STAYS}, full=True, before=FIRST,
             cause=42),
)  # fmt: skip

FLOWS = (
    Scenario("a blocked number", "+74951000001", "reject/603", "rejected", 603, caller="+79990000000"),
    Scenario("a blocked prefix", "+74951000001", "reject/603", "rejected", 603, caller="+78001112233"),
    Scenario("a hidden caller", "+74951000001", "hang_up", "answered", 200, caller=None, hung_up_by="pbx"),
    Scenario("a hidden caller in national format", "+74951000001", "hang_up", "answered", 200, caller=None,
             trunk="local", hung_up_by="pbx"),
    Scenario("a caller of a list", "+74951000001", "user/anna", "answered", 200, caller="+79031112233",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("one of several conditions", "+74951000001", "user/anna", "busy", 486, caller="+79039998877",
             people={"anna": BUSY}),
    Scenario("none of several conditions", "+74951000001", "user/boris", "answered", 200, caller="+79121112233",
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("hours by weekdays, rules and calendars", "+74951000008", "user/anna", "answered", 200,
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("dates", "+74951000021", "user/anna", "busy", 486, people={"anna": BUSY}),
    Scenario("no step for this hour", "+74951000011", "hang_up", "no_answer", 480),
    Scenario("a person, then a group, then a mobile", "+74951000007", "trunk/digits", "answered", 200,
             people={"anna": RINGS, "boris": RINGS, "digits": LEAVES}, answered_by="trunk digits",
             hung_up_by="callee", sent="79220000002"),
    Scenario("nobody of all these", "+74951000007", "hang_up", "answered", 200,
             people={"anna": RINGS, "boris": BUSY, "digits": BUSY}, hung_up_by="pbx"),
    Scenario("the group of the second step", "+74951000007", "user/boris", "answered", 200,
             people={"anna": BUSY, "boris-desk": QUICK}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("an announcement", "+74951000009", "hang_up", "answered", 200, hung_up_by="pbx"),
    Scenario("an announcement, and the caller has enough", "+74951000009", "announcement/closed", "answered", 200,
             patience=1, hung_up_by="caller"),
    Scenario("groups in a circle", "+74951000010", "ring_group/round", "failed", 482),
)  # fmt: skip

MENUS = (
    Scenario("a key for a group", "+74951000003", "user/boris", "answered", 200, keys="1",
             people={"anna": RINGS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("a key that hangs up", "+74951000003", "hang_up", "answered", 200, keys="0", hung_up_by="pbx"),
    Scenario("a key for English", "+74951000003", "user/boris", "answered", 200, keys="3",
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("the same without English", "+74951000003", "user/anna", "answered", 200, keys="5",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("a key for an announcement that goes on", "+74951000003", "user/boris", "answered", 200, keys="4",
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("a key for a number outside", "+74951000003", "trunk/digits", "answered", 200, keys="6",
             people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="79031234567"),
    Scenario("a key for another menu, and one there", "+74951000003", "user/anna", "answered", 200, keys="*,1",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("an extension in the menu", "+74951000003", "user/anna", "answered", 200, keys="201",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("a group's extension in the menu", "+74951000003", "user/anna", "answered", 200, keys="640",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("a key that begins an extension", "+74951000003", "user/anna", "answered", 200, keys="2",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("nothing typed", "+74951000003", "user/anna", "answered", 200, people={"anna": LEAVES}, answered_by=ANNA,
             hung_up_by="callee"),
    Scenario("a wrong key, then a right one", "+74951000003", "user/anna", "answered", 200, keys="9,5",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("wrong keys to the end", "+74951000003", "hang_up", "answered", 200, keys="9,8", hung_up_by="pbx"),
    Scenario("wrong keys three times", "+74951000020", "user/boris", "answered", 200, keys="7,8,9",
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("an extension where none may be dialled", "+74951000020", "user/anna", "answered", 200, keys="2,1",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("an order number, read back and confirmed", "+74951000061", "user/anna", "answered", 200,
             keys="1,12345#,1", people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("an order number that is too short, then right", "+74951000061", "user/anna", "answered", 200,
             keys="1,12#,12345#,1", people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("an order number that is read back wrong", "+74951000061", "user/anna", "answered", 200,
             keys="1,12345#,2,54321#,1", people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("an order number that is never right", "+74951000061", "user/boris", "answered", 200,
             keys="1,123#,12345678901#", people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("a number that nobody shall read, then a menu", "+74951000061", "user/anna", "answered", 200,
             keys="2,4276160012345678,1", people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("the caller leaves the menu", "+74951000003", "ivr/main", "answered", 200, patience=2,
             hung_up_by="caller"),
    Scenario("the caller leaves while the menu's group rings", "+74951000003", "ring_group/all", "answered", 200,
             keys="1", people={"anna": RINGS, "boris": RINGS}, patience=2, hung_up_by="caller"),
    Scenario("busy after the menu", "+74951000003", "user/anna", "answered", 200, keys="5", people={"anna": BUSY},
             hung_up_by="pbx"),
)  # fmt: skip

GROUPS = (
    Scenario("all ring, one answers", "+74951000004", "user/anna", "answered", 200,
             people={"anna": LEAVES, "boris": RINGS}, answered_by=ANNA, hung_up_by="callee"),
    Scenario("one of two devices", "+74951000004", "user/boris", "answered", 200,
             people={"anna": RINGS, "boris-desk": RINGS, "boris-soft": LEAVES}, answered_by="device boris-soft",
             hung_up_by="callee"),
    Scenario("nobody of all", "+74951000004", "hang_up", "answered", 200, people={"anna": RINGS, "boris": BUSY},
             hung_up_by="pbx"),
    Scenario("one declines for all", "+74951000004", "hang_up", "answered", 200,
             people={"anna": DECLINES, "boris": RINGS}, hung_up_by="pbx"),
    Scenario("in turn, the second", "+74951000005", "user/boris", "answered", 200,
             people={"anna": RINGS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    Scenario("in turn, a mobile that confirms", "+74951000005", "+79220000002", "answered", 200,
             people={"anna": BUSY, "digits": CONFIRMS}, answered_by="trunk digits", hung_up_by="callee",
             sent="79220000002"),
    Scenario("in turn, a mailbox that does not confirm", "+74951000005", "user/boris", "answered", 200,
             people={"anna": GONE, "boris-desk": LATE, "digits": SILENT_OWNER}, answered_by=BORIS,
             hung_up_by="callee"),
    Scenario("in turn, and the caller gives up at the second", "+74951000005", "ring_group/turns", "cancelled", 487,
             people={"anna": RINGS, "boris": RINGS}, patience=3),
    Scenario("two rounds, nobody", "+74951000006", "hang_up", "no_answer", 480,
             people={"anna": RINGS, "boris": RINGS}),
    Scenario("mobiles without confirmation", "+74951000018", "+79220000003", "answered", 200,
             people={"anna": RINGS, "+79220000002": RINGS, "+79220000003": LEAVES}, answered_by="trunk digits",
             hung_up_by="callee"),
    Scenario("mobiles refuse, the group is busy", "+74951000018", "reject/486", "busy", 486,
             people={"digits": BUSY}),
    Scenario("a person's mobile confirms", "+74951000019", "user/vera", "answered", 200,
             people={"vera-desk": RINGS, "digits": CONFIRMS}, answered_by="trunk digits", hung_up_by="callee"),
)  # fmt: skip

INSIDE = (
    from_inside("a colleague", "anna", "202", "user/boris", "answered", 200, people={"boris-desk": LEAVES},
                answered_by=BORIS, hung_up_by="callee"),
    from_inside("a colleague is busy", "anna", "202", "user/boris", "busy", 486, people={"boris": BUSY}),
    from_inside("a colleague, given up", "anna", "202", "user/boris", "cancelled", 487, people={"boris": RINGS},
                patience=1),
    from_inside("a colleague with an outside phone only", "anna", "207", "user/zoya", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="79160000007"),
    from_inside("a group from inside", "egor", "640", "user/anna", "answered", 200,
                people={"anna": LEAVES, "boris": RINGS}, answered_by=ANNA, hung_up_by="callee"),
    from_inside("nothing of the kind", "anna", "299", "reject/404", "failed", 404),
    from_inside("our own number", "gleb", "84951000002", "user/anna", "answered", 200, people={"anna": LEAVES},
                answered_by=ANNA, hung_up_by="callee"),
    from_inside("out, in digits", "anna", "89161234567", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="79161234567"),
    from_inside("out, with +", "anna", "+79161234567", "trunk/plus", "answered", 200,
                people={"digits": SICK, "plus": LEAVES}, answered_by="trunk plus", hung_up_by="callee",
                sent="+79161234567"),
    from_inside("out, to another country", "egor", "81049301234567", "trunk/local", "answered", 200,
                people={"local": STAYS}, answered_by="trunk local", hung_up_by="caller", patience=3,
                sent="81049301234567"),
    from_inside("out, busy is no reason for another trunk", "anna", "89161234567", "+79161234567", "busy", 486,
                people={"digits": BUSY, "plus": STAYS}),
    from_inside("out, neither is 404", "anna", "89161234567", "+79161234567", "failed", 404,
                people={"digits": REFUSES, "plus": STAYS}),
    from_inside("out, a dead trunk", "anna", "89161234567", "trunk/plus", "answered", 200,
                people={"digits": DEAD, "plus": LEAVES}, answered_by="trunk plus", hung_up_by="callee"),
    from_inside("out, all trunks sick", "anna", "89161234567", "+79161234567", "failed", 503,
                people={"digits": SICK, "plus": SICK}),
    from_inside("out, given up", "anna", "89161234567", "+79161234567", "cancelled", 487,
                people={"digits": RINGS}, patience=1),
    from_inside("out, given up while the trunk is dead", "anna", "89161234567", "+79161234567", "cancelled",
                487, people={"digits": DEAD}, patience=2),
    from_inside("no route there", "egor", "8101212345678", "+1212345678", "failed", 404, cause=3),
    from_inside("abroad is barred", "anna", "81049301234567", "+49301234567", "rejected", 403),
    from_inside("outside is barred", "gleb", "89161234567", "+79161234567", "rejected", 403),
    from_inside("beyond the own town is barred", "dina", "84951234567", "+74951234567", "rejected", 403),
    from_inside("within the own town", "dina", "83431234567", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee"),
    from_inside("an emergency passes every bar", "gleb", "112", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="112"),
    from_inside("an emergency by the caller's place", "egor", "101", "trunk/plus", "answered", 200,
                people={"plus": LEAVES}, answered_by="trunk plus", hung_up_by="callee", sent="101"),
    from_inside("an emergency passes a full house", "anna", "112", "trunk/digits", "answered", 200, full=True,
                before=FIRST, people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee"),
)  # fmt: skip

FORWARDS = (
    Scenario("every call goes to a colleague", "+74951000031", "user/boris", "answered", 200,
             people={"fay": STAYS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             diverted=["unconditional 211"]),
    from_inside("every call of a colleague goes to another", "anna", "211", "user/boris", "busy", 486,
                people={"boris": BUSY}, diverted=["unconditional 211"]),
    Scenario("busy: to a colleague", "+74951000032", "user/anna", "answered", 200,
             people={"gus": BUSY, "anna": LEAVES}, answered_by=ANNA, hung_up_by="callee",
             diverted=["user-busy 212"]),
    Scenario("declined: to a colleague", "+74951000032", "user/anna", "answered", 200,
             people={"gus": DECLINES, "anna": LEAVES}, answered_by=ANNA, hung_up_by="callee",
             diverted=["user-busy 212"]),
    Scenario("no answer: outside", "+74951000032", "+79160000009", "answered", 200,
             people={"gus": RINGS, "digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee",
             sent="79160000009", diverted=["no-answer 74951000002"]),
    Scenario("no answer, and the caller gives up there", "+74951000032", "+79160000009", "cancelled", 487,
             people={"gus": RINGS, "digits": RINGS}, patience=3.5, diverted=["no-answer 74951000002"]),
    Scenario("not reached: to a group", "+74951000032", "user/boris", "answered", 200,
             people={"anna": RINGS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             diverted=["unavailable 212"]),
    Scenario("a mobile that confirms", "+74951000033", "+79160000009", "answered", 200,
             people={"digits": CONFIRMS}, answered_by="trunk digits", hung_up_by="callee", sent="79160000009",
             diverted=["unconditional 74951000001"]),
    Scenario("a mailbox of the mobile does not confirm", "+74951000033", "+79160000009", "no_answer", 480,
             people={"digits": SILENT_OWNER}, diverted=["unconditional 74951000001"]),
    Scenario("the mobile is busy", "+74951000033", "+79160000009", "busy", 486, people={"digits": BUSY},
             diverted=["unconditional 74951000001"]),
    Scenario("outside as the one who forwards may dial", "+74951000034", "+79160000009", "no_answer", 480,
             people={"digits": STAYS}),
    Scenario("two who forward to each other", "+74951000035", "user/kira", "failed", 482,
             people={"kira": GONE, "ivan": STAYS}, diverted=["unconditional 215"]),
    Scenario("one after another", "+74951000037", "user/boris", "answered", 200,
             people={"lena": RINGS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             diverted=["unconditional 211", "no-answer 217"]),
    Scenario("five in a row are enough", "+74951000041", "reject/480", "no_answer", 480, people={"boris": STAYS}),
    Scenario("sent on outside before, and here once more", "+74951000031", "user/boris", "answered", 200,
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             came=["user-busy 79031112233"], diverted=["unconditional 211", "user-busy +79031112233"]),
    Scenario("sent on outside too often", "+74951000031", "reject/480", "no_answer", 480, people={"boris": STAYS},
             came=["user-busy 79031112233"] * 4),
    Scenario("a menu leads to one who forwards", "+74951000003", "user/boris", "answered", 200, keys="211",
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee", diverted=["unconditional 211"]),
    Scenario("a flow waits for whom every call goes to", "+74951000038", "user/boris", "answered", 200,
             people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee", diverted=["unconditional 211"]),
)  # fmt: skip

CODES = (
    from_inside("the echo test", "anna", "*43", "feature_code/echo_test", "answered", 200, patience=2,
                hung_up_by="caller"),
    from_inside("the last number once more", "anna", "*66", "user/egor", "answered", 200,
                people={"egor": STAYS}, before=Before("anna", "206", "device egor-desk"), patience=3,
                last_numbers={"dialled": "206"}, calls={"egor": 1}, answered_by="device egor-desk",
                hung_up_by="caller"),
    from_inside("no last number", "anna", "*66", "feature_code/redial", "failed", 404),
    from_inside("nobody has called", "anna", "*65", "feature_code/call_return", "failed", 404),
    from_inside("a short number of one's own", "anna", "*01", "user/boris", "answered", 200,
                people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee"),
    from_inside("a short number of the company, outside", "anna", "*012", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="79161234567"),
    from_inside("a short number of the company, barred", "gleb", "*012", "+79161234567", "rejected", 403),
    from_inside("a short number that is our own number", "anna", "*02", "user/anna", "no_answer", 480),
    from_inside("no such short number", "boris", "*01", "feature_code/speed_dial/1", "failed", 404),
)  # fmt: skip

BY_API = (
    from_inside("by the API, a colleague", "anna", "202", "user/boris", "answered", 200, by_api=True,
                people={"anna": STAYS, "boris-desk": LATE}, answered_by=BORIS, hung_up_by="callee"),
    from_inside("by the API, and the caller hangs up", "anna", "202", "user/boris", "answered", 200, by_api=True,
                people={"anna": Person(answers=0.5, talks=3.0), "boris-soft": Person(answers=1.0, talks=600.0)},
                answered_by="device boris-soft", hung_up_by="caller"),
    from_inside("by the API, one of two own devices, and out", "boris", "89161234567", "trunk/digits", "answered", 200,
                by_api=True, people={"boris-desk": RINGS, "boris-soft": STAYS, "digits": LEAVES},
                answered_by="trunk digits", hung_up_by="callee", sent="79161234567"),
    from_inside("by the API, and the own device does not answer", "anna", "202", "", "no_answer", 480, by_api=True,
                people={"anna": RINGS, "boris": STAYS}),
    from_inside("by the API, and the own device declines", "anna", "202", "", "rejected", 603, by_api=True,
                people={"anna": DECLINES, "boris": STAYS}),
    from_inside("by the API, and the colleague is busy", "anna", "202", "user/boris", "busy", 486, by_api=True,
                people={"anna": STAYS, "boris": BUSY}, hung_up_by="pbx"),
    from_inside("by the API, and the caller has enough while it rings", "anna", "202", "user/boris", "cancelled", 487,
                by_api=True, people={"anna": Person(answers=0.5, talks=2.0), "boris": RINGS}, hung_up_by="caller"),
    from_inside("by the API, to where nobody answers", "anna", "84951000014", "hang_up", "no_answer", 480, by_api=True,
                people={"anna": STAYS}, hung_up_by="pbx"),
    from_inside("by the API, barred", "gleb", "89161234567", "+79161234567", "rejected", 403, by_api=True,
                people={"gleb": STAYS}, hung_up_by="pbx"),
    from_inside("by the API, a menu and a key", "anna", "84951000003", "user/boris", "answered", 200, by_api=True,
                people={"anna": PRESSES_3, "boris-desk": LEAVES}, keys="3", answered_by=BORIS, hung_up_by="callee"),
    from_inside("by the API, somebody without a telephone", "zoya", "202", "", "no_answer", 480, by_api=True),
)  # fmt: skip

BUSY_ONES = (
    Scenario("who talks and has no call waiting is busy", "+74951000051", "user/boris", "answered", 200,
             people={"pavel": STAYS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             before=Before("anna", "209", "device pavel-desk"), calls={"pavel": 1}, diverted=["user-busy 209"]),
    from_inside("who calls is busy for others", "anna", "210", "user/rita", "busy", 486,
                people={"rita": STAYS, "gleb": STAYS}, before=Before("rita", "204", "device gleb-desk"),
                calls={"rita": 1}, cause=17),
    from_inside("no more calls than max_calls", "rita", "202", "", "failed", 503,
                people={"gleb": STAYS, "boris": STAYS}, before=Before("rita", "204", "device gleb-desk"),
                calls={"rita": 1}, cause=42),
    from_inside("an emergency passes the own limit", "rita", "112", "trunk/digits", "answered", 200,
                people={"gleb": STAYS, "digits": LEAVES}, before=Before("rita", "204", "device gleb-desk"),
                calls={"rita": 1}, answered_by="trunk digits", hung_up_by="callee"),
    Scenario("call waiting, taken away by telephone", "+74951000002", "user/anna", "busy", 486,
             people={"anna": STAYS, "gleb": STAYS}, own={"anna": {"call_waiting": False}}, calls={"anna": 1},
             before=Before("anna", "204", "device gleb-desk"), cause=17),
    Scenario("call waiting", "+74951000002", "user/anna", "answered", 200, people={"anna": LEAVES, "gleb": STAYS},
             before=Before("anna", "204", "device gleb-desk"), answered_by=ANNA, hung_up_by="callee",
             source="external"),
    Scenario("a caller whom we know by the mobile", "+74951000002", "user/anna", "answered", 200,
             caller="+79160000003", people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee",
             source="external", names="Вера +79160000003"),
    Scenario("a caller whom a list names", "+74951000002", "user/anna", "answered", 200, caller="+79031112233",
             people={"anna": LEAVES}, answered_by=ANNA, hung_up_by="callee", source="external",
             names="Вектор +79031112233"),
    from_inside("a colleague by name", "boris", "201", "user/anna", "answered", 200, people={"anna": LEAVES},
                answered_by=ANNA, hung_up_by="callee", source="internal", names="Борис 202"),
)  # fmt: skip

LIMITS = (
    from_inside("a dear number", "egor", "81039061234567", "trunk/dear", "answered", 200, people={"dear": LEAVES},
                answered_by="trunk dear", hung_up_by="callee", sent="+39061234567"),
    from_inside("a dear number too often", "egor", "81039061234567", "+39061234567", "rejected", 403,
                people={"dear": STAYS}, before=Before("egor", "81039061234568", "trunk dear"),
                left=[("egor", "+39061234568")]),
    from_inside("out, without showing the number", "anna", "*6789161234567", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="79161234567"),
    from_inside("an emergency cannot be hidden", "anna", "*67112", "trunk/digits", "answered", 200,
                people={"digits": LEAVES}, answered_by="trunk digits", hung_up_by="callee", sent="112"),
    from_inside("another number is none that is dear", "egor", "81044161234567", "trunk/cheap", "answered", 200,
                people={"dear": STAYS, "cheap": LEAVES}, before=Before("egor", "81039061234568", "trunk dear"),
                left=[("egor", "+39061234568")], answered_by="trunk cheap", hung_up_by="callee"),
)  # fmt: skip

TO_BORIS = {"to": "user/boris", "after": 20.0, "confirm": False}

OWN = (
    Scenario("every call, as the person says", "+74951000002", "user/boris", "answered", 200,
             people={"anna": STAYS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             own={"anna": {"forward.always": TO_BORIS}}, diverted=["unconditional 201"]),
    Scenario("every call, as the person says by telephone", "+74951000002", "user/boris", "answered", 200,
             people={"anna": STAYS, "boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee",
             before=Before("anna", "*72202", ""), own={"anna": {"forward.always": TO_BORIS}},
             diverted=["unconditional 201"]),
    Scenario("no forwarding, as the person says by telephone", "+74951000031", "user/fay", "answered", 200,
             people={"fay": LEAVES}, answered_by="device fay-desk", hung_up_by="callee",
             before=Before("fay", "*73", ""), own={"fay": {"forward.always": False}}),
    Scenario("do not disturb", "+74951000002", "user/anna", "busy", 486, people={"anna": STAYS},
             own={"anna": {"do_not_disturb": True}}, cause=21),
    Scenario("do not disturb by telephone, to where busy calls go", "+74951000032", "user/anna", "answered", 200,
             people={"gus": STAYS, "anna": LEAVES}, answered_by=ANNA, hung_up_by="callee",
             before=Before("gus", "*78", ""), own={"gus": {"do_not_disturb": True}}, diverted=["user-busy 212"]),
    Scenario("a group without who wants no calls", "+74951000004", "user/boris", "answered", 200,
             people={"anna": QUICK, "boris-desk": LATE}, answered_by=BORIS, hung_up_by="callee",
             own={"anna": {"do_not_disturb": True}}),
    from_inside("a forwarding that cannot be is refused", "anna", "*72299", "feature_code/forward_always_on/299",
                "answered", 200, hung_up_by="pbx"),
)  # fmt: skip

WAYS = (
    from_inside("the cheapest trunk", "egor", "81044161234567", "trunk/cheap", "answered", 200,
                people={"cheap": LEAVES}, answered_by="trunk cheap", hung_up_by="callee", sent="+44161234567"),
    from_inside("by the longest prefix of the tariff another", "egor", "8104420123456", "trunk/dear", "answered", 200,
                people={"dear": LEAVES}, answered_by="trunk dear", hung_up_by="callee", sent="+4420123456"),
    from_inside("the cheapest is sick, the next cheapest", "egor", "81044161234567", "trunk/dear", "answered", 200,
                people={"cheap": SICK, "dear": LEAVES}, answered_by="trunk dear", hung_up_by="callee"),
    from_inside("the cheapest is full, and the next is down", "egor", "81033161234567", "trunk/dear", "answered", 200,
                people={"narrow": STAYS, "dear": LEAVES}, answered_by="trunk dear", hung_up_by="callee",
                before=Before("egor", "81033161234568", "trunk narrow"), trunks={"narrow": "full", "mute": "down"}),
    from_inside("no trunk can be used", "egor", "81034161234567", "+34161234567", "failed", 503,
                people={"strait": STAYS}, before=Before("egor", "81034161234568", "trunk strait"),
                trunks={"strait": "full"}, cause=34),
    from_inside("a trunk that is down is tried when no other takes the call", "egor", "810351161234567", "trunk/mute",
                "answered", 200, people={"dear": SICK, "mute": LEAVES}, answered_by="trunk mute", hung_up_by="callee",
                trunks={"mute": "down"}),
    from_inside("a class of the site allows it", "olga", "81044161234567", "trunk/cheap", "answered", 200,
                people={"cheap": LEAVES}, answered_by="trunk cheap", hung_up_by="callee"),
    from_inside("a class of the site bars a longer prefix", "olga", "8104420123456", "+4420123456", "rejected", 403),
    from_inside("a class of the site does not name it", "olga", "81033161234567", "+33161234567", "rejected", 403),
)  # fmt: skip

PARKS = Person(answers=1.0, talks=600.0, transfers="*68")
TO_BORIS = Person(answers=1.0, talks=600.0, transfers="202")
TO_BORIS_AND_LEAVES = Person(answers=1.0, talks=600.0, transfers="202", leaves=True)

TRANSFERS = (
    Scenario("sent on by the person, who leaves when it is answered", "+74951000002", "user/boris", "answered", 200,
             people={"anna": TO_BORIS, "boris-desk": LEAVES}, answered_by=ANNA, hung_up_by="callee", told=(200,)),
    Scenario("sent on by the person, who leaves at once", "+74951000002", "user/boris", "answered", 200,
             people={"anna": TO_BORIS_AND_LEAVES, "boris-desk": LEAVES}, answered_by=ANNA, hung_up_by="callee",
             told=(200,)),
    Scenario("sent on to somebody busy, and back", "+74951000002", "user/boris", "answered", 200,
             people={"anna": Person(answers=1.0, talks=4.0, transfers="202"), "boris": BUSY}, answered_by=ANNA,
             hung_up_by="callee", told=(486,)),
    Scenario("sent on to somebody busy, and rung back", "+74951000002", "user/anna", "answered", 200,
             people={"anna": TO_BORIS_AND_LEAVES, "boris": BUSY}, answered_by=ANNA, hung_up_by="caller",
             patience=4.5, told=(486,)),
    Scenario("sent on to nobody, and the caller has enough", "+74951000002", "user/boris", "answered", 200,
             people={"anna": TO_BORIS, "boris": RINGS}, answered_by=ANNA, hung_up_by="caller", patience=4,
             told=(487,)),
    Scenario("sent on into a menu", "+74951000002", "user/gleb", "answered", 200, keys="204",
             people={"anna": Person(answers=1.0, talks=600.0, transfers="84951000003"), "gleb": LEAVES},
             answered_by=ANNA, hung_up_by="callee", told=(200,)),
    Scenario("sent on to a group", "+74951000002", "user/boris", "answered", 200,
             people={"anna": Person(answers=1.0, talks=600.0, transfers="640"), "boris-desk": QUICK},
             answered_by=ANNA, hung_up_by="callee", told=(200,)),
    Scenario("sent on to the outside", "+74951000002", "trunk/digits", "answered", 200,
             people={"anna": Person(answers=1.0, talks=600.0, transfers="89161234567"), "digits": LEAVES},
             answered_by=ANNA, hung_up_by="callee", told=(200,), sent="79161234567"),
    Scenario("sent on to where the person may not dial", "+74951000002", "user/anna", "answered", 200,
             people={"anna": Person(answers=1.0, talks=3.0, transfers="81049301234567")}, answered_by=ANNA,
             hung_up_by="callee", told=(403,)),
    Scenario("sent on to nothing of the kind", "+74951000002", "user/anna", "answered", 200,
             people={"anna": Person(answers=1.0, talks=3.0, transfers="299")}, answered_by=ANNA,
             hung_up_by="callee", told=(404,)),
    Scenario("somebody is asked, and then has the call", "+74951000002", "user/boris", "answered", 200,
             people={"anna": Person(answers=1.0, talks=600.0, consults="202"), "boris-desk": LATE}, answered_by=ANNA,
             hung_up_by="callee", told=(200,)),
    Scenario("somebody is asked, then has the call, and its caller hangs up", "+74951000002", "user/boris", "answered",
             200, people={"anna": Person(answers=1.0, talks=600.0, consults="202"), "boris-desk": STAYS},
             answered_by=ANNA, hung_up_by="caller", patience=6, told=(200,)),
    Scenario("a colleague asks outside, and gives the call there", "+74951000002", "trunk/digits", "answered", 200,
             people={"anna": Person(answers=1.0, talks=600.0, consults="89161234567"),
                     "digits": Person(answers=0.5, talks=3.0)}, answered_by=ANNA, hung_up_by="callee", told=(200,),
             sent="79161234567"),
    from_inside("the caller sends the callee on", "anna", "202", "user/egor", "answered", 200,
                people={"boris-desk": STAYS, "egor": LEAVES}, answered_by=BORIS, hung_up_by="callee",
                transfers="206", told=(200,)),
    from_inside("the caller sends the callee to the echo test", "anna", "202", "feature_code/echo_test", "answered",
                200, people={"boris-desk": Person(answers=1.0, talks=3.0)}, answered_by=BORIS, hung_up_by="callee",
                transfers="*43", told=(200,)),
    from_inside("the caller sends the callee to itself", "anna", "202", "user/boris", "answered", 200,
                people={"boris-desk": LEAVES}, answered_by=BORIS, hung_up_by="callee", transfers="202", told=(482,)),
    from_inside("the caller sends the callee to somebody busy, and has it again", "anna", "202", "user/egor",
                "answered", 200, people={"boris-desk": Person(answers=1.0, talks=4.0), "egor": BUSY},
                answered_by=BORIS, hung_up_by="callee", transfers="206", told=(486,)),
    Scenario("parked, and nobody takes it", "+74951000002", "user/anna", "answered", 200, people={"anna": PARKS},
             answered_by=ANNA, hung_up_by="caller", patience=8, told=(200,)),
    from_inside("whoever dials the code parks nobody", "anna", "*68", "feature_code/park", "rejected", 403),
    from_inside("nothing is parked", "anna", "*69", "feature_code/unpark", "no_answer", 480),
    from_inside("nothing rings at a colleague", "anna", "*8", "feature_code/pickup", "no_answer", 480),
    from_inside("nothing rings at that extension", "anna", "**202", "feature_code/pickup_directed/202", "no_answer",
                480),
    from_inside("nothing rings where one may pick up", "anna", "**210", "feature_code/pickup_directed/210", "no_answer",
                480),
    from_inside("as one of a group one may", "gleb", "**210", "feature_code/pickup_directed/210", "no_answer", 480),
    from_inside("one may not pick up there", "boris", "**210", "feature_code/pickup_directed/210", "rejected", 403),
    from_inside("intercom", "anna", "*80202", "user/boris", "answered", 200, people={"boris": LEAVES},
                answered_by=BORIS, hung_up_by="callee"),
    from_inside("intercom to nobody with a desk phone", "anna", "*80207", "feature_code/intercom/207", "failed", 404),
    from_inside("paging", "egor", "*81640", "feature_code/page/640", "answered", 200,
                people={"anna": STAYS, "boris": STAYS}, patience=3, hung_up_by="caller"),
    from_inside("paging, until all who hear it have hung up", "egor", "*81640", "feature_code/page/640", "answered",
                200, people={"anna": LEAVES, "boris-desk": QUICK}, hung_up_by="pbx"),
    from_inside("paging somebody who is not there", "anna", "*81640", "feature_code/page/640", "no_answer", 480),
    from_inside("paging nothing of the kind", "anna", "*81299", "feature_code/page/299", "failed", 404),
    Scenario("sent on, and on again", "+74951000002", "user/egor", "answered", 200,
             people={"anna": TO_BORIS, "boris-desk": Person(answers=1.0, talks=600.0, transfers="206"),
                     "egor": LEAVES}, answered_by=ANNA, hung_up_by="callee", told=(200, 200)),
)  # fmt: skip

ALL = (NUMBERS, FLOWS, MENUS, GROUPS, INSIDE, FORWARDS, CODES, BY_API, BUSY_ONES, LIMITS, OWN, WAYS, TRANSFERS)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for part in ALL for scenario in part}
