"""The story of a call in English."""

from pbx.analysis.language import Language
from pbx.routing.reason import ENGLISH as REASONS

ENGLISH = Language(
    reasons=REASONS,
    day="%Y-%m-%d",
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    legs={},
    events={
        "hears": "hears {about}",
        "presses": "presses {about}",
        "answered": "is answered, {about}",
        "refused": "is refused: {about}",
        "rings": "rings {about}",
        "answers": "answers: {about}",
        "fails": "fails: {about}",
        "stops": "stops ringing: {about}",
        "ends": "ends ({about})",
    },
    ends={
        "caller": "the caller hangs up",
        "callee": "the called side hangs up",
        "pbx": "the PBX hangs up",
        "answered": "answered",
        "busy": "busy",
        "no_answer": "no answer",
        "cancelled": "the caller gave up",
        "failed": "failed",
        "rejected": "rejected",
    },
    heading="{weekday} {at:%Y-%m-%d %H:%M} {zone}: {caller} calls {dialled}",
    path="path: {path}",
    nowhere="nowhere",
    answer="the caller gets {answer}; the record says {disposition}",
    no_answer="no final answer",
    anonymous="anonymous",
)
