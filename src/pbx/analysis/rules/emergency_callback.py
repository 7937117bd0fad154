from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "emergency-callback",
    "warning",
    "helpers who call back reach nobody",
    reason="A call for help shows the number of its location. When the line breaks the helpers call that number, and "
    "it should ring where somebody is, also at night.",
    wrong="""
locations:
  ekb: {address: "Екатеринбург, Пробная 2", emergency: {caller_id: "+73431000112", trunks: [trunk/ural]}}
users:
  clara: {location: location/ekb, devices: {desk: {type: desk_phone}}}
""",
    right="""
locations:
  ekb: {address: "Екатеринбург, Пробная 2", emergency: {caller_id: "+73431000112", trunks: [trunk/ural]}}
users:
  clara: {location: location/ekb, devices: {desk: {type: desk_phone}}}
numbers:
  "+73431000112": {trunk: trunk/ural, to: user/clara}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for location in tenant.model.locations.values():
            shown = location.emergency_caller_id
            if shown is None:
                continue
            number = tenant.model.numbers.get(shown)
            if number is None:
                why = f"{shown} is not under numbers; write it there and lead it to people"
            elif number.state != "active":
                why = f"{shown} is in the state {number.state}; make it active"
            else:
                continue
            path = ("locations", location.id, "emergency", "caller_id")
            yield tenant.finding(path, f"helpers who call back reach nobody: {why}")
