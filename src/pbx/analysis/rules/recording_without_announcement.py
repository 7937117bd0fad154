from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

LAWS = {"ru": "Russian law (152-FZ)", "eu": "the GDPR"}
EEA = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
COUNTRIES = {"ru": ("RU",), "eu": tuple(EEA.split(" "))}  # the European Economic Area has the GDPR

TENANT = """
tenant:
  id: acme
  name: Acme
  domain: acme.example
  country: RU
  timezone: Europe/Moscow
  languages: [ru-RU]
  policies: [ru]
"""

RULE = Rule(
    "recording-without-announcement",
    "warning",
    "calls with the outside that are recorded without a word: an error where the law wants it",
    reason="A voice is personal data: in Russia (152-FZ) and in the European Union (GDPR) whoever is recorded has to "
    "be told before. It is an error for a tenant of such a country, or with the policies ru or eu; for any other it "
    "is a warning. This is no legal advice.",
    wrong=f"""{TENANT}recordings:
  outside: {{match: {{direction: [inbound]}}, retain: 180d}}
""",
    right=f"""{TENANT}recordings:
  outside: {{match: {{direction: [inbound]}}, announce: prompt/said, retain: 180d}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        model = tenant.model
        laws = [words for law, words in LAWS.items() if law in model.policies or model.country in COUNTRIES[law]]
        why = f", as {' and '.join(laws)} {'want' if len(laws) > 1 else 'wants'} it" if laws else ""
        for recording in model.services.recordings.values():
            outside = not recording.direction or {"inbound", "outbound"} & set(recording.direction)
            if outside and recording.announce is None:
                message = f"calls with the outside are recorded and nobody is told{why}; write announce: prompt/ID"
                yield tenant.finding(("recordings", recording.id), message, "error" if laws else "warning")
