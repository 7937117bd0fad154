"""Each object against its schema: fast acceptance, and on refusal messages that say what would be right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pbx.model.folder import Folder
from pbx.model.problems import Path as ValuePath
from pbx.model.problems import did_you_mean, one_of
from pbx.model.schemas import Found, Kind, resolve
from pbx.model.schemas import at as schema_at

Plain = dict[str, Any]
MOST = 1000  # mistakes of a folder that are explained
SECRETS = ("secret", "password", "pin", "moderator_pin", "first_pin", "sign_with")  # keys whose value is never shown


def check(folder: Folder) -> tuple[Plain, Found]:
    """The folder's valid objects with defaults filled in, and the values in them that other rules look at.

    Objects that are not right are reported and left out, so that later rules meet only valid ones.
    """
    plain: Plain = {}
    found: Found = []
    for kind in folder.kinds.values():
        valid: dict[str, Any] = {}
        for entry_id, entry in folder.ids(kind.plural).items():
            path: ValuePath = (kind.plural,) if kind.shape == "single" else (kind.plural, entry_id)
            if entry.unclear:
                continue
            if len(folder.problems) >= MOST:
                return _too_many_mistakes(folder, path)
            if kind.id_schema and not kind.id_validator.is_valid(entry_id):
                folder.report(path, f'"{entry_id}" {_is_no(resolve(kind.id_schema))}')
            elif kind.validator.is_valid(entry.value):
                valid[entry_id] = kind.node.walk(entry.value, path, found)
            else:
                for rest, message in mistakes(kind, entry.value):
                    layer = entry.layer(rest)
                    if layer is not None and rest in layer.entry.told:
                        continue
                    folder.report((*path, *rest), message)
        if valid:
            plain[kind.plural] = valid[""] if kind.shape == "single" else valid
    return plain, found


def _too_many_mistakes(folder: Folder, path: ValuePath) -> tuple[Plain, Found]:
    """A file that is wrong all over, as one of another program is: telling more would take minutes and help nobody."""
    folder.report(path, f"{MOST} mistakes are told, and what stands from here on is not looked at; mend those first")
    folder.broken = True
    return {}, []


def mistakes(kind: Kind, value: Any) -> Iterator[tuple[ValuePath, str]]:
    """Every mistake of one object, or of a template, as (path in it, message)."""
    if kind.validator.is_valid(value):
        return
    from jsonschema import Draft202012Validator  # only on refusal: it costs 0.1 s to import
    from jsonschema.exceptions import best_match

    for error in Draft202012Validator(kind.whole()).iter_errors(value):
        best = best_match([error]) if error.context else error
        yield from _explained(kind, best or error)


def _explained(kind: Kind, error: Any) -> Iterator[tuple[ValuePath, str]]:
    path: ValuePath = tuple(error.absolute_path)
    schema, value, rule = error.schema, error.instance, error.validator
    if rule == "additionalProperties":
        names = [*schema.get("properties", {})]
        for key in value:
            if key not in names and not _pattern_key(schema, key):
                hint = did_you_mean(key, names) or f"; known are {', '.join(names)}"
                yield (*path, key), f"unknown key{hint}"
    elif rule == "required":
        yield from ((path, _missing(kind, path, name)) for name in error.validator_value if name not in value)
    elif any(step in SECRETS for step in path):
        yield path, _no_secret(path)
    elif rule == "enum":
        allowed = [str(item) for item in error.validator_value]
        hint = _longer_word(str(value), allowed) or did_you_mean(str(value), allowed)
        yield path, f"{_written(value)} is not one of {', '.join(allowed)}{hint}"
    elif rule == "pattern":
        name = error.absolute_schema_path[-2] if error.absolute_schema_path else ""
        at = (*path, value) if name == "propertyNames" else path
        here = {} if at != path else resolve(schema_at(kind.schema, path))  # its own example says more
        yield at, f'"{value}" {_is_no({**schema, **{key: here[key] for key in here if key == "examples"}})}'
    elif rule == "type":
        yield path, _wrong_type(value, schema)
    else:
        yield path, _bound(rule, error.validator_value, value, error.message)


def _no_secret(path: ValuePath) -> str:
    """A value that may be a secret is not repeated: what is said here stands in logs of CI."""
    if path[-1] == "secret" and path[-2:-1] and path[-2] in SECRETS:
        return "this is no name of a secret; right would be small letters, digits and _, such as trunk_mtt"
    wanted = "derived" if path[-1] == "secret" else "{secret: NAME}"
    return f"a secret has only its name here, never its value; write {path[-1]}: {wanted}"


def _longer_word(value: str, allowed: list[str]) -> str:
    """`monday` for MO, `Simultaneous` for simultaneous."""
    near = next((word for word in allowed if value.casefold().startswith(word.casefold())), "")
    return f'; did you mean "{near}"?' if near else ""


def _pattern_key(schema: dict[str, Any], key: str) -> bool:
    import re

    return any(re.search(pattern, key) for pattern in schema.get("patternProperties", {}))


def _missing(kind: Kind, path: ValuePath, name: str) -> str:
    """What a missing key says, in the words of its schema (which may stand outside of an `if`)."""
    words = str(resolve(schema_at(kind.schema, (*path, name))).get("description", "")).rstrip(".")
    return f"{name} is missing: {words[:1].lower()}{words[1:]}" if words else f"{name} is missing"


def _is_no(schema: dict[str, Any]) -> str:
    """`is no E.164 number; right would be "+74951000100"`."""
    title = schema.get("title", "of the right form").removeprefix("an ").removeprefix("a ")
    examples = [_written(example) for example in schema.get("examples", [])][:4]
    if not examples:
        return f"is no {title}"
    return f"is no {title}; right would be {one_of(examples)}"


def _wrong_type(value: Any, schema: dict[str, Any]) -> str:
    wanted = schema.get("type", "another type")
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if isinstance(value, int) and not isinstance(value, bool) and "string" in names:
        if str(schema.get("pattern", "")).startswith(r"^\+"):
            return f'{value} is a number here; write it as text, from its plus on: "+{value}"'
        return f'{value} is a number here; quote it: "{value}"'
    if names == ["boolean"] and str(value).lower() in _TRUTH:
        return f"{_written(value)} is a text here; write {_TRUTH[str(value).lower()]}"
    if value is None:
        return f"has no value; it is {_type_words(names, schema)}"
    if isinstance(value, str) and "array" in names and "string" not in names:
        return f'"{value}" is not a list; write it in brackets: [{value}]'
    if isinstance(value, dict) and "array" in names:
        return "one thing stands here without a list; put - before it, or brackets around it: [{…}]"
    return f"{_written(value)} is not right here; it is {_type_words(names, schema)}"


_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _type_words(names: list[str], schema: dict[str, Any]) -> str:
    if "title" in schema and "string" in names:
        examples = [_written(example) for example in schema.get("examples", [])]
        return f"{schema['title']}, for example {examples[0]}" if examples else str(schema["title"])
    return " or ".join(_TYPES.get(name, name) for name in names)


def _bound(rule: str, limit: Any, value: Any, message: str) -> str:
    words = {
        "minimum": f"{value} is too small; at least {limit}",
        "maximum": f"{value} is too large; at most {limit}",
        "minItems": f"has {_counted(value)}; write at least {limit}",
        "maxItems": f"has {_counted(value)}; at most {limit} may stand here",
        "minLength": "is empty; write something",
        "maxLength": f"is too long; at most {limit} characters",
        "minProperties": "is empty; write at least one key",
        "maxProperties": _too_many(value, limit),
        "uniqueItems": "has the same item twice; take one out",
        "const": f"{_written(value)} is not right here; it is {_written(limit)}",
    }
    return words.get(rule, message[:200])


def _counted(value: Any) -> str:
    count = len(value) if isinstance(value, list) else 0
    return f"{count or 'no'} item{'' if count == 1 else 's'}"


def _too_many(value: Any, limit: int) -> str:
    keys = list(value) if isinstance(value, dict) else []
    if limit == 1:
        return f"says {' and '.join(keys[:3])}; say one of them"
    return f"has {len(keys)} keys; at most {limit} may stand here"


def _written(value: Any) -> str:
    """A value as a person would write it in YAML."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(inner)}" for key, inner in list(value.items())[:3]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(inner) for inner in value[:3]) + "]"
    return f'"{value[:80]}"' if isinstance(value, str) else str(value)
