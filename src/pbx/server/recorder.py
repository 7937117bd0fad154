"""Call records into the journal of a call process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pbx.calls.record import CallRecord
from pbx.store.journal import Journal


class JournalRecorder:
    """Call records into the journal; `check` comes first, and may end the process instead."""

    def __init__(self, journal: Journal, check: Callable[[], None]) -> None:
        self._journal = journal
        self._check = check

    def started(self, record: CallRecord) -> None:
        self._append("start", record.document())

    def answered(self, record: CallRecord) -> None:
        self._append("answer", {"id": record.id, "answered": record.answered, "path": record.path})

    def ended(self, record: CallRecord) -> None:
        self._append("end", record.document())

    def _append(self, kind: str, body: dict[str, Any]) -> None:
        self._check()
        self._journal.append(kind, body)
