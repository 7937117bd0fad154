from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

MENU, ANY = 300, 700
"""Letters: 20 s of a menu, 45 s of anything, at the 15 letters a second that the usual voices speak."""

RULE = Rule(
    "prompt-too-long",
    "warning",
    "a text that takes longer to say than callers listen",
    reason="Nobody remembers the first key of a menu after twenty seconds, and callers hang up in the middle of an "
    "announcement of a minute. Recordings are left alone: whoever spoke them has heard them.",
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
        menus = {menu.prompt: menu.id for menu in tenant.model.ivrs.values()}
        for prompt in tenant.folder.ids("prompts"):
            most = MENU if prompt in menus else ANY
            for language, text in tenant.model.prompts[prompt].says.items():
                if len(text) > most:
                    who, how = (
                        (f"the menu ivr/{menus[prompt]}", "make it shorter, or lead on to another menu")
                        if prompt in menus
                        else ("a prompt", "make it shorter")
                    )
                    said = f"takes about {len(text) // 15} s to say, and {who} is listened to for {most // 15}"
                    yield tenant.finding(("prompts", prompt, language, "say"), f"{said}; {how}")
