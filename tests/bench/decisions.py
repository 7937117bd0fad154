"""B8: inbound decisions a second on one core: number, flow with a list, a calendar and rules."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pbx.model.load import load
from pbx.routing import decide
from pbx.routing.decision import Facts

GOAL = 20_000
COUNT = 40_000


def main() -> None:
    tenant = load(Path(__file__).parents[2] / "examples").model.tenants["romashka"]
    start = datetime(2026, 11, 9, tzinfo=UTC)
    facts = [
        Facts(start + timedelta(minutes=i % 20_000), f"+7916{i:07d}", "+74951000100", "ru-RU") for i in range(COUNT)
    ]
    began = time.process_time()
    for fact in facts:
        to = decide.inbound(tenant, "+74951000100", "mtt", fact.at).to
        decide.flow(tenant, tenant.flows[to.value], fact)
    rate = COUNT / (time.process_time() - began)
    print(json.dumps({"bar": "B8", "figure": round(rate), "unit": "inbound decisions a second and core", "goal": GOAL,
                      "floor": None, "ratio": round(rate / GOAL, 2), "holds": rate >= GOAL}))  # fmt: skip


if __name__ == "__main__":
    main()
