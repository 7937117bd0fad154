"""A plan for machines: `pbx-plan/v1`, see schemas/output/plan.schema.json."""

from __future__ import annotations

import json

from pbx.desired.plan import Plan
from pbx.desired.plan_file import document


def printed(plan: Plan) -> str:
    return json.dumps(document(plan), ensure_ascii=False, indent=1) + "\n"
