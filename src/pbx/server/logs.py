"""What a process writes to stderr. The journal is told the level of each line (sd-daemon(3)), so that
`journalctl -p alert` finds what somebody has to act on at once."""

from __future__ import annotations

import logging
import os
import sys

from pbx.calls.live.state import ALERT

FORMAT = "%(levelname)s %(name)s: %(message)s"
PRIORITIES = {ALERT: 1, logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class JournalFormatter(logging.Formatter):
    """With the priority of syslog(3) before each line, those of a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        priority = f"<{PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(priority + line for line in super().format(record).splitlines())


def to_stderr() -> None:
    """Log to stderr, from INFO on."""
    logging.addLevelName(ALERT, "ALERT")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JournalFormatter(FORMAT) if is_journal() else logging.Formatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def is_journal() -> bool:
    """Is stderr the journal's socket? systemd says which one that is."""
    try:
        about = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"
