"""`make demo`, the last step: real phones place the calls of `examples/` on the lab's hosts, and each is measured.

`demo.py [--only WORD]` prints what happens while it works, then a table; the last line is `demo: K of N calls as told`
and the exit status 1 when K < N. All that was measured goes to build/demo.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from phones.romashka import inside, inward, messages, outward
from phones.romashka.play import Told, play
from phones.romashka.report import Report
from phones.romashka.stage import Stage

CHECKOUT = Path(__file__).resolve().parents[2]
SERVED = 2  # the stage that the PBX is at: 1 rings, 2 answers
CALLS = {1: inside.CALLS, 2: (*inward.CALLS, *messages.CALLS, *inside.CALLS, *outward.CALLS)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="only the calls with this in their name")
    parser.add_argument("--stage", type=int, choices=CALLS, default=SERVED)
    arguments = parser.parse_args()
    wanted = [told for told in CALLS[arguments.stage] if arguments.only in told.name]
    began = time.monotonic()
    print(f"placing {len(wanted)} calls", flush=True)
    # all at once: those that need the same phone wait for each other, in this order
    with Stage() as stage, ThreadPoolExecutor(len(wanted)) as pool:
        reports = list(pool.map(lambda told: show(stage, told, began), wanted))
    print("\n" + table(reports))
    print(TELLING)
    output = CHECKOUT / "build/demo.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps([report.document() for report in reports], ensure_ascii=False, indent=1) + "\n")
    good = sum(report.as_told for report in reports)
    print(f"demo: {good} of {len(reports)} calls as told")
    return 0 if good == len(reports) else 1


def show(stage: Stage, told: Told, began: float) -> Report:
    """Places one call and says at once how it went."""
    report = play(stage, told)
    verdict = "as told" if report.as_told else "NOT AS TOLD"
    lines = [f"  {time.monotonic() - began:5.1f} s  {told.name}: {verdict}"]
    lines += [f"           {c.what}: expected {c.expected}, got {c.got}" for c in report.checks if not c.ok]
    lines += [f"           {report.trouble}"] if report.trouble else []
    print("\n".join(lines), flush=True)
    return report


def table(reports: list[Report]) -> str:
    """Call, path, what was heard at which end, the record; columns as wide as they need to be."""
    lines = [("call", "path", "heard", "CDR", "")]
    for report in reports:
        record = report.record or {}
        path = " → ".join(record.get("path", ())) or "–"
        heard = " · ".join(f"{who}: {what}" for who, what in report.heard.items()) or "–"
        cdr = f"{record['disposition']} {record['code']} {length(record)}" if record else "none"
        lines.append((report.name, path, heard, cdr, "ok" if report.as_told else "NOT OK"))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    padded = [[text.ljust(width) for text, width in zip(line, [*widths, 0], strict=True)] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def length(record: Mapping[str, Any]) -> str:
    if record["answered"] is None:
        return ""
    return f"{(record['ended'] - record['answered']) / 1000:.1f} s"


TELLING = """
The lab stays up. Look further:
  lab/lab status                                                     the hosts
  lab/lab exec calls1 /opt/pbx/current/bin/pbx-calls cdr --last 5    the call records
  lab/lab shell calls1                                               a shell on a host
  .venv/bin/pbx credentials romashka/ivanov -i inventory/lab/hosts.yml
  lab/lab down                                                       stop and remove it
"""

if __name__ == "__main__":
    sys.exit(main())
