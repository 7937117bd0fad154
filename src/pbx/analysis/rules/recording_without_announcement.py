from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

LAWS = {"ru": "Russian law (152-FZ)", "eu": "the GDPR"}

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
    "error",
    "calls with the outside that are recorded without a word, under the policies ru or eu",
    reason="A voice is personal data: in Russia (152-FZ) and in the European Union (GDPR) whoever is recorded has to "
    "be told before. Tenants say with policies which law they are under; this is no legal advice.",
    wrong=f"""{TENANT}recordings:
  outside: {{match: {{direction: [inbound]}}}}
""",
    right=f"""{TENANT}recordings:
  outside: {{match: {{direction: [inbound]}}, announce: prompt/said}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        laws = [words for policy, words in LAWS.items() if policy in tenant.model.policies]
        wanted = f"{' and '.join(laws)} {'want' if len(laws) > 1 else 'wants'} it"
        for recording in tenant.model.services.recordings.values():
            outside = not recording.direction or {"inbound", "outbound"} & set(recording.direction)
            if laws and outside and recording.announce is None:
                message = (
                    f"calls with the outside are recorded and nobody is told, as {wanted}; write announce: prompt/ID"
                )
                yield tenant.finding(("recordings", recording.id), message)
