"""A recorded call once more: the people of its record meet a model, that of its day or another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pbx.calls.call import Call
from pbx.calls.hearing import CONFIRM_WITHIN, SILENCE
from pbx.calls.leg import Audio, Leg, Target, TrunkTarget
from pbx.calls.mailbox import RATE
from pbx.calls.record import BY_API
from pbx.calls.simulated.state import StateScript
from pbx.calls.simulated.world import SPEECH, Person, Script, SimulatedConnections, Told, simulate
from pbx.model.objects import Tenant
from pbx.model.services import Setting
from pbx.speech.recognition.heard import Heard, Vocabulary

RINGS = Person()  # whoever the record does not know: reachable, and does not answer
WRONG_KEY = "D"  # a digit of RFC 4733 that no menu can have
ENDLESS = 86_400.0  # seconds
QUIET = bytes([0xD5]) * round(SILENCE * RATE)  # A-law
IN_ORDER = 0.0001  # seconds from one digit to the next, at least: timers of one moment fire in any order
BEATEN = 0.0005  # seconds by which an answer that lost the race came later, when both are of one millisecond


class NotReplayable(ValueError):
    """The record does not say enough; `code` is why (a text of `pbx.analysis`)."""

    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments


@dataclass(slots=True)
class Replayed:
    """`assumed` are legs that were not rung in the recorded call: nobody knows what they would have done."""

    told: Told
    assumed: list[str] = field(default_factory=list)


def replay(tenant: Tenant, record: Mapping[str, Any], story: Callable[[Call], object]) -> Replayed:
    """The call of `record` (a row of the store) through this model. Raises NotReplayable."""
    script = script_of(tenant, record)
    assumed: list[str] = []
    told = simulate(tenant, script, story, lambda given, into: _Recorded(given, into, record, assumed))
    return Replayed(told, list(dict.fromkeys(assumed)))


def script_of(tenant: Tenant, record: Mapping[str, Any]) -> Script:
    """Who called, when, and for how long they stayed. Raises NotReplayable."""
    if record["ended"] is None or record["disposition"] == "interrupted":
        raise NotReplayable("not_ended")
    if record.get("facts") is None:
        raise NotReplayable("no_facts")
    if record["facts"].get("calls"):
        raise NotReplayable("was_joined")
    if record["facts"].get("conferences") or record["source"].startswith("conference "):
        raise NotReplayable("was_in_a_room")
    if any(node.startswith("feature_code/voicemail") for node in record["path"]):
        raise NotReplayable("was_at_a_box")
    if record["facts"].get("sent_on"):
        raise NotReplayable("was_sent_on")
    if record["facts"].get("mixes"):
        raise NotReplayable("was_mixed")
    if record["facts"].get("cut"):
        raise NotReplayable("facts_cut")
    kind, _, source = str(record["source"]).partition(" ")
    left = record["hung_up_by"] == "caller" or record["disposition"] == "cancelled"
    caller = record["caller"]
    if kind == "device":
        users = {f"{user.id}-{device}": user.id for user in tenant.users.values() for device in user.devices}
        caller = users.get(source)
        if caller is None:
            raise NotReplayable("caller_is_gone", device=source)
    if kind == BY_API:
        caller = source
        if caller not in tenant.users:
            raise NotReplayable("caller_is_gone", device=source)
    return Script(
        at=datetime.fromtimestamp(record["started"] / 1000, UTC),
        caller=caller,
        dialled=record["number"] if kind == "trunk" else record["dialled"],
        trunk=source if kind == "trunk" else None,
        patience=(record["ended"] - record["started"]) / 1000 if left else ENDLESS,
        over_limit=bool(record["facts"].get("over_limit")),
        state=_state(record["facts"]),
        hops=int(record["facts"].get("hops", 0)),
        by_api=kind == BY_API,
    )


def _state(facts: Mapping[str, Any]) -> StateScript:
    own = {
        user: {key: Setting(*one) for key, one in settings.items()} for user, settings in facts.get("own", {}).items()
    }
    named = (("calls", "talking"), ("trunks", "trunks"), ("limited", "limited"), ("last_numbers", "last_numbers"))
    return StateScript(own=own, **{name: facts.get(kept, {}) for name, kept in named})


class _Recorded(SimulatedConnections):
    """Legs, keys and lengths of prompts as the record has them, in its order."""

    def __init__(self, script: Script, told: Told, record: Mapping[str, Any], assumed: list[str]) -> None:
        super().__init__(script, told)
        facts = record["facts"]
        self._known = [dict(leg) for leg in facts.get("legs", ())]
        self._spoken = list(facts.get("spoken", ()))
        self._inputs = list(facts.get("inputs", ()))
        self._answer: Mapping[str, Any] | None = None  # by voice, to the menu that asks now
        self._collected: Mapping[str, str] = facts.get("collected", {})
        self._lengths: Mapping[str, int] = facts.get("prompts", {})
        self._assumed = assumed
        for leg in self._known:
            if leg.get("won") and record["hung_up_by"] == "callee":
                leg["talked"] = record["ended"] - record["started"] - leg["at"] - leg["after"]

    def _person(self, target: Target) -> Person:
        """The next recorded leg of that name; else what the number did over another trunk; else it rings."""
        number = target.number if isinstance(target, TrunkTarget) else None
        of_number = [leg for leg in self._known if leg.get("number") == number]
        found = next((leg for leg in of_number if leg["leg"] == target.label), None)
        if found is None and number is not None:
            found = next((leg for leg in of_number if leg.get("status", 200) == 200), None)
        if found is not None:
            self._known.remove(found)
            return self._as_recorded(found)
        self._assumed.append(target.label if number is None else f"{target.label} {number}")
        return RINGS

    def _as_recorded(self, leg: Mapping[str, Any]) -> Person:
        if leg.get("silent"):
            return Person(silent=True)
        after = leg.get("after", 0) / 1000
        if "status" not in leg:
            return RINGS
        if leg["status"] != 200:
            return Person(status=leg["status"], after=after, redirect=leg.get("redirect", ""))
        presses, pressing = _pressed(leg)
        return Person(
            answers=after if leg.get("won") else after + BEATEN,
            talks=leg["talked"] / 1000 if "talked" in leg else ENDLESS,
            presses=presses,
            pressing=pressing,
        )

    def _seconds(self, audio: Audio) -> float:
        known = self._lengths.get(audio.prompt)
        return super()._seconds(audio) if known is None else known / 1000

    def expect(self, leg: Leg, *, asked: bool = True, listens: bool = False) -> None:
        """A menu asks for digits, again perhaps; a greeting may be cut short."""
        if not asked:
            if self._spoken and self._spoken[0]["at"] == "greeting":
                cut = self._spoken.pop(0)
                asyncio.get_running_loop().call_later(cut["after"] / 1000, self._type, cut["key"])
            return
        at_menu = self._told.record.path[-1:] and self._told.record.path[-1].startswith("ivr/")
        if leg is not self.caller or not at_menu or not self._inputs:
            return
        given = self._inputs.pop(0)
        self._answer = given if "heard" in given else None
        digits = _typed(given, self._collected) if "first" in given else ""
        if not digits:
            return
        first, last = given["first"] / 1000, given["last"] / 1000
        apart = max((last - first) / max(1, len(digits) - 1), IN_ORDER)
        loop = asyncio.get_running_loop()
        for index, digit in enumerate(digits):
            loop.call_later(first + index * apart, self._type, digit)

    async def listen(self, leg: Leg, vocabulary: Vocabulary, spoke: Callable[[], None]) -> Heard | None:
        if (given := self._answer) is None:
            await asyncio.get_running_loop().create_future()
            return None
        await asyncio.sleep(given["spoke"] / 1000)
        self._told.event("says", given["heard"] or "…")
        spoke()
        await asyncio.sleep((given["after"] - given["spoke"]) / 1000)
        return Heard(given["heard"] or None, float(given["score"]), str(given["engine"]))

    async def record(self, leg: Leg, write: Callable[[bytes], None]) -> None:
        """As much as was said then, and what ended it."""
        said: dict[str, Any] = self._spoken.pop(0) if self._spoken else {"after": 0}
        await asyncio.sleep(said["after"] / 1000)
        length = said["after"] * RATE // 1000
        write((SPEECH * (length // len(SPEECH) + 1))[:length])
        if "key" in said:
            self._type(said["key"])
        else:  # it was time, or nothing more was said; one who hung up is patient no longer
            write(QUIET)
            await asyncio.get_running_loop().create_future()


def _typed(given: Mapping[str, Any], collected: Mapping[str, str]) -> str:
    """The digits of one input. Those that a menu asked for and that are not kept are as many others."""
    if "confirms" in given:
        return "1" if given["confirms"] else WRONG_KEY
    if "asks" not in given:
        return str(given.get("choice", WRONG_KEY))
    ended, length = str(given.get("ended", "")), int(given["length"])
    if not given["right"]:
        return WRONG_KEY * length + ended
    known = collected.get(given["asks"], "")
    return (known if known.isdigit() and len(known) == length else "0" * length) + ended


def _pressed(leg: Mapping[str, Any]) -> tuple[str, float]:
    """What was pressed when asked to press 1, and when. Each of the two rounds ends with a key or after its time."""
    if "confirmed" in leg:
        return "1", leg["confirmed"] / 1000
    lasted = leg.get("unconfirmed", 0) / 1000
    if not lasted or lasted >= 2 * CONFIRM_WITHIN:
        return "", 0.0
    return (WRONG_KEY, lasted - CONFIRM_WITHIN) if lasted >= CONFIRM_WITHIN else (WRONG_KEY * 2, lasted)
