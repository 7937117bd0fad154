from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

YEARS = 5
LONG = YEARS * 366 * 86_400  # seconds

RULE = Rule(
    "recording-kept-for-ever",
    "warning",
    "recordings that are kept without an end, or for more than five years",
    reason="What people said is personal data, and is to be kept no longer than it is needed for something. Without "
    "retain a recording stays until somebody erases it, and a disk is full one day. A single one that is needed for "
    "longer is held (PUT /recordings/ID/hold), with a reason that stays in its history.",
    wrong="""
recordings:
  inside: {match: {direction: [internal]}}
""",
    right="""
recordings:
  inside: {match: {direction: [internal]}, retain: 90d}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for recording in tenant.model.services.recordings.values():
            if recording.retain is None:
                message = "recordings stay until somebody erases them; write retain, such as retain: 180d"
                yield tenant.finding(("recordings", recording.id), message)
            elif recording.retain > LONG:
                message = f"recordings stay for more than {YEARS} years; shorten retain, and hold those that are needed"
                yield tenant.finding(("recordings", recording.id, "retain"), message)
