"""The schemas: plain words on every property, nothing an editor does not know, and the only place of defaults."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from unit.model import grammar_page

from pbx.model import build, objects, served, words
from pbx.model.load import load
from pbx.model.schemas import FOLDER, Node, alone, bundle, kinds_of, resolve
from pbx.model.yaml_events import parse

ROOT = Path(__file__).parents[3]
FILES = sorted(path.name for path in FOLDER.glob("*.schema.json"))
# of draft-07, and $defs; yaml-language-server knows these
KEYWORDS = {
    "$schema", "$ref", "$defs", "title", "description", "default", "examples", "type", "enum", "const", "if", "then",
    "else", "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "items", "minItems",
    "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "minProperties",
    "maxProperties",
}  # fmt: skip
OURS = {"x-refers-to", "x-destination", "x-kinds", "x-caller", "x-check", "x-built-in"}


def schemas(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("properties", "patternProperties", "$defs"):
        for name, inner in schema.get(key, {}).items():
            yield from schemas(inner, f"{path}/{key}/{name}")
    for key in ("additionalProperties", "propertyNames", "items", "if", "then", "else"):
        yield from schemas(schema.get(key), f"{path}/{key}")


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_a_schema(file: str) -> None:
    schema = json.loads((FOLDER / file).read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    for path, inner in schemas(schema, file):
        assert set(inner) <= KEYWORDS | OURS, path


@pytest.mark.parametrize("file", [file for file in FILES if file != "templates.schema.json"])
def test_everything_is_described_with_an_example_that_is_right(file: str) -> None:
    """Properties, items, values and names of keys; a file of many kinds is described by its title.

    The schema of templates is made of the others' words.
    """
    for path, schema in schemas(bundle()[file], file):
        if (path == file and "title" in schema) or {"if", "then", "else"} & set(path.split("/")):
            continue
        schema = {**schema.get("else", {}), **schema}  # as it is without a template
        what, example = grammar_page.split(resolve(schema)["description"])
        assert len(what.split()) >= 2, path
        validator = jsonschema_rs.validator_for(alone({key: schema[key] for key in schema if key != "description"}))
        for each in example.split(" or "):
            value = parse(each.encode()).value
            inner = value if not isinstance(value, dict) or len(value) != 1 else next(iter(value.values()))  # ID: {…}
            assert validator.is_valid(value) or validator.is_valid(inner), f"{path}: {each}"


def test_the_example_of_a_reference_is_of_its_kind() -> None:
    """An editor offers it."""
    for file in FILES:
        for path, schema in schemas(bundle()[file], file):
            if "x-refers-to" in schema:
                kinds = {str(example).partition("/")[0] for example in resolve(schema)["examples"]}
                assert kinds == set(schema["x-refers-to"]), path


def test_the_page_of_the_grammar_is_fresh() -> None:
    assert grammar_page.PAGE.read_text("utf-8") == grammar_page.page()


def test_the_whole_reference_grammar_is_described() -> None:
    kinds = {*kinds_of("tenant"), *kinds_of("site")}
    assert {"users", "queues", "voicemails", "conferences", "recordings", "webhooks", "lookups", "overrides"} <= kinds
    assert {"roles", "tests", "tariffs", "plans", "calendars", "outbound_routes", "class_of_service"} <= kinds


def test_all_references_inside_the_schemas_lead_somewhere() -> None:
    for file in FILES:
        for _, schema in schemas(bundle()[file], file):
            if "$ref" in schema:
                resolve(schema)


def test_everything_that_is_not_served_is_a_place_of_the_grammar() -> None:
    for place in served.NOT_SERVED:
        pattern, _, word = place.partition("=")
        plural, *steps = pattern.split(".")
        kind = {**kinds_of("site"), **kinds_of("tenant")}[plural]
        schema = kind.schema
        for step in steps if kind.shape == "single" else steps[1:]:
            full = resolve(schema)
            inner = full.get("properties", {}).get(step) if step != "*" else full.get("items")
            if inner is None and step == "*":
                inner = full["additionalProperties"]
            assert isinstance(inner, dict), place
            schema = inner
        if word:
            full = resolve(schema)
            assert word in (full.get("enum") or {"boolean": ["true", "false"]}[full["type"]]), place


def test_no_default_is_not_served() -> None:
    """A key that is refused when written may have a default; it is what the servers do."""
    assert load(ROOT / "examples").tenant_plain["romashka"]["ivrs"]["main"]["confidence"] == "0.5"


# --- defaults --------------------------------------------------------------------------------------------------------

MINIMAL: dict[str, Any] = {
    "users": {},
    "lists": {},
    "numbers": {"to": {"hang_up": True}},
    "ring_groups": {"members": ["user/x"], "on_no_answer": {"hang_up": True}},
    "ivrs": {"prompt": "prompt/x", "keys": {"1": {"to": "user/x"}}, "on_timeout": "user/x", "on_invalid": "user/x"},
    "trunks": {"proxy": "sip:x.example"},
    "outbound_routes": {"prefixes": ["+7"], "trunks": ["trunk/x"]},
    "announcements": {"prompt": "prompt/x"},
    "schedules": {"open": [{"days": ["MO"], "hours": ["09:00-18:00"]}]},
}
MAKERS: dict[str, Any] = {
    "users": build.user,
    "lists": build.caller_list,
    "numbers": build.number,
    "ring_groups": build.ring_group,
    "ivrs": build.ivr,
    "trunks": build.trunk,
    "outbound_routes": build.outbound_route,
    "announcements": build.announcement,
    "schedules": build.schedule,
}


def filled(plural: str, value: Any) -> Any:
    kind = kinds_of("tenant")[plural]
    assert kind.validator.is_valid(value)
    return kind.node.walk(value, (), [])


@pytest.mark.parametrize("plural", MINIMAL)
def test_defaults_come_from_the_schema(plural: str) -> None:
    """The least that may be written, filled from the schema, is what the dataclass says too where it has a default."""
    plain = filled(plural, MINIMAL[plural])
    if plural == "trunks":
        plain["key"] = "x"  # what `load` adds
    made = MAKERS[plural]("x", plain)
    for field in dataclasses.fields(made):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if default is not dataclasses.MISSING:
            assert getattr(made, field.name) == default, f"{plural}.{field.name}"


def test_defaults_of_a_device() -> None:
    plain = filled("users", {"devices": {"desk": {"type": "desk_phone"}}})
    assert build.device("desk", plain["devices"]["desk"]) == objects.Device("desk", "desk_phone", media="either")


def test_another_default_in_the_schema_is_another_value() -> None:
    """Nothing beside the schema fills a key in."""
    node = Node(properties={"ring_timeout": Node(silent=True)}, defaults=(("ring_timeout", "7s"),))
    assert node.walk({}, (), []) == {"ring_timeout": "7s"}
    plain = filled("ring_groups", MINIMAL["ring_groups"])
    del plain["ring_timeout"]
    with pytest.raises(KeyError):
        build.ring_group("x", plain)


def test_filling_leaves_the_written_value_as_it_is() -> None:
    written = {"devices": {"desk": {"type": "desk_phone"}}}
    filled("users", written)
    assert written == {"devices": {"desk": {"type": "desk_phone"}}}


# --- building --------------------------------------------------------------------------------------------------------


def test_a_document_survives_json() -> None:
    loaded = load(ROOT / "examples")
    site, tenants = json.loads(json.dumps([loaded.site_plain, loaded.tenant_plain]))
    assert build.model(site, tenants, loaded.revisions) == loaded.model


def test_building_needs_the_standard_library_only() -> None:
    """It runs on targets, where nothing else of the controller is."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import pbx.model.build\n"
        "print('\\n'.join({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"pbx"}


def test_conditions() -> None:
    o = objects
    assert build.condition({"caller": ["list/a", "+7495*", "+74951000100", "anonymous"]}) == o.CallerIs(
        lists=("a",), numbers=frozenset({"+74951000100"}), prefixes=("+7495",), anonymous=True
    )
    assert build.condition({"open": "schedule/a", "not": {"language": ["en-US"]}}) == o.AllOf(
        (o.Open(("a",)), o.Not(o.LanguageIs(frozenset({"en-US"}))))
    )
    assert build.condition({"any": [{"closed": ["schedule/a", "schedule/b"]}, {"number": "+74951000100"}]}) == o.AnyOf(
        (o.Closed(("a", "b")), o.NumberIs(frozenset({"+74951000100"})))
    )


@pytest.mark.parametrize(
    ("text", "value"), [("20s", 20.0), ("800ms", 0.8), ("10m", 600.0), ("24h", 86400.0), ("1d", 86400.0)]
)
def test_lengths_of_time(text: str, value: float) -> None:
    assert words.seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("ring_group/office", "ring_group", "office"),
        ("+79160000001", "outside", "+79160000001"),
        ({"reject": 603}, "reject", "603"),
        ({"hang_up": True}, "hang_up", ""),
    ],
)
def test_destinations(written: Any, kind: str, value: str) -> None:
    assert words.destination(written) == objects.Destination(kind, value)
