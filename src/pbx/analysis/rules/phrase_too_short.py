from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.speech.recognition.heard import syllables

RULE = Rule(
    "phrase-too-short",
    "warning",
    "a phrase of one syllable",
    reason="Over a telephone line recognisers take short words for each other and for noise (yes, no, two). Three "
    "syllables and more are understood best; a key is always there for the rest.",
    wrong="""
prompts:
  said: {ru-RU: {file: said.wav}}
ivrs:
  menu:
    prompt: prompt/said
    input: [keys, speech]
    keys: {"1": {phrases: {ru-RU: [да]}, to: user/anna}}
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
    keys: {"1": {phrases: {ru-RU: [отдел продаж]}, to: user/anna}}
    on_timeout: user/anna
    on_invalid: user/anna
numbers:
  "+74951000100": {to: ivr/menu}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for menu in tenant.model.ivrs.values():
            for key, entry in menu.keys.items():
                for language, phrases in entry.phrases.items():
                    for index, phrase in enumerate(phrases):
                        if syllables(phrase, language) <= 1:
                            place = ("ivrs", menu.id, "keys", key, "phrases", language, index)
                            message = f"{phrase!r} is one syllable, which is misheard; ask for a longer word"
                            yield tenant.finding(place, message)
