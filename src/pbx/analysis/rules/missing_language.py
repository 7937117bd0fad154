from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model import system_prompts

RULE = Rule(
    "missing-language",
    "warning",
    "a language in which the PBX itself cannot speak",
    reason="The built-in prompts (a wrong key, a barred number, press 1 to take the call) are recorded in some "
    "languages. In any other they are said in English, in the middle of a call in another language. Prompts of the "
    "tenant itself must be there in each of its languages: `pbx validate` refuses them otherwise.",
    wrong="""
prompts:
  said: {de-DE: {file: said.wav}}
  system-barred: {de-DE: {file: said.wav}}
tenant: {id: acme, name: Acme, domain: acme.example, country: DE, timezone: Europe/Berlin, languages: [de-DE]}
""",
    right="""
prompts:
  said: {de-DE: {file: said.wav}}
  system-barred: {de-DE: {file: said.wav}}
  system-confirm: {de-DE: {file: said.wav}}
  system-invalid: {de-DE: {file: said.wav}}
  system-suspended: {de-DE: {file: said.wav}}
tenant: {id: acme, name: Acme, domain: acme.example, country: DE, timezone: Europe/Berlin, languages: [de-DE]}
""",
)


def check(context: Context) -> Iterator[Finding]:
    recordings = system_prompts.recordings()
    for tenant in context.tenants:
        own = tenant.folder.ids("prompts")
        for index, language in enumerate(tenant.model.languages):
            missing = [name for name, said in recordings.items() if language not in said and name not in own]
            if missing:
                message = (
                    f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not recorded in {language} and said "
                    f"in {system_prompts.FALLBACK}; record them: prompts: {{{missing[0]}: {{{language}: {{file: …}}}}}}"
                )
                yield tenant.finding(("tenant", "languages", index), message)
