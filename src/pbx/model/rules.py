"""All rules over checked folders, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.model import served, shape
from pbx.model.folder import Folder
from pbx.model.schemas import Found

SoundCheck = Callable[[Path], str | None]


@dataclass
class Checked:
    """The valid objects of each folder with defaults filled in; `tenants` in the order of the folders."""

    site: dict[str, Any] = field(default_factory=dict)
    tenants: list[dict[str, Any]] = field(default_factory=list)


def check(site: Folder | None, tenants: list[Folder], sound: SoundCheck | None = None) -> Checked:
    """Runs every rule; problems are left in the folders."""
    checked = Checked()
    if site is not None:
        checked.site, _ = _one(site)
    for tenant in tenants:
        plain, _found = _one(tenant)
        checked.tenants.append(plain)
    return checked


def _one(folder: Folder) -> tuple[dict[str, Any], Found]:
    served.check(folder)
    return shape.check(folder)
