"""The parts of SARIF 2.1.0 (OASIS) that a plan uses, as a schema of our own: what is required, and no unknown key."""

from typing import Any


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_TEXT = {"type": "string", "minLength": 1}
_MESSAGE = _closed(["text"], text=_TEXT)  # §3.11
_BAG = {"type": "object"}  # §3.8
_LEVEL = {"enum": ["none", "note", "warning", "error"]}  # §3.27.10
_PLACE = _closed(  # §3.29
    ["artifactLocation"],
    artifactLocation=_closed(["uri"], uri={"type": "string", "pattern": "^[A-Za-z0-9._~/-]+$"}),
    region=_closed(["startLine"], startLine={"type": "integer", "minimum": 1}),
)
_LOCATION = _closed(  # §3.28
    [],
    physicalLocation=_PLACE,
    logicalLocations={"type": "array", "items": _closed([], fullyQualifiedName=_TEXT, kind=_TEXT)},
)
_RESULT = _closed(  # §3.27
    ["message"],
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    message=_MESSAGE,
    locations={"type": "array", "items": _LOCATION},
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
)
_RULE = _closed(["id"], id=_TEXT, shortDescription=_MESSAGE, properties=_BAG)  # §3.49
_NOTIFICATION = _closed(["message"], message=_MESSAGE, level=_LEVEL)  # §3.58
_INVOCATION = _closed(  # §3.20
    ["executionSuccessful"],
    executionSuccessful={"type": "boolean"},
    exitCode={"type": "integer"},
    endTimeUtc={"type": "string", "pattern": "^[0-9-]{10}T[0-9:]{8}Z$"},
    toolExecutionNotifications={"type": "array", "items": _NOTIFICATION},
)
_DRIVER = _closed(  # §3.19
    ["name"],
    name=_TEXT,
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    rules={"type": "array", "items": _RULE, "uniqueItems": True},
)
_RUN = _closed(  # §3.14
    ["tool"],
    tool=_closed(["driver"], driver=_DRIVER),
    automationDetails=_closed([], id=_TEXT),
    invocations={"type": "array", "items": _INVOCATION},
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": _RESULT},
)
SARIF = {
    **_closed(["version", "runs"], version={"const": "2.1.0"}, runs={"type": "array", "items": _RUN}),
}
SARIF["properties"]["$schema"] = {"type": "string", "format": "uri"}
