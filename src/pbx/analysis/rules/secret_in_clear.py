from __future__ import annotations

import re
from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule

RULE = Rule(
    "secret-in-clear",
    "error",
    "a password, key or token in the text of a file",
    reason="What is in Git is there for everybody who ever gets a copy, for ever; comments and names count too. The "
    "model names a secret, and its value lives in ansible-vault, sops or the environment. A value that was committed "
    "must be changed, not only taken out.",
    wrong="""
trunks:
  third: {proxy: "sip:third.example", addresses: ["203.0.113.10"]}   # the portal: user acme, password: Tr0ub4dor-3
""",
    right="""
trunks:
  third: {proxy: "sip:third.example", addresses: ["203.0.113.10"]}   # the portal: user acme, password in the vault
""",
)
# A word that announces a value, a sign of giving, a value that is no reference, no variable and no sentence.
_GIVEN = re.compile(
    r"""(?<![a-z])(?P<word>password|passwd|passphrase|пароль|secret|api[_-]?key|token|pin)["']?\s*[:=]\s*
        ["']?(?P<value>[^\s"'{}\[\],#]{4,})""",
    re.IGNORECASE | re.VERBOSE,
)
_WORDS = ("passw", "passphrase", "пароль", "secret", "key", "token", "pin")
_SHAPES = {
    "a private key": re.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']+:[^\s/@\"']+@"),
    "a token": re.compile(
        r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|glpat-[A-Za-z0-9_-]{20,}|xox[abpr]-[A-Za-z0-9-]{10,})"
    ),
}
_HINTS = ("PRIVATE KEY-----", "://", "AKIA", "gh", "glpat-", "xox")
LONG = 16  # from here on letters alone count as a value; shorter they are words of a sentence
_SECRET_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")  # {secret: trunk_mtt} names a secret
_MESSAGE = "stands here for everybody who reads the repository; change it, and write {secret: NAME} where it is needed"


def check(context: Context) -> Iterator[Finding]:
    for file, text in context.files.items():
        for offset, what in sorted(_found(text)):
            line = text.count("\n", 0, offset) + 1
            column = offset - text.rfind("\n", 0, offset)
            yield Finding(file, line, column, "", f"{what} {_MESSAGE}")


def _found(text: str) -> Iterator[tuple[int, str]]:
    low = text.lower()
    for found in _GIVEN.finditer(text) if any(word in low for word in _WORDS) else ():
        value = found["value"]
        if found["word"].lower() == "secret" and _SECRET_NAME.match(value):
            continue
        if value.isalpha() and len(value) < LONG:
            continue
        yield found.start("value"), f"a value after {found['word']}:"
    if any(hint in text for hint in _HINTS):
        for what, shape in _SHAPES.items():
            yield from ((found.start(), what) for found in shape.finditer(text))
