from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.people import WITH_EXTENSION

RULE = Rule(
    "extension-shadows",
    "warning",
    "an extension that begins like an emergency number",
    reason="Phones send what is dialled as soon as it looks complete: with an extension 1120, or 11, beside the "
    "emergency number 112 somebody in need reaches a colleague, or a colleague reaches the fire brigade.",
    wrong="""
users:
  clara: {extension: "1120", location: location/msk, devices: {desk: {type: desk_phone}}}
""",
    right="""
users:
  clara: {extension: "2120", location: location/msk, devices: {desk: {type: desk_phone}}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for plural in WITH_EXTENSION:
            for name, plain in tenant.plain.get(plural, {}).items():
                extension = plain.get("extension", "")
                for number in tenant.model.emergency_numbers if extension else ():
                    if extension.startswith(number) or number.startswith(extension):
                        message = (
                            f"{extension} and the emergency number {number} begin alike: a phone may send one for the "
                            "other; choose another extension"
                        )
                        yield tenant.finding((plural, name, "extension"), message)
