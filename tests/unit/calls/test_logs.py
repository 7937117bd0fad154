"""Levels of what is logged, as the journal reads them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging
from pbx.calls.live.state import ALERT
from pbx.server import logs
logs.to_stderr()
logging.getLogger("pbx").log(ALERT, "alarm: help")
logging.getLogger("pbx").info("two\\nlines")
logging.getLogger("pbx").debug("nothing")
"""


@pytest.mark.row("R11")
@pytest.mark.parametrize("is_journal", [True, False])
def test_the_journal_is_told_the_level_and_a_file_is_not(tmp_path: Path, is_journal: bool) -> None:
    with (tmp_path / "stderr").open("wb") as stderr:
        about = os.fstat(stderr.fileno())
        stream = f"{about.st_dev}:{about.st_ino}" if is_journal else f"{about.st_dev}:0"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", PROGRAM], stderr=stderr, env=environment, check=True)
    lines = (tmp_path / "stderr").read_text().splitlines()
    alert, info = ("<1>", "<6>") if is_journal else ("", "")
    assert lines == [f"{alert}ALERT pbx: alarm: help", f"{info}INFO pbx: two", f"{info}lines"]


def test_an_alert_is_above_all_other_levels() -> None:
    from pbx.calls.live.state import ALERT

    assert logging.CRITICAL < ALERT
