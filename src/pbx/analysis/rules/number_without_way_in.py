from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "number-without-way-in",
    "error",
    "a number whose trunk takes no calls",
    reason="A call belongs to a trunk by the address it comes from. A trunk without addresses only sends, so a number "
    "that is expected over it never rings.",
    wrong="""
trunks:
  cheap: {proxy: "sip:cheap.example"}
numbers:
  "+74951000100": {trunk: trunk/cheap, to: user/anna}
""",
    right="""
trunks:
  cheap: {proxy: "sip:cheap.example", addresses: ["203.0.113.10"]}
numbers:
  "+74951000100": {trunk: trunk/cheap, to: user/anna}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        without = {name for name, trunk in tenant.model.trunks.items() if not trunk.addresses}
        for number in tenant.model.numbers.values():
            if number.trunk in without:
                message = (
                    f"never rings: trunk/{number.trunk} has no addresses, so no call comes in by it; write them there, "
                    "or name another trunk"
                )
                yield tenant.finding(("numbers", number.number, "trunk"), message)
