"""The edge's desired document, as the modules kamailio_* take it: a path on the host, or the document itself.

A secret is named in the document (`{"secret": name}`); its value comes in the option `secrets`, also a path or a dict.
Errors name the secret, never its value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["PHASES", "DocumentError", "argument_spec", "name_of", "resolve", "secrets_of", "the_document"]

#: contracts §7.3. `expand` adds and changes, `contract` removes, `stage` touches nothing that runs.
PHASES = ("all", "stage", "expand", "contract")


class DocumentError(Exception):
    """The document or the secrets cannot be used; the message says what to do."""


def argument_spec(**more: Any) -> dict[str, Any]:
    """The options that every module of the edge takes."""
    return {
        "document": {"type": "raw"},
        "secrets": {"type": "raw", "no_log": True},
        "phase": {"type": "str", "choices": list(PHASES), "default": "all"},
        "run_dir": {"type": "path", "default": "/run/kamailio"},
        **more,
    }


def the_document(params: Mapping[str, Any]) -> dict[str, Any]:
    """The option `document`, read and checked for what it is."""
    document = _read(params.get("document"), "document")
    if not document:
        raise DocumentError("option document is missing: the path of the edge's document, or the document")
    if document.get("role") != "edge" or document.get("format") != 1:
        raise DocumentError(
            f"document of {document.get('server')!r} has role {document.get('role')!r}, format "
            f"{document.get('format')!r}; an edge needs role 'edge', format 1"
        )
    return document


def secrets_of(params: Mapping[str, Any]) -> dict[str, str] | None:
    """The option `secrets`: name to value; None when it is not given."""
    if params.get("secrets") is None:
        return None
    return {str(name): str(value) for name, value in _read(params.get("secrets"), "secrets").items()}


def name_of(value: Any) -> str:
    """The name of a secret; nothing for a plain value."""
    return str(value.get("secret")) if isinstance(value, Mapping) else ""


def resolve(value: Any, secrets: Mapping[str, str]) -> str:
    """The text of a value: itself, or what its name stands for."""
    if isinstance(value, Mapping):
        name = name_of(value)
        if name not in secrets:
            raise DocumentError(f"secret {name!r} has no value in option secrets")
        return secrets[name]
    return str(value)


def _read(given: Any, option: str) -> dict[str, Any]:
    if given is None or isinstance(given, dict):
        return dict(given or {})
    try:
        found = json.loads(Path(str(given)).read_text(encoding="utf-8"))
    except OSError as error:
        raise DocumentError(f"{option}: {given}: {error.strerror}") from error
    except ValueError as error:
        raise DocumentError(f"{option}: {given} is not JSON") from error
    if not isinstance(found, dict):
        raise DocumentError(f"{option}: {given} is not an object")
    return found
