from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "language-never-heard",
    "warning",
    "a language of the tenant that no call ever has",
    reason="A call begins in the caller's own language when a colleague calls, else in the tenant's first; after that "
    "only a key of a menu changes it. A language that nothing leads to is recorded for nobody.",
    wrong="""
tenant:
  {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU, en-US]}
prompts:
  said: {ru-RU: {file: said.wav}, en-US: {file: said.wav}}
""",
    right="""
tenant:
  {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU, en-US]}
prompts:
  said: {ru-RU: {file: said.wav}, en-US: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    keys: {"1": {to: user/anna}, "9": {language: en-US, to: user/boris}}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        heard = {tenant.model.languages[0]}
        heard |= {user.languages[0] for user in tenant.model.users.values() if user.languages}
        heard |= {key.language for menu in tenant.model.ivrs.values() for key in menu.keys.values() if key.language}
        for index, language in enumerate(tenant.model.languages):
            if language not in heard:
                message = (
                    f"no call is ever in {language}; lead to it by a key of a menu (language: {language}), or take it "
                    "out here and in the prompts"
                )
                yield tenant.finding(("tenant", "languages", index), message)
