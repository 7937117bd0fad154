"""schemas/templates.schema.json, made from the other schemas: templates, and objects that use some, require no key.

`python tests/unit/model/template_schema.py` writes it; test_templates.py fails when it is stale. Editors and the
loader read it. What stands in a list is whole, for lists are not merged.
"""

import json
import re
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[3] / "schemas"
FILE = SCHEMAS / "templates.schema.json"
NOT = ("version", "templates", "flows", "prompts", "voices")  # a flow is a list, the others are by language
DROPPED = ("$schema", "required", "if", "then", "else", "minProperties", "$defs")
Json = dict[str, Any]


def made() -> str:
    definitions: Json = {}
    kinds: Json = {}
    for file in ("tenant", "site"):
        top = json.loads((SCHEMAS / f"{file}.schema.json").read_text("utf-8"))["properties"]
        for plural, schema in top.items():
            if plural in NOT or plural in kinds:
                continue
            used = (schema.get("additionalProperties") or schema.get("items") or schema)["else"]["$ref"]
            kinds[plural] = {
                "type": "object",
                "description": f"Templates of {plural}, by name; for example usual: {_example(used, file)}.",
                "propertyNames": {"$ref": "common.schema.json#/$defs/id"},
                "additionalProperties": _reference(used, f"{file}.schema.json", definitions),
            }
    return _text(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Templates by kind and name; made by tests/unit/model/template_schema.py",
            "type": "object",
            "properties": kinds,
            "additionalProperties": False,
            "$defs": definitions,
        }
    )


def _example(reference: str, file: str) -> str:
    """A whole object of the kind, which is a template as well."""
    name, _, inside = reference.partition("#")
    schema = json.loads((SCHEMAS / (name or f"{file}.schema.json")).read_text("utf-8"))
    words = (schema["$defs"][inside.rpartition("/")[2]] if inside else schema)["description"]
    return re.sub(r"^[^ {]+: ", "", str(words.rpartition("or example ")[2].removesuffix(".")))


def _reference(reference: str, file: str, definitions: Json) -> Json:
    """A reference to the same place where nothing is required; that place is made on the way."""
    name, _, inside = reference.partition("#")
    file = name or file
    if file in ("common.schema.json", "condition.schema.json"):
        return {"$ref": f"{file}#{inside}" if inside else file}
    kind, word = file.removesuffix(".schema.json"), inside.rpartition("/")[2]
    key = f"{kind}_{word}" if word and word != kind else kind
    if key not in definitions:
        definitions[key] = {}
        schema = json.loads((SCHEMAS / file).read_text("utf-8"))
        definitions[key] = _partial(schema["$defs"][word] if word else schema, file, definitions)
    return {"$ref": f"#/$defs/{key}"}


def _partial(schema: Json, file: str, definitions: Json) -> Json:
    out: Json = {}
    for key, value in schema.items():
        if key in DROPPED and not schema.get("x-destination"):
            continue
        if key == "$ref":
            out |= _reference(value, file, definitions)
        elif key in ("properties", "patternProperties"):
            out[key] = {name: _partial(inner, file, definitions) for name, inner in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            out[key] = _partial(value, file, definitions)
        else:
            out[key] = _outward(value, file)
    return out


def _outward(value: Any, file: str) -> Any:
    """As it is, but references into the file name it."""
    if isinstance(value, list):
        return [_outward(inner, file) for inner in value]
    if not isinstance(value, dict):
        return value
    out = {key: _outward(inner, file) for key, inner in value.items()}
    if isinstance(out.get("$ref"), str) and out["$ref"].startswith("#"):
        out["$ref"] = file + out["$ref"]
    return out


def _text(schema: Json) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(made(), "utf-8")
