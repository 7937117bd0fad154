"""What rules look at: the tenants of a loaded model with their documents, files, and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pbx.analysis.finding import Finding
from pbx.model.folder import Folder
from pbx.model.load import Loaded
from pbx.model.objects import Tenant
from pbx.model.plain import expanded
from pbx.model.problems import Path as ValuePath
from pbx.model.problems import pointer


@dataclass(frozen=True)
class View:
    """One tenant: `model` is what servers see, `plain` the same as YAML words, both with the site's objects merged."""

    model: Tenant
    plain: Mapping[str, Any]
    folder: Folder
    site: Folder | None

    def finding(self, path: ValuePath, message: str, severity: str = "") -> Finding:
        """A finding at the deepest part of `path` that is written down, in the tenant's files or in the site's."""
        folder, written = self._written(path)
        return Finding(*folder.place(written), pointer(written), message, severity)

    def owns(self, plural: str, name: str) -> bool:
        """Does the object stand in the tenant's own folder (and not in the site's)?"""
        return name in self.folder.ids(plural)

    @cached_property
    def number_keys(self) -> dict[str, str]:
        """E.164 → the key under `numbers` that holds it: itself, or a range."""
        return {number: key for key in self.folder.ids("numbers") for number in expanded(key)}

    def _written(self, path: ValuePath) -> tuple[Folder, ValuePath]:
        if len(path) < 2:
            return self.folder, path
        plural, name = str(path[0]), str(path[1])
        if plural == "numbers" and not self.owns(plural, name):
            return self.folder, (plural, self.number_keys.get(name, name), *path[2:])
        if self.site is not None and not self.owns(plural, name) and plural in self.site.kinds:
            return self.site, path
        return self.folder, path


@dataclass(frozen=True)
class Context:
    """The whole of what is linted. `at` is the day that counts as today."""

    loaded: Loaded
    at: date
    tenants: tuple[View, ...]
    whole: bool  # a model root; False: one folder of it, so that others who use the site are not seen

    @property
    def site_path(self) -> Path | None:
        """The site's folder, None without one."""
        site = self.loaded.sources.get("")
        return site.path if site else None

    @cached_property
    def files(self) -> dict[str, str]:
        """The text of every *.yml of the model, by the name that findings bear."""
        out: dict[str, str] = {}
        for folder in self.loaded.sources.values():
            for path in sorted(folder.path.glob("*.yml")):
                if not path.name.startswith("."):
                    out[str(path)] = path.read_text("utf-8-sig")
        return out


def context(loaded: Loaded, path: str | Path, at: date) -> Context:
    """What the rules see of a model that was loaded from `path`."""
    site = loaded.sources.get("")
    tenants = tuple(
        View(tenant, loaded.tenant_plain[name], loaded.sources[name], site)
        for name, tenant in loaded.model.tenants.items()
    )
    whole = bool(tenants) and all(view.folder.path != Path(path) for view in tenants)
    return Context(loaded, at, tenants, whole)
