"""From checked folders to plain documents: ranges expanded, the site's objects merged, what the country says filled in.

A plain document is JSON-able, keeps the words of the grammar, and is what a revision is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from pbx.model import feature_codes, system_prompts
from pbx.model.schemas import kinds_of

Plain = dict[str, Any]
OWNED = ("trunks", "outbound_routes", "calendars", "lists", "tariffs")  # a tenant may have its own beside the site's
SHARED = (*OWNED, "plans", "class_of_service", "feature_codes")  # the site's, which every tenant may use
MAX_RANGE = 10_000
_DIALLING = {"RU": ("8", "810"), "KZ": ("8", "810"), "BY": ("8", "810")}  # what people there dial, not what E.164 says


def site(checked: Plain) -> Plain:
    """The site's plain document."""
    out = {kind: dict(checked[kind]) for kind in SHARED if kind in checked}
    if "trunks" in out:
        out["trunks"] = {key: {**trunk, "key": key} for key, trunk in out["trunks"].items()}
    if "voices" in checked:
        out["voices"] = dict(checked["voices"])
    return out


def tenant(checked: Plain, site_plain: Mapping[str, Any], folder: Path) -> Plain:
    """A tenant's plain document; `checked` has passed every rule."""
    head = checked["tenant"]
    out: Plain = {kind: value for kind, value in checked.items() if kind != "tests"}  # a test changes no revision
    out["tenant"] = {**head, **country(head["country"], head["dialling"])}
    if "numbers" in out:
        out["numbers"] = {number: value for key, value in checked["numbers"].items() for number in expanded(key)}
    if "trunks" in out:
        out["trunks"] = {key: {**value, "key": f"{head['id']}.{key}"} for key, value in out["trunks"].items()}
    for kind in SHARED:
        if kind in site_plain:
            out[kind] = {**site_plain[kind], **out.get(kind, {})}
    out[feature_codes.KIND] = feature_codes.in_force({}, out.get(feature_codes.KIND, {}))
    out.setdefault("parking", kinds_of("tenant")["parking"].node.walk({}, (), []))
    prompts = {key: _hashed(value, folder) for key, value in checked.get("prompts", {}).items()}
    out["prompts"] = {**system_prompts.plain(head["languages"]), **prompts}
    return out


def expanded(key: str) -> Iterator[str]:
    """The numbers of a number or range; a range that is not right yields nothing."""
    first, dots, last = key.partition("..")
    if not dots:
        yield first
        return
    if len(first) == len(last):
        for value in range(int(first[1:]), min(int(last[1:]), int(first[1:]) + MAX_RANGE - 1) + 1):
            yield f"+{value}"


def country(region: str, dialling: Mapping[str, str]) -> dict[str, Any]:
    """Calling code and dialling prefixes of a country; what the tenant says wins."""
    import phonenumbers

    national, international = _DIALLING.get(region, ("", ""))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is not None:
        international = international or _plain_digits(metadata.international_prefix) or "00"
        national = national or metadata.national_prefix or ""
    code = phonenumbers.country_code_for_region(region)
    return {
        "calling_code": str(code),
        "dialling": {
            "national": dialling.get("national", national),
            "international": dialling.get("international", international),
        },
    }


def _plain_digits(pattern: str | None) -> str:
    """The international prefix when it is one (`00`), nothing when it is a pattern (`00|99`)."""
    return pattern if pattern and pattern.isdigit() else ""


def _hashed(prompt: Mapping[str, Mapping[str, str]], folder: Path) -> Plain:
    """A prompt with the hash of each file, so that a changed recording is a changed revision."""
    return {
        language: {**said, "sha256": _hash_of(folder / said["file"])} if "file" in said else dict(said)
        for language, said in prompt.items()
    }


def _hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def revision(document: Mapping[str, Any]) -> str:
    """12 hex digits of the SHA-256 of the canonical JSON (keys sorted, no spaces, UTF-8)."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
