"""Files of a model spoiled by chance: bytes, words, lines, the tree of values. The same seed spoils the same way."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

WORDS = [
    "true", "~", "-1", "99999999999999999999", "[]", "{}", "[[]]", "{a: {b: c}}", '""', '"+7"', "user/", "/x", "*x",
    "&x", "!x", "<<", "flow/main", "{from: crm.owner}", "{reject: 603}", "\t", "'", '"', "- ", "?", "|", "\x00", "no",
    "0s", "99999999d", "2026-02-30", '"24:00-24:00"', "system-x", "trunk/mtt", "x" * 300, "+74951000100..+74951000199",
    "use:", "templates:", "pbx/v2", "\u2028", "\ufeff", "%YAML 1.1", "---", "...", "# pbx: allow x y", "\x1b[31m",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 10**17, "", "x", "no", "+7", "+74951000100", "user/ivanov", "user/", "flow/main",
    "ivr/main", "queue/sales", "20s", "-1s", "0101", "9" * 400, "*", "#", "MO", "24:00-24:00", "09:00-18:00",
    "2026-02-30", "Europe/Moskow", "DTSTART:20260101T000000\nRRULE:FREQ=DAILY",
    "RRULE:FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2",
    "a\nb\x1b",
    [], [[]], [None], ["x", "x"], {}, {"": ""}, {"x": None}, {"use": "x"}, {"secret": "x"}, {"from": "crm.owner"},
    {"hang_up": True}, {"reject": 603}, {"not": {"not": {}}}, {"any": [{}]}, {"closed": "schedule/office"},
    {"file": "../x"},
    {"say": "{hours.open}"}, {"say": "x" * 5000},
]  # fmt: skip


def mutated(data: bytes, value: Any, chance: random.Random) -> bytes:
    """One file spoiled once to three times; `value` is what it says."""
    level = chance.choice([_bytes, _words, _words, _lines, None, None, None])
    if level is None:
        tree = json.loads(json.dumps(value))
        for _ in range(chance.randint(1, 3)):
            _tree(tree, chance)
        return json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
    for _ in range(chance.randint(1, 3)):
        data = level(data, chance)
    return data


def _bytes(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data) + 1), chance.randint(1, 30)
    kinds: list[Callable[[], bytes]] = [
        lambda: data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
        lambda: data[:at] + data[at + length :],
        lambda: data[:at] + data[at : at + length] * chance.randint(2, 50) + data[at:],
        lambda: data[:at],
        lambda: data[:at] + chance.randbytes(length) + data[at:],
        lambda: data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :] if at < len(data) else data,
    ]
    return chance.choice(kinds)()


def _words(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    kind = chance.randrange(4)
    if kind == 0:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(WORDS) + text[at:]
    elif kind == 1 and (two := re.findall(r"\{[^{}]*\}|\[[^\[\]]*\]", text)):
        text = text.replace(chance.choice(two), chance.choice(two), 1)
    elif words := list(re.finditer(r"[\w+/.\"-]+", text)):
        word, other = chance.choice(words), chance.choice(words)
        text = text[: word.start()] + (chance.choice(WORDS) if kind == 2 else other.group()) + text[word.end() :]
    return text.encode("utf-8", "replace")


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        del lines[one : one + chance.randint(1, 5)]
    elif kind == 2:
        lines.insert(one, lines[other])
    else:
        lines[one] = b" " * chance.randint(1, 6) + lines[one].lstrip()
    return b"\n".join(lines)


def _tree(tree: Any, chance: random.Random) -> None:
    """One place of the tree is replaced, taken out, renamed, doubled, wrapped, or gets what stands at another."""
    places = [(tree, key) for key in tree] if isinstance(tree, dict) else []
    at = 0
    while at < len(places):
        container, step = places[at]
        inner = container[step]
        places += [(inner, key) for key in (inner if isinstance(inner, dict) else range(len(inner)))] if isinstance(
            inner, (dict, list)
        ) else []  # fmt: skip
        at += 1
    if not places:
        return
    container, step = chance.choice(places)
    other_container, other_step = chance.choice(places)
    other = json.loads(json.dumps(other_container[other_step]))
    kind = chance.randrange(7)
    if kind <= 1:
        container[step] = chance.choice(VALUES)
    elif kind == 2:
        container[step] = other
    elif kind == 3:
        del container[step]
    elif kind == 4 and isinstance(container, dict):
        container[chance.choice(["x", "use", "to", "when", "", str(other_step), f"{step}s"])] = container.pop(step)
    elif kind == 5:
        container[step] = chance.choice([[container[step]], {"x": container[step]}, [container[step]] * 3])
    elif isinstance(container, list):
        container.append(other)
    else:
        container[str(other_step)] = other
