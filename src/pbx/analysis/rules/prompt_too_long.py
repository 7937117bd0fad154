from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

MENU, GREETING, ANY = 300, 450, 700
"""Letters: 20 s of a menu, 30 s before a beep, 45 s of anything, at the 15 letters a second of the usual voices."""

RULE = Rule(
    "prompt-too-long",
    "warning",
    "a text that takes longer to say than callers listen",
    reason="Nobody remembers the first key of a menu after twenty seconds, callers hang up before a beep "
    "that comes late, and in the middle of an announcement of a minute. Recordings are left alone: whoever spoke them "
    "has heard them.",
    wrong="""
prompts:
  said:
    ru-RU:
      say: "Здравствуйте. Вы позвонили в компанию, которая уже много лет делает всё, чтобы вам было хорошо. Если вы
        хотите узнать о новых товарах, нажмите один. Если вы хотите узнать о старых товарах, нажмите два. Если вы хотите
        узнать о товарах, которых ещё нет, нажмите три. Если вы хотите говорить с человеком, нажмите четыре."
ivrs:
  main: {prompt: prompt/said, keys: {"1": {to: user/anna}}, on_timeout: user/anna, on_invalid: user/anna}
""",
    right="""
prompts:
  said: {ru-RU: {say: "Вы позвонили в компанию. Новые товары, один. Оператор, два."}}
ivrs:
  main: {prompt: prompt/said, keys: {"1": {to: user/anna}}, on_timeout: user/anna, on_invalid: user/anna}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        uses: dict[str, tuple[int, str, str]] = {}
        for box in tenant.model.services.voicemails.values():
            if box.greeting is not None:
                uses[box.greeting] = (GREETING, f"the greeting of voicemail/{box.id}", "make it shorter")
        for menu in tenant.model.ivrs.values():
            uses[menu.prompt] = (MENU, f"the menu ivr/{menu.id}", "make it shorter, or lead on to another menu")
        for prompt in tenant.folder.ids("prompts"):
            most, who, how = uses.get(prompt, (ANY, "a prompt", "make it shorter"))
            for language, text in tenant.model.prompts[prompt].says.items():
                if len(text) > most:
                    said = f"takes about {len(text) // 15} s to say, and {who} is listened to for {most // 15}"
                    yield tenant.finding(("prompts", prompt, language, "say"), f"{said}; {how}")
