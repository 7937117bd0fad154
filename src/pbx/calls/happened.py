"""What people did in a call, as a replay of it needs it: who was rung and answered when, which keys were chosen.

Kept with the call record as `facts`, small plain data. Times are milliseconds: `at` from the start of the call, `after`
from the start of what it belongs to. Of digits only the choice is kept (a key of the menu, an extension), never what
else was typed: it may have been meant for nobody's eyes.

| key | what |
|-|-|
| `legs` | `{leg, number?, at, after?, status?, redirect?, silent?, confirmed?, unconfirmed?, won?}`; no status: rang |
| `inputs` | `{ivr, choice?, wrong?, first?, last?}`: when the first and the last digit came; none: nothing typed.
Of digits that are asked for `{ivr, asks, length, right, ended?, first?, last?}` and `{ivr, confirms, first?, last?}`.
Of a word `{ivr, heard, score, engine, choice?, spoke, after}`: no `heard`: it was not understood |
| `collected` | name → the digits that a menu asked for; of sensitive ones as many stars |
| `secret` | sensitive digits were asked for: what is typed at a menu later may be the rest of them |
| `prompts` | name → how long it lasted, of those that were played whole |
| `fetched` | when the own telephone of one who calls by the API answered (milliseconds, as `at`) |
| `spoken` | `{at, after, key?}` of a box, in order: `at` is greeting or message, `key` what ended it |
| `hops` | how often the call was sent on before it came here |
| `talking` | user → how many calls they had, where a limit was asked |
| `dials` | the number that a code led to: of a redial, a speed dial, one whose caller hides |
| `last_numbers` | way (`dialled`, `called_by`) → the last number of who calls, where a code asked for it |
| `limited` | outside number → why no call might leave to it (`pbx.routing.limits`) |
| `own` | user → key → value, author, changed: what people had set themselves, of whom the call came to |
| `trunks` | those that could not be used, by key: `full` or `down` |
| `sent_on` | transfers, in order: `{by, to, how, at, after, status}`; `by` is a leg, `how` blind, attended or joined |
| `parked` | `{slot, by, at, after}`, in order: `by` is a user; no `after`: waits there |
| `conferences` | `{conference, moderates, at, after, in, muted, silenced, locked}`, in order; no `after`: is there |
| `recorded` | `{policy, at}`: when a recording began, in order |
| `mixes` | ad hoc conferences: `{by, at, after, members}`, of these `{leg, moderates, at, after, muted, silenced}` |
| `calls` | `{call}`: the other calls that it was joined with |
| `over_limit` | the tenant had more calls than its `max_calls` |
| `cut` | more was rung or typed than MOST, so this is not all |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx.calls.leg import CalleeLeg, CallTarget, TrunkTarget
from pbx.calls.record import CallRecord
from pbx.model.services import Setting
from pbx.speech.recognition.heard import Heard

MOST = 100  # legs or inputs of one call that are kept
Entry = dict[str, Any]


class Happened:
    """Writes the facts of one call into its record; `now` are milliseconds of UTC."""

    def __init__(self, record: CallRecord) -> None:
        self._record = record
        self._legs: dict[str, Entry] = {}  # by tag

    def rung(self, leg: CalleeLeg, now: int) -> Entry:
        """A leg is rung; what becomes of it is told to `ended` and `confirmed`."""
        entry: Entry = {"leg": leg.label, "at": now - self._record.started}
        if isinstance(leg.target, TrunkTarget):
            entry["number"] = leg.target.number
        self._legs[leg.tag] = entry
        self._add("legs", entry)
        return entry

    def ended(self, entry: Entry, status: int | None, now: int, *, redirect: str = "") -> None:
        """Its final answer; None for a trunk that showed no life in time. `redirect`: whom a 3xx named instead."""
        if redirect:
            entry["redirect"] = redirect
        entry["after"] = now - self._record.started - entry["at"]
        entry |= {"silent": True} if status is None else {"status": status}

    def asked(self, entry: Entry, confirmed: bool, now: int) -> None:
        """Whoever answered was asked to press 1, and did or did not."""
        lasted = now - self._record.started - entry["at"] - entry["after"]
        entry["confirmed" if confirmed else "unconfirmed"] = lasted

    def joined(self, leg: CalleeLeg) -> None:
        """The caller talks with it."""
        if isinstance(leg.target, CallTarget):
            self._add("calls", {"call": leg.target.call})
        if entry := self._legs.get(leg.tag):
            entry["won"] = True

    def typed(self, ivr: str, times: tuple[int, ...], choice: str | None) -> None:
        """The input of one round of a menu: when its first and its last digit came and when it was over; the choice
        when it was one. Of a wrong one only the end counts."""
        entry: Entry = {"ivr": ivr}
        if times and choice is not None:
            entry |= {"choice": choice, "first": times[0], "last": times[1]}
        elif times:
            entry |= {"wrong": True, "first": times[2], "last": times[2]}
        self._add("inputs", entry)

    def spoken(self, ivr: str, times: tuple[int, int], heard: Heard, choice: str | None) -> None:
        """An answer by voice to a menu: when the voice began and when something was made of it. What was said and is no
        phrase of the menu is nobody's business."""
        entry: Entry = {"ivr": ivr, "heard": heard.phrase or "", "score": heard.score, "engine": heard.engine}
        entry |= {"choice": choice} if choice is not None else {}
        self._add("inputs", {**entry, "spoke": times[0], "after": times[1]})

    def answered_menu(
        self, ivr: str, times: tuple[int, ...], asks: str, length: int, ended: str, *, right: bool
    ) -> None:
        """Digits that a key of a menu asks for: how many, never which; and the key that ended them."""
        entry: Entry = {"ivr": ivr, "asks": asks, "length": length, "right": right}
        entry |= {"ended": ended} if ended else {}
        self._add("inputs", entry | ({"first": times[0], "last": times[1]} if times else {}))

    def confirms(self, ivr: str, times: tuple[int, ...], yes: bool) -> None:
        """They were read back, and 1 was typed or not."""
        self._add("inputs", {"ivr": ivr, "confirms": yes} | ({"first": times[0], "last": times[1]} if times else {}))

    def collected(self, name: str, digits: str) -> None:
        """What a menu asked for is known."""
        self._record.facts.setdefault("collected", {})[name] = digits

    @property
    def known(self) -> dict[str, str]:
        """What menus have asked for in a process before, but for what was sensitive."""
        return {name: said for name, said in self._record.facts.get("collected", {}).items() if said.isdigit()}

    def keeps_secret(self) -> None:
        """Digits are asked for that nobody shall read."""
        self._record.facts["secret"] = True

    @property
    def has_secrets(self) -> bool:
        return "secret" in self._record.facts

    def played(self, prompt: str, lasted: int) -> None:
        self._record.facts.setdefault("prompts", {})[prompt] = lasted

    def spoke(self, at: str, lasted: int, key: str) -> None:
        """A greeting that a key interrupted, or a message, whatever ended it."""
        self._add("spoken", {"at": at, "after": lasted} | ({"key": key} if key else {}))

    def sent_on(self, by: CalleeLeg, to: str, how: str, now: int) -> Entry:
        """A transfer begins."""
        entry: Entry = {"by": by.label, "to": to, "how": how, "at": now - self._record.started}
        self._add("sent_on", entry)
        return entry

    def sent_on_ended(self, entry: Entry, status: int, now: int) -> None:
        entry |= {"after": now - self._record.started - entry["at"], "status": status}

    def parks(self, slot: str, user: str, now: int) -> None:
        """The call waits in a slot."""
        self._add("parked", {"slot": slot, "by": user, "at": now - self._record.started})

    def parked(self) -> tuple[str, str] | None:
        """By whom it was parked, and the slot in which it waits."""
        entries = self._record.facts.get("parked", ())
        return (entries[-1]["by"], entries[-1]["slot"]) if entries and "after" not in entries[-1] else None

    def leaves_park(self, now: int) -> None:
        entry = self._record.facts["parked"][-1]
        entry["after"] = now - self._record.started - entry["at"]

    def comes_to(self, conference: str, moderates: bool, now: int) -> Entry:
        """Somebody has been let into a conference room."""
        entry: Entry = {"conference": conference, "moderates": moderates, "at": now - self._record.started}
        self._add("conferences", entry)
        return entry

    def room(self) -> str | None:
        """The conference room in which the caller is."""
        entries = self._record.facts.get("conferences", ())
        return entries[-1]["conference"] if entries and "after" not in entries[-1] else None

    def is_at(self, conference: str) -> Entry | None:
        """What is known of the caller in a room, of a call that was in it in a process before."""
        return self._record.facts["conferences"][-1] if self.room() == conference else None

    def leaves(self, entry: Entry, now: int) -> None:
        """Somebody goes out of a conference room."""
        entry["after"] = now - self._record.started - entry["at"]

    def recorded(self, policy: str, now: int) -> None:
        """A recording begins."""
        self._add("recorded", {"policy": policy, "at": now - self._record.started})

    def mixes(self, by: str, now: int) -> Entry:
        """The call becomes a conference of three or more, at the wish of `by`."""
        entry: Entry = {"by": by, "at": now - self._record.started, "members": []}
        self._add("mixes", entry)
        return entry

    def mix(self) -> Entry | None:
        """The one that is not over."""
        entries = self._record.facts.get("mixes", ())
        return entries[-1] if entries and "after" not in entries[-1] else None

    def joins_mix(self, mix: Entry, leg: str, moderates: bool, now: int) -> Entry:
        entry: Entry = {"leg": leg, "moderates": moderates, "at": now - self._record.started}
        if len(mix["members"]) < MOST:
            mix["members"].append(entry)
        return entry

    def came_diverted(self, hops: int) -> None:
        self._record.facts["hops"] = hops

    def calls_of(self, user: str, calls: int) -> None:
        self._record.facts.setdefault("talking", {})[user] = calls

    def fetched(self, now: int) -> None:
        self._record.facts["fetched"] = now - self._record.started

    @property
    def was_fetched(self) -> bool:
        return "fetched" in self._record.facts

    def dials(self, number: str) -> None:
        self._record.facts["dials"] = number

    def last_number(self, way: str, number: str | None) -> None:
        self._record.facts.setdefault("last_numbers", {})[way] = number

    def limited(self, number: str, why: str) -> None:
        self._record.facts.setdefault("limited", {})[number] = why

    def own(self, user: str, settings: Mapping[str, Setting]) -> None:
        found = {key: [one.value, one.author, one.changed] for key, one in settings.items()}
        self._record.facts.setdefault("own", {})[user] = found

    def left_out(self, trunk: str, state: str) -> None:
        self._record.facts.setdefault("trunks", {})[trunk] = state

    def over_limit(self) -> None:
        self._record.facts["over_limit"] = True

    def _add(self, kind: str, entry: Entry) -> None:
        entries = self._record.facts.setdefault(kind, [])
        if len(entries) < MOST:
            entries.append(entry)
        else:
            self._record.facts["cut"] = True
