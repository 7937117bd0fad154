from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "emergency-unreachable",
    "error",
    "the emergency number of the country is not one of the tenant",
    reason="A number that is not listed is dialled like any other: it is barred, refused or sent nowhere. The one "
    "that everybody in the country knows must be there. `pbx validate` asks for a location with a way out for "
    "everybody who has a telephone.",
    wrong="""
emergency: {numbers: ["101", "102", "103"]}
""",
    right="""
emergency: {numbers: ["112", "101", "102", "103"]}
""",
)
KNOWN_TO_ALL = ("911", "999", "000", "112")  # in this order; a country has few of them


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        model = tenant.model
        number = _number_of(model.country)
        if model.users and model.emergency_numbers and number and number not in model.emergency_numbers:
            message = f"{number} is missing: in {model.country} people dial it when they need help; add it"
            yield tenant.finding(("emergency", "numbers"), message)


def _number_of(country: str) -> str | None:
    """The emergency number that everybody in a country knows, None when nothing is known of the country."""
    import re

    import phonenumbers

    metadata = phonenumbers.PhoneMetadata.short_metadata_for_region(country)
    emergency = metadata.emergency if metadata else None
    if emergency is None or not emergency.national_number_pattern:
        return None
    pattern = re.compile(f"(?:{emergency.national_number_pattern})\\Z")
    example: str | None = emergency.example_number
    return next((number for number in KNOWN_TO_ALL if pattern.match(number)), example)
