from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model import system_prompts

RULE = Rule(
    "missing-language",
    "warning",
    "a language in which the PBX itself cannot speak",
    reason="The built-in prompts (a wrong key, a barred number, press 1 to take the call) are there in some languages. "
    "In any other they are said in English, in the middle of a call in another language. Prompts of the tenant itself "
    "must be there in each of its languages: `pbx validate` refuses them otherwise.",
    wrong="""
prompts:
  said: {de-DE: {file: said.wav}}
  system-barred: {de-DE: {file: said.wav}}
tenant: {id: acme, name: Acme, domain: acme.example, country: DE, timezone: Europe/Berlin, languages: [de-DE]}
""",
    right="""
prompts:
  said: {en-GB: {file: said.wav}}
tenant: {id: acme, name: Acme, domain: acme.example, country: DE, timezone: Europe/Berlin, languages: [en-GB]}
""",
)
SHOWN = 3


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        own = tenant.folder.ids("prompts")
        for index, language in enumerate(tenant.model.languages):
            missing = [name for name in system_prompts.texts() if name not in own and _is_foreign(name, language)]
            if missing:
                more = " and others" if len(missing) > SHOWN else ""
                what = f"{', '.join(missing[:SHOWN])}{more} {'is' if len(missing) == 1 else 'are'}"
                message = (
                    f"{what} not there in {language} and said in {system_prompts.FALLBACK}; say them: "
                    f"prompts: {{{missing[0]}: {{{language}: {{say: …}}}}}}"
                )
                yield tenant.finding(("tenant", "languages", index), message)


def _is_foreign(prompt: str, language: str) -> bool:
    return system_prompts.language_of(prompt, language)[:2] != language[:2]
