from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "language-without-phrases",
    "warning",
    "a menu listens and has nothing to hear in a language of the tenant",
    reason="Callers who hear the menu in that language may be asked to speak, and have keys alone. With direct_dial "
    "the names of people may be said in any language.",
    wrong="""
tenant:
  {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU, en-US]}
prompts:
  said: {ru-RU: {file: said.wav}, en-US: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    input: [keys, speech]
    keys: {"1": {phrases: {ru-RU: [отдел продаж]}, to: user/anna}, "9": {language: en-US, to: ivr/menu}}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
    right="""
tenant:
  {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU, en-US]}
prompts:
  said: {ru-RU: {file: said.wav}, en-US: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    input: [keys, speech]
    keys:
      "1": {phrases: {ru-RU: [отдел продаж], en-US: [sales department]}, to: user/anna}
      "9": {language: en-US, to: ivr/menu}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for menu in tenant.model.ivrs.values():
            if "speech" not in menu.input or menu.direct_dial:
                continue
            heard = {language[:2] for entry in menu.keys.values() for language in entry.phrases}
            missing = [language for language in tenant.model.languages if language[:2] not in heard]
            if missing:
                message = f"no key has phrases in {', '.join(missing)}; add some, or take speech out of input"
                yield tenant.finding(("ivrs", menu.id, "input"), message)
