from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.speech.recognition.heard import normalised

RULE = Rule(
    "phrase-twice",
    "error",
    "one phrase means two keys",
    reason="Who says it is led by the later key; the other cannot be reached by voice. Letters, signs and ё make no "
    "difference: a recogniser hears words.",
    wrong="""
prompts:
  said: {ru-RU: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    input: [keys, speech]
    keys:
      "1": {phrases: {ru-RU: [отдел продаж]}, to: user/anna}
      "2": {phrases: {ru-RU: [Отдел продаж!]}, to: user/boris}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
    right="""
prompts:
  said: {ru-RU: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    input: [keys, speech]
    keys:
      "1": {phrases: {ru-RU: [отдел продаж]}, to: user/anna}
      "2": {phrases: {ru-RU: [техподдержка]}, to: user/boris}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for menu in tenant.model.ivrs.values():
            first: dict[tuple[str, str], str] = {}
            for key, entry in menu.keys.items():
                for language, phrases in entry.phrases.items():
                    for index, phrase in enumerate(phrases):
                        before = first.setdefault((language, normalised(phrase)), key)
                        if before != key:
                            place = ("ivrs", menu.id, "keys", key, "phrases", language, index)
                            message = f"{phrase!r} means key {before} already; give each key phrases of its own"
                            yield tenant.finding(place, message)
