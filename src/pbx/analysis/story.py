"""What happens to a caller whom nobody knows, who presses nothing, when nobody answers: the way to the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbx.analysis.week import asked
from pbx.model.objects import Destination, Tenant, User
from pbx.routing import decide
from pbx.routing.decision import Facts

NOBODY = "+88800000000"  # a number that is in no list and has no prefix of a country
MAX_STEPS = 100  # longer is a loop, which another rule tells


@dataclass(slots=True)
class Story:
    """`end` is where the call stops, None when it goes round."""

    end: Destination | None = None
    heard: bool = False  # an announcement or a menu spoke
    rung: bool = False
    fell_through: bool = False  # the last step of such a flow took the call

    @property
    def silent(self) -> bool:
        """Cut off without a word."""
        return self.end is not None and self.end.kind in ("hang_up", "reject") and not self.heard


def story(tenant: Tenant, number: str, at: datetime) -> Story:
    """The story of a call to `number` at an instant."""
    out = Story()
    to = tenant.numbers[number].to
    facts = Facts(at=at, caller=NOBODY, number=number, language=tenant.languages[0])
    for _ in range(MAX_STEPS):
        following = _next(tenant, to, facts, out)
        if following is None:
            out.end = to
            return out
        to = following
    return out


def _next(tenant: Tenant, to: Destination, facts: Facts, out: Story) -> Destination | None:
    match to.kind:
        case "flow":
            return _through(tenant, to.value, facts, out)
        case "announcement":
            out.heard = True
            return tenant.announcements[to.value].to or Destination("hang_up")
        case "ivr":
            out.heard = True
            return tenant.ivrs[to.value].on_timeout
        case "ring_group":
            out.rung = True
            return tenant.ring_groups[to.value].on_no_answer
        case "queue":
            out.heard = out.rung = True
            return tenant.services.queues[to.value].on_timeout
        case "voicemail" | "conference":
            out.heard = True
        case "user":
            return _person(tenant.users[to.value], out)
        case "outside":
            out.rung = True
    return None


def _person(person: User, out: Story) -> Destination | None:
    out.rung = out.rung or "always" not in person.forward
    forward = person.forward.get("always") or person.forward.get("no_answer")
    return forward.to if forward else None


def _through(tenant: Tenant, name: str, facts: Facts, out: Story) -> Destination:
    flow = tenant.flows[name]
    hours = bool(asked([flow]))
    decision = decide.flow(tenant, flow, facts)
    while (decision.otherwise_next or decision.asks) and decision.next_step is not None:
        out.rung = out.rung or not decision.asks
        decision = decide.flow(tenant, flow, facts, start=decision.next_step)
    out.fell_through = hours and decision.next_step == len(flow.steps)
    return decision.to
