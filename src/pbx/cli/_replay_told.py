"""What `pbx explain CALL_ID` prints: the call, its replay, and the first step that today's model takes otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pbx.analysis.language import Language
from pbx.calls.simulated.replay import Replayed
from pbx.cli._telling import in_words

COMPARED = ("path", "disposition", "code", "answered_by", "number")
Told = Replayed | str  # a text: why it cannot be replayed
Step = tuple[float, str, str]  # second of the call, node, words


@dataclass(slots=True)
class Answer:
    """`place` is where the model of that day was found, in words; `then` and `today` are None without such a model."""

    record: Mapping[str, Any]
    place: str
    zone: str
    then: Told | None = None
    today: Told | None = None
    revision_today: str = ""

    @property
    def honest(self) -> list[str]:
        """Parts of the record that the replay at its own revision tells otherwise."""
        if not isinstance(self.then, Replayed):
            return []
        told = self.then.told.record.document()
        return [part for part in COMPARED if told[part] != self.record[part]]

    @property
    def same(self) -> bool | None:
        """Would it go the same way today? None when nobody can say."""
        if not isinstance(self.today, Replayed):
            return None
        if not isinstance(self.then, Replayed):
            return bool(self.today.told.record.path == self.record["path"])
        return _way(self.then) == _way(self.today)

    def first(self, language: Language) -> tuple[float, str, str | None, str | None] | None:
        """The first difference: second, node, step then, step today (None: the story is over)."""
        if not isinstance(self.then, Replayed) or not isinstance(self.today, Replayed):
            return None
        then, today = steps(self.then, language), steps(self.today, language)
        for index in range(max(len(then), len(today))):
            one = then[index] if index < len(then) else None
            other = today[index] if index < len(today) else None
            if one is None or other is None or one[2] != other[2]:
                at = one or other
                assert at is not None
                before = then[index - 1][1] if index else ""
                return at[0], before, one and one[2].strip(), other and other[2].strip()
        return None


def _way(replayed: Replayed) -> tuple[Any, ...]:
    told = replayed.told
    document = told.record.document()
    return (*(document[part] for part in COMPARED), sorted(told.shown, key=str), [what for _, what in told.heard])


def steps(replayed: Replayed, language: Language) -> list[Step]:
    """The story without its clock: where the call was, and each step in words."""
    out: list[Step] = []
    node = ""
    for second, what, about in replayed.told.events:
        words = in_words(about, language)
        if what == "node":
            node = words
            out.append((second, node, words))
        elif what == "why":
            out.append((second, node, f"  {words}"))
        else:
            out.append((second, node, f"  {language.events[what].format(about=language.ends.get(words, words))}"))
    return out


def lines(answer: Answer, language: Language) -> Iterator[str]:
    """For people."""
    say, record = language.replay, answer.record
    at = datetime.fromtimestamp(record["started"] / 1000, ZoneInfo(answer.zone))
    yield say["call"].format(
        id=record["id"], caller=record["caller"] or language.anonymous, dialled=record["number"] or record["dialled"]
    )
    yield say["when"].format(
        weekday=language.weekdays[at.weekday()],
        at=at,
        zone=answer.zone,
        disposition=language.ends.get(record["disposition"], record["disposition"]),
        code=record["code"],
        seconds=((record["ended"] or record["started"]) - record["started"]) / 1000,
    )
    yield say["revision"].format(revision=record["revision"], place=answer.place)
    yield say["recorded"].format(path=_path(record["path"], language))
    if isinstance(answer.then, str):
        yield answer.then
    elif answer.then is None:
        yield from (f"  {reason}" for reason in record["reasons"])
    else:
        parts = ", ".join(answer.honest)
        yield say["not_as_recorded"].format(parts=parts) if parts else say["as_recorded"]
    yield from _of_today(answer, language)


def _of_today(answer: Answer, language: Language) -> Iterator[str]:
    say = language.replay
    if answer.today is None:
        yield say["no_tenant"].format(tenant=answer.record["tenant"])
        return
    if isinstance(answer.today, str):
        if answer.today != answer.then:
            yield answer.today
        return
    revision = answer.revision_today
    if revision == answer.record["revision"]:
        yield say["same_revision"]
        return
    first = answer.first(language)
    if answer.same:
        yield say["other_reasons" if first else "same"].format(revision=revision)
    else:
        yield say["differs"].format(revision=revision)
        yield language.path.format(path=_path(answer.today.told.record.path, language))
    if first:
        second, node, then, today = first
        yield say["first"].format(second=second, node=node or say["start"])
        yield say["then"].format(step=then or say["nothing"])
        yield say["today"].format(step=today or say["nothing"])
        yield from _difference(answer, language)
    if answer.today.assumed:
        yield say["assumed"].format(legs=", ".join(answer.today.assumed))


def _difference(answer: Answer, language: Language) -> Iterator[str]:
    assert isinstance(answer.then, Replayed) and isinstance(answer.today, Replayed)
    then, today = ([words for _, _, words in steps(one, language)] for one in (answer.then, answer.today))
    yield ""
    yield from (line for line in list(difflib.unified_diff(then, today, lineterm="", n=2))[2:] if line[:2] != "@@")


def _path(path: list[str], language: Language) -> str:
    return " → ".join(path) or language.nowhere


def document(answer: Answer, language: Language) -> dict[str, Any]:
    """For programs. `same` is null when nobody can say."""
    first = answer.first(language)
    return {
        "format": "pbx-explain/v1",
        "call": dict(answer.record),
        "model": answer.place,
        "then": _side(answer.then, language),
        "differs_from_record": answer.honest,
        "today": _side(answer.today, language),
        "revision_today": answer.revision_today or None,
        "same": answer.same,
        "first_difference": dict(zip(("second", "node", "then", "today"), first, strict=True)) if first else None,
    }


def _side(told: Told | None, language: Language) -> dict[str, Any] | None:
    if told is None:
        return None
    if isinstance(told, str):
        return {"cannot": told}
    record = told.told.record.document()
    return {
        **{part: record[part] for part in COMPARED},
        "assumed": told.assumed,
        "story": [
            {"second": round(second, 3), "node": node, "step": words.strip()}
            for second, node, words in steps(told, language)
        ],
    }
