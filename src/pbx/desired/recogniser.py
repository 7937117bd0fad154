"""Where a call host has speech understood: `pbx_recogniser_settings` of the inventory, as `pbx-recogniser` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx.desired.hosts import Host, InventoryError
from pbx.model.objects import Model

SOCKET = "/run/pbx-recogniser/control.sock"
KEYS = "keys"  # no engine: menus take keys alone
NEEDS: Mapping[str, tuple[str, ...]] = {KEYS: (), "vosk": ("url",), "sphinx": (), "cascade": ("whisper",)}
MAY: Mapping[str, tuple[str, ...]] = {KEYS: (), "vosk": (), "sphinx": ("words",), "cascade": ("words",)}
COMMON = ("engine", "deadline", "at_once", "packages")
DEADLINE = 2.0  # seconds from the end of an answer
AT_ONCE: Mapping[str, int] = {"vosk": 16, "sphinx": 1, "cascade": 1}  # a server has its own cores


def is_wanted(model: Model) -> bool:
    """Some menu listens."""
    return any("speech" in menu.input for tenant in model.tenants.values() for menu in tenant.ivrs.values())


def process(host: Host) -> dict[str, Any] | None:
    """The part of calls.json that says so; None without an engine. Raises InventoryError."""
    given = dict(host.settings.get("recogniser", {}))
    name = str(given.get("engine", KEYS))
    where = f"host {host.name}: pbx_recogniser_settings"
    if name not in NEEDS:
        raise InventoryError(f"{where}.engine is {name!r}; it may be {', '.join(NEEDS)}")
    if missing := [key for key in NEEDS[name] if not given.get(key)]:
        raise InventoryError(f"{where} has no {missing[0]}; the engine {name} needs it")
    if strange := sorted(set(given) - {*COMMON, *NEEDS[name], *MAY[name]}):
        known = ", ".join((*COMMON, *NEEDS[name], *MAY[name]))
        raise InventoryError(f"{where} has {strange[0]}, which the engine {name} does not know; there are {known}")
    if name == KEYS:
        return None
    engine = {key: str(given[key]) for key in ("engine", *NEEDS[name], *MAY[name]) if key in given}
    return {
        "socket": SOCKET,
        "deadline": _number(given.get("deadline", DEADLINE), f"{where}.deadline", 0.2, 10),
        "at_once": int(_number(given.get("at_once", AT_ONCE[name]), f"{where}.at_once", 1, 200)),
        "packages": str(given.get("packages", "")),
        "engine": engine,
    }


def _number(given: Any, where: str, least: float, most: float) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not least <= number <= most:
        raise InventoryError(f"{where} is {given!r}; it is a number from {least:g} to {most:g}")
    return number
