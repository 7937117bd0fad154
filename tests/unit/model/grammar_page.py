"""docs/reference/grammar.md, made from the schemas, the reference PBX and the list of what is not served.

`python tests/unit/model/grammar_page.py` writes it; test_grammar_page.py fails when it is stale.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pbx.model import served
from pbx.model.schemas import Kind, bundle, kinds_of, resolve

ROOT = Path(__file__).parents[3]
PROSE = Path(__file__).with_suffix(".md")
PAGE = ROOT / "docs/reference/grammar.md"
REFERENCE = ROOT / "tests/fixtures/reference"
Json = dict[str, Any]
CHAPTERS = {
    "The company": "tenant locations emergency users roles voicemails",
    "The way of a call": (
        "numbers flows schedules calendars overrides feature_codes parking lookups lists announcements ivrs "
        "ring_groups queues conferences prompts voices recordings"
    ),
    "The way out": "trunks outbound_routes class_of_service",
    "Money": "tariffs plans",
    "Beside the calls": "api_tokens webhooks tests",
}
SINGLE = ("tenant", "emergency", "feature_codes", "parking")
WORDS = (
    "id extension e164 number_or_range number_or_prefix prefix duration date clock hours weekday language timezone "
    "money fraction increment digit_count host sip_uri ip url reference secret"
)
FLOWS = """
Steps are gone through from top to bottom; the first whose [condition](#conditions) holds takes the call. A step without
`when` takes every call, so it is the last. A lookup, and a step with `otherwise: next`, go on to the next step.
Emergency calls come before every flow, the person's own forwarding comes last.
"""


def page() -> str:
    parts = {
        "kinds": ["| key | what it is | whose |", "|-|-|-|", *_index()],
        "facts": [served.FACTS],
        "conditions": list(_conditions()),
        "words": ["| type | what | example |", "|-|-|-|", *_words()],
        "chapters": list(_chapters()),
    }
    prose = PROSE.read_text("utf-8")
    return re.sub(r"@([a-z]+)@", lambda found: "\n".join(parts[found[1]]), prose).rstrip() + "\n"


def split(description: str) -> tuple[str, str]:
    """What a description says, and its example."""
    found = re.fullmatch(r"(.+?)[;.,] [Ff]or example (.+?)\.?", description, re.DOTALL)
    assert found, f"no example at its end: {description}"
    return found[1], found[2]


def _kinds() -> Iterator[tuple[str, Kind]]:
    known = {**kinds_of("site"), **kinds_of("tenant")}
    for plurals in CHAPTERS.values():
        for plural in plurals.split():
            yield plural, known[plural]


def _index() -> Iterator[str]:
    for plural, kind in _kinds():
        yield f"| [{plural}](#{plural}) | {_title(kind)} | {_owner(plural)} |"


def _chapters() -> Iterator[str]:
    kinds = dict(_kinds())
    for chapter, plurals in CHAPTERS.items():
        yield f"## {chapter}"
        for plural in plurals.split():
            yield from ("", *_section(kinds[plural]))
        yield ""


def _title(kind: Kind) -> str:
    return str(resolve(kind.schema)["title"]).partition(": ")[2]


def _owner(plural: str) -> str:
    owners = [folder for folder in ("tenant", "site") if plural in kinds_of(folder)]
    return " or ".join(owners)


def _section(kind: Kind) -> list[str]:
    schema = resolve(kind.schema)
    lines = [f"### {kind.plural}", "", f"{_title(kind)[:1].upper()}{_title(kind)[1:]}."]
    if issue := served.NOT_SERVED.get(kind.plural):
        lines[-1] += f" **Not served yet** ({issue})."
    if kind.plural == "flows":
        lines += FLOWS.rstrip().splitlines()
    lines += ["", "```yaml", *_written(kind), "```", "", "| key | type | default | what | example |", "|-|-|-|-|-|"]
    return [*lines, *_rows(schema, "", [kind.plural], {})]


def _written(kind: Kind) -> list[str]:
    """The kind as it stands in the reference PBX."""
    for file in sorted(REFERENCE.glob("*/*.yml")):
        lines = file.read_text("utf-8").splitlines()
        starts = [index for index, line in enumerate(lines) if line.startswith(f"{kind.plural}:")]
        if starts:
            end = next((i for i in range(starts[0] + 1, len(lines)) if re.match(r"\S", lines[i])), len(lines))
            block = lines[starts[0] : end]
            return block[: -1 if not block[-1] else None]
    return [f"{kind.plural}:", f"  {split(resolve(kind.schema)['description'])[1]}"]


def _rows(schema: Json, prefix: str, way: list[str], seen: dict[str, str]) -> Iterator[str]:
    """A row for each key, and for what stands in it; `way` is the place as the list of what is not served has it."""
    full = resolve(schema)
    if full.get("type") == "array" and "properties" in resolve(full["items"]):
        yield from _rows(full["items"], f"{prefix}[].", [*way, "*"], seen)
        return
    if full.get("type") == "object" and "properties" not in full and isinstance(full.get("additionalProperties"), dict):
        yield from _named(full, prefix, way, seen)
        return
    start = [*way, "*"] if len(way) == 1 and not prefix and way[0] not in SINGLE else way
    for name, inner in full.get("properties", {}).items():
        if name == "use":  # told once for all
            continue
        yield from _row(full, name, inner, prefix, [*start, name], seen)


def _named(full: Json, prefix: str, way: list[str], seen: dict[str, str]) -> Iterator[str]:
    """A mapping of names: its values' keys, or one row when they are plain."""
    inner = full["additionalProperties"]
    start = [*way, "*"] if len(way) == 1 and not prefix else way
    name = {"id": "ID", "language": "LANGUAGE", "key": "KEY"}.get(_type(full.get("propertyNames", {})), "NAME")
    if "properties" in resolve(inner):
        for key, each in resolve(inner)["properties"].items():
            yield from _row(resolve(inner), key, each, f"{prefix}{name}.", [*start, "*", key], seen)


def _row(owner: Json, name: str, schema: Json, prefix: str, way: list[str], seen: dict[str, str]) -> Iterator[str]:
    full = resolve(schema)
    what, example = split(full["description"])
    issue = served.NOT_SERVED.get(".".join(way), "")
    if issue:
        what += f". **Not served yet** ({issue})"
    elif words := [(word, served.NOT_SERVED[place]) for word in _choices(full) for place in _places(way, word)]:
        what += "; " + ", ".join(f"`{word}` is **not served yet** ({issue})" for word, issue in words)
    default = f"`{_yaml(full['default'])}`" if "default" in full else _required(owner, name)
    key, inside = f"{prefix}{name}", _inside(full)
    known = seen.get(inside)
    more = f", its keys as of `{known}`" if known else ""
    yield f"| `{key}` | {_type(full)}{more} | {default} | {_cell(what)} | `{_cell(example)}` |"
    if inside and not known:
        seen[inside] = key
        if full.get("type") == "array":
            yield from _rows(full, key, way, seen)
        else:
            yield from _rows(full, f"{key}.", way, seen)


def _inside(full: Json) -> str:
    """What makes two keys have the same keys in them; empty when they have none that are shown."""
    if (
        full.get("x-destination")
        or full.get("title", "").startswith("Condition")
        or "secret" in full.get("properties", {})
    ):
        return ""
    item = resolve(full["items"]) if isinstance(full.get("items"), dict) else full
    if isinstance(item.get("additionalProperties"), dict):
        item = resolve(item["additionalProperties"])
    return repr(sorted(item["properties"])) if "properties" in item and not item.get("x-destination") else ""


def _places(way: list[str], word: str) -> list[str]:
    return [place for place in (f"{'.'.join(way)}={word}", f"{'.'.join(way)}.*={word}") if place in served.NOT_SERVED]


def _choices(full: Json) -> list[str]:
    if full.get("type") == "boolean":
        return ["true", "false"]
    inner = resolve(full["items"]) if isinstance(full.get("items"), dict) else full
    return [str(word) for word in inner.get("enum", [])]


def _required(owner: Json, name: str) -> str:
    if name in owner.get("required", []):
        return "**required**"
    condition = owner.get("if", {})
    with_ = ", ".join(condition.get("required", []))
    words = {key: value["const"] for key, value in condition.get("properties", {}).items() if "const" in value}
    if words:
        with_ = " and ".join(f"{key}: {value}" for key, value in words.items())
    if name in owner.get("then", {}).get("required", []):
        return f"required with `{with_}`"
    if name in owner.get("else", {}).get("required", []):
        return f"required without `{with_}`"
    return ""


def _type(full: Json) -> str:
    """The type in a word or two."""
    full = resolve(full)
    if full.get("x-destination"):
        kinds = full.get("x-kinds")
        return (
            " or ".join([*(f"`{kind}/ID`" for kind in kinds), "E.164 number"])
            if kinds
            else "[destination](#destinations)"
        )
    if str(full.get("title", "")).startswith("Condition"):
        return "[condition](#conditions)"
    types = full.get("type", "")
    if isinstance(types, list) and "array" in types:
        single = {key: value for key, value in full.items() if key not in ("type", "items")} | {"type": "string"}
        return f"{_type(single)}, or a list"
    if "x-refers-to" in full:
        return " or ".join(f"`{kind}/ID`" for kind in full["x-refers-to"])
    if "secret" in full.get("properties", {}) and len(full["properties"]) == 1:
        return "secret"
    if "enum" in full:
        return " · ".join(f"`{word}`" for word in full["enum"])
    if types == "array":
        return f"list: {_type(full['items'])}"
    if types == "integer":
        return f"{full['minimum']} to {full['maximum']}" if "maximum" in full else "whole number"
    if (
        types == "object"
        and "type" in (inner := resolve(full.get("additionalProperties") or {}))
        and "properties" not in inner
    ):
        names = _type(full["propertyNames"]) if "propertyNames" in full else "name"
        return f"mapping: {names} → {_type(inner)}"
    if "title" in full:
        return str(full["title"]).removeprefix("an ").removeprefix("a ")
    return {"boolean": "`true` · `false`", "string": "text", "object": "mapping"}.get(str(types), "value")


def _conditions() -> Iterator[str]:
    schema = bundle()["condition.schema.json"]
    yield from ("| key | type | holds when | example |", "|-|-|-|-|")
    facts = next(iter(schema["patternProperties"].values()))
    rows = [*schema["properties"].items(), ("NAME.FACT", {**facts, "type": "string", "title": "text, or a list"})]
    for name, inner in rows:
        full = resolve(inner)
        what, example = split(full["description"])
        if issue := served.FACTS if name == "NAME.FACT" else served.CONDITIONS.get(name, ""):
            what += f". **Not served yet** ({issue})"
        kind = "list of conditions" if name == "any" else "condition" if name == "not" else _type(full)
        yield f"| `{name}` | {kind} | {_cell(what)} | `{_cell(example)}` |"


def _words() -> Iterator[str]:
    words = bundle()["common.schema.json"]["$defs"]
    for name in WORDS.split():
        full = resolve(words[name])
        what, example = split(full["description"])
        yield f"| {'secret' if name == 'secret' else _type(full)} | {_cell(what)} | `{_cell(example)}` |"


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_yaml(inner) for inner in value)}]"
    return "{}" if value == {} else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
