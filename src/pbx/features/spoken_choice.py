"""What may be said to a menu in place of a key (behaviour R15): the phrases of its keys, and names of people.

A spoken choice is a key, or the extension of a person, that was said and not typed; everything after it is the same.
"""

from __future__ import annotations

from functools import lru_cache

from pbx.calls.call import Call
from pbx.model.objects import Destination, Ivr, Tenant
from pbx.routing.reason import Reason
from pbx.speech.recognition.heard import Heard, of_names

MOST_NAMES = 500  # people; among more of them a recogniser finds the wrong one


def phrases_of(menu: Ivr, tenant: Tenant, language: str) -> dict[str, str]:
    """Phrase → what it stands for, as it would be typed; nothing for a menu that does not listen. Phrases are those of
    the call's language, and with `direct_dial` the names of people who have an extension."""
    if "speech" not in menu.input:
        return {}
    found = _names(tenant_names(tenant)) if menu.direct_dial else {}
    for key, entry in menu.keys.items():
        alike = (one for one in entry.phrases if one[:2] == language[:2])
        spoken = language if language in entry.phrases else next(alike, "")
        found |= dict.fromkeys(entry.phrases.get(spoken, ()), key)
    return found


def tenant_names(tenant: Tenant) -> tuple[tuple[str, str], ...]:
    """Names and extensions of those who can be dialled; nobody in a house that is too large for that."""
    named = tuple((one.name, one.extension) for one in tenant.users.values() if one.name and one.extension)
    return named if len(named) <= MOST_NAMES else ()


@lru_cache(maxsize=256)
def _cached(names: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return of_names(names)


def _names(names: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(_cached(names))


def understood(call: Call, menu: Ivr, phrases: dict[str, str], heard: Heard, attempt: int) -> str:
    """What was said, as it would be typed; "" where it was not understood, and the record says why."""
    choice = phrases[heard.phrase] if heard.phrase is not None and heard.score >= menu.confidence else None
    call.happened.spoken(menu.id, (call.ear.began, call.ear.ended), heard, choice)
    if heard.phrase is None:
        call.note(Reason("phrase_unknown", ivr=menu.id, engine=heard.engine, attempt=attempt))
    elif choice is None:
        told = Reason(
            "phrase_unsure",
            ivr=menu.id,
            phrase=heard.phrase,
            score=heard.score,
            engine=heard.engine,
            confidence=menu.confidence,
            attempt=attempt,
        )
        call.note(told)
    return choice or ""


def why_chosen(menu: Ivr, digits: str, heard: Heard | None, to: Destination) -> Reason:
    """A key that was typed, or a phrase that was said."""
    if heard is None:
        return Reason("key_typed", ivr=menu.id, digits=digits, to=to)
    return Reason("phrase_heard", ivr=menu.id, phrase=heard.phrase, score=heard.score, engine=heard.engine, to=to)
