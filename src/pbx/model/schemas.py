"""The JSON Schemas as the loader uses them: one validator a kind, and a tree that fills defaults and finds references.

The files are written for editors, linked by relative `$ref`; here they become one document with all files under
`$defs`, so that no reference leaves it. Own annotations: `x-refers-to` (kinds of a `kind/id`), `x-destination` (with
`x-kinds` where not every kind fits), `x-caller`, `x-check` (a check that a pattern cannot say).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs

from pbx.model.problems import Path as ValuePath

FOLDER = Path(__file__).parent / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
Found = list[tuple[ValuePath, Any, "Node"]]


@dataclass(slots=True)
class Node:
    """What one place of a schema asks of a walk: defaults to fill, values to look at."""

    properties: dict[str, Node] = field(default_factory=dict)
    extra: Node | None = None  # of keys that have no name in the schema
    names: Node | None = None  # of the keys themselves, when something is asked of them
    items: Node | None = None
    defaults: tuple[tuple[str, Any], ...] = ()
    refers_to: tuple[str, ...] = ()
    destination: bool = False
    kinds: tuple[str, ...] = ()  # of a destination; empty: every kind that takes calls
    caller: bool = False
    check: str = ""
    language: bool = False
    looked_at: bool = False
    silent: bool = False  # a scalar that nothing is asked of

    def walk(self, value: Any, path: ValuePath, found: Found) -> Any:
        """A copy of a valid value with every default filled in; values to look at are added to `found`."""
        if self.looked_at and not isinstance(value, list):
            found.append((path, value, self))
        if isinstance(value, dict):
            out: dict[str, Any] = {}
            for key, inner in value.items():
                if self.names is not None:
                    found.append(((*path, key), key, self.names))
                node = self.properties.get(key) or self.extra
                out[key] = inner if node is None or node.silent else node.walk(inner, (*path, key), found)
            for key, default in self.defaults:
                if key not in out:
                    node = self.properties[key]
                    out[key] = node.walk(default, (*path, key), [])
            return out
        if isinstance(value, list):
            node = self.items
            if node is None:
                return list(value)
            return [node.walk(inner, (*path, index), found) for index, inner in enumerate(value)]
        return value


@dataclass
class Kind:
    """A kind of the grammar: `users` of `user/ID`."""

    plural: str
    singular: str
    shape: str  # mapping | single | list
    schema: dict[str, Any]  # with a $ref into the bundle
    id_schema: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def validator(self) -> Any:
        return jsonschema_rs.validator_for(self.whole())

    @cached_property
    def id_validator(self) -> Any:
        return jsonschema_rs.validator_for(alone(self.id_schema))

    @cached_property
    def node(self) -> Node:
        return _node(self.schema)

    def whole(self) -> dict[str, Any]:
        """The schema as one document that refers to nothing outside."""
        return alone(self.schema)


@cache
def bundle() -> dict[str, Any]:
    """File name → schema, with each $ref pointing into the one document."""
    return {
        path.name: _inward(json.loads(path.read_text("utf-8")), path.name)
        for path in sorted(FOLDER.glob("*.schema.json"))
    }


def alone(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the files that it leads to: each one more makes a validator slower to build."""
    needed: set[str] = set()
    queue = _files_in(schema)
    while queue:
        file = queue.pop()
        if file not in needed:
            needed.add(file)
            queue |= _files_of(file)
    return {**schema, "$schema": DRAFT, "$defs": {file: bundle()[file] for file in sorted(needed)}}


@cache
def _files_of(file: str) -> frozenset[str]:
    return frozenset(_files_in(bundle()[file]))


def _files_in(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {file for inner in schema for file in _files_in(inner)}
    if not isinstance(schema, dict):
        return set()
    reference = schema.get("$ref")
    named = {reference.split("/")[2]} if isinstance(reference, str) else set()
    return named.union(*(_files_in(inner) for inner in schema.values()))


def _inward(schema: Any, file: str) -> Any:
    if isinstance(schema, list):
        return [_inward(item, file) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _inward(value, file) for key, value in schema.items() if key != "$schema"}
    reference = out.get("$ref")
    if isinstance(reference, str):
        name, _, inside = reference.partition("#")
        out["$ref"] = f"#/$defs/{name or file}{inside}"
    return out


@cache
def kinds_of(folder: str) -> dict[str, Kind]:
    """Kinds of a tenant's or the site's folder (`tenant` | `site`), by their key at the top of a file."""
    out: dict[str, Kind] = {}
    for plural, schema in bundle()[f"{folder}.schema.json"]["properties"].items():
        if plural in ("version", "templates"):
            continue
        if "propertyNames" in schema:
            item = _whole(schema["additionalProperties"])
            out[plural] = Kind(plural, _singular(item), "mapping", item, schema["propertyNames"])
        elif schema.get("type") == "array":
            item = _whole(schema["items"])
            out[plural] = Kind(plural, _singular(item), "list", item)
        else:
            out[plural] = Kind(plural, plural, "single", _whole(schema))
    return out


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Editors meet objects before their templates are put below them: `if` one has `use`, nothing else is required."""
    whole: dict[str, Any] = schema.get("else", schema)
    return whole


@cache
def template_kinds() -> dict[str, Kind]:
    """Kinds whose objects may use templates, by their plural; the schema is a template's, where no key is required."""
    listed = bundle()["templates.schema.json"]["properties"].items()
    return {
        plural: Kind(plural, _singular(schema["additionalProperties"]), "mapping", schema["additionalProperties"])
        for plural, schema in listed
    }


@cache
def plural_of() -> dict[str, str]:
    """`user` → `users`, over both folders."""
    kinds = [*kinds_of("site").values(), *kinds_of("tenant").values()]
    return {kind.singular: kind.plural for kind in kinds}


def _singular(item: dict[str, Any]) -> str:
    return str(item["$ref"]).rpartition("/$defs/")[2].removesuffix(".schema.json")


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what its $ref points to; its own words win."""
    seen = schema
    while "$ref" in seen:
        target: Any = {"$defs": bundle()}
        for part in seen["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        seen = {**target, **{key: value for key, value in seen.items() if key != "$ref"}}
    return seen


def at(schema: dict[str, Any], path: ValuePath) -> dict[str, Any]:
    """The schema of what stands at a path inside a value; {} where the schema does not say."""
    for step in path:
        full = resolve(schema)
        inner = full.get("items") if isinstance(step, int) else full.get("properties", {}).get(step)
        inner = inner if inner is not None else full.get("additionalProperties")
        schema = inner if isinstance(inner, dict) else {}
    return schema


_made: dict[str, Node] = {}


def _node(schema: dict[str, Any]) -> Node:
    """The walk's view of a schema; made once for each $ref without words of its own (conditions hold conditions)."""
    key = schema["$ref"] if "$ref" in schema and set(schema) <= {"$ref", "description"} else ""
    if key and key in _made:
        return _made[key]
    node = Node()
    if key:
        _made[key] = node
    full = resolve(schema)
    node.refers_to = tuple(full.get("x-refers-to", ()))
    node.destination = bool(full.get("x-destination"))
    node.kinds = tuple(full.get("x-kinds", ()))
    node.caller = bool(full.get("x-caller"))
    node.check = str(full.get("x-check", ""))
    node.language = full.get("title") == "a language"
    node.properties = {name: _node(inner) for name, inner in full.get("properties", {}).items()}
    node.defaults = tuple(
        (name, resolve(inner)["default"])
        for name, inner in full.get("properties", {}).items()
        if "default" in resolve(inner)
    )
    extra = full.get("additionalProperties")
    node.extra = _node(extra) if isinstance(extra, dict) else None
    names = full.get("propertyNames")
    node.names = _node(names) if isinstance(names, dict) and _node(names).looked_at else None
    items = full.get("items")
    node.items = _node(items) if isinstance(items, dict) else None
    node.looked_at = bool(node.refers_to or node.destination or node.caller or node.check or node.language)
    node.silent = not (node.looked_at or {"object", "array"} & set(_types(full)))
    return node


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", ["object", "array"])
    return [types] if isinstance(types, str) else list(types)
