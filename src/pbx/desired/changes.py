"""What one model says otherwise than another: objects by tenant, and the revisions. Pure; no inventory, no secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pbx.model.load import Loaded
from pbx.model.plain import SHARED
from pbx.model.schemas import kinds_of

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One object; `fields` are the keys that differ when it is changed."""

    op: str  # create | update | delete
    kind: str
    id: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """The site or a tenant. A revision is "" where there is no such folder (contracts §7.1)."""

    name: str
    before: str
    after: str
    changes: tuple[Change, ...]


def compare(before: Loaded | None, after: Loaded) -> list[Folder]:
    """The site first, then every tenant of either model. `before` is None when there was none."""
    site = Folder(
        "site",
        before.site_revision if before else "",
        after.site_revision,
        tuple(_differing("site", before.site_plain if before else {}, after.site_plain)),
    )
    old = before.tenant_plain if before else {}
    names = sorted({*old, *after.tenant_plain})
    return [site, *(_tenant(name, before, after) for name in names)]


def _tenant(name: str, before: Loaded | None, after: Loaded) -> Folder:
    old, new = _own(before, name), _own(after, name)
    revision = before.revisions.get(name, "") if before else ""
    return Folder(name, revision, after.revisions.get(name, ""), tuple(_differing("tenant", old, new)))


def _own(loaded: Loaded | None, name: str) -> Plain:
    """A tenant's document without what it shares with the site."""
    if loaded is None or name not in loaded.tenant_plain:
        return {}
    out = dict(loaded.tenant_plain[name])
    for kind in SHARED:
        shared = loaded.site_plain.get(kind, {})
        out[kind] = {id_: value for id_, value in out.get(kind, {}).items() if shared.get(id_) != value}
    return out


def _differing(folder: str, old: Plain, new: Plain) -> Iterator[Change]:
    for plural, kind in kinds_of(folder).items():
        mapping = kind.shape == "mapping"
        before = old.get(plural, {}) if mapping else _single(plural, old)
        after = new.get(plural, {}) if mapping else _single(plural, new)
        for id_ in sorted({*before, *after}):
            if before.get(id_) != after.get(id_):
                yield _change(kind.singular, id_, before.get(id_), after.get(id_))


def _single(key: str, plain: Plain) -> dict[str, Any]:
    return {"": plain[key]} if plain.get(key) else {}


def _change(kind: str, id_: str, old: Any, new: Any) -> Change:
    if old is None:
        return Change("create", kind, id_)
    if new is None:
        return Change("delete", kind, id_)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return Change("update", kind, id_)
    return Change("update", kind, id_, tuple(sorted(key for key in {*old, *new} if old.get(key) != new.get(key))))
