"""What a language needs to tell the story of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """`reasons` has a text for every code of `pbx.routing.reason`, `events` one for each thing that a simulated call
    does, `ends` one for each way in which it ends (who hung up, else the disposition), `replay` what
    `pbx explain CALL_ID` says of a recorded call."""

    reasons: Mapping[str, str]
    day: str  # how a date is written
    weekdays: tuple[str, ...]  # from Monday
    legs: Mapping[str, str]  # what the sides of a call are called
    events: Mapping[str, str]
    ends: Mapping[str, str]
    heading: str
    path: str
    nowhere: str
    answer: str
    no_answer: str
    anonymous: str
    replay: Mapping[str, str]
