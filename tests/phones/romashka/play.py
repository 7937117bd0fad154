"""One call of the table: what it is called, which behaviour it shows, how it is placed; and the placing of it."""

import time
from collections.abc import Callable
from typing import NamedTuple

from phones.romashka.report import Report
from phones.romashka.stage import Stage


class Told(NamedTuple):
    name: str
    behaviour: tuple[str, ...]
    place: Callable[[Stage, Report], None]


def play(stage: Stage, told: Told) -> Report:
    """Places the call; what goes wrong in it is told in its report."""
    report = Report(told.name, told.behaviour)
    started = time.monotonic()
    try:
        told.place(stage, report)
    except Exception as error:  # of whatever kind: the other calls go on
        report.trouble = f"{type(error).__name__}: {error}"
    report.seconds = time.monotonic() - started
    return report
