"""All rules over checked folders, in the order in which they are run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pbx.model import (
    call_tests,
    feature_codes,
    flows,
    list_files,
    numbers,
    people,
    recordings,
    references,
    served,
    shape,
    templates,
    values,
)
from pbx.model.folder import Folder
from pbx.model.recordings import SoundCheck
from pbx.model.scope import Scope


@dataclass
class Checked:
    """The valid objects of each folder with defaults filled in; `tenants` in the order of the folders."""

    site: dict[str, Any] = field(default_factory=dict)
    tenants: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)  # of the tenants, in the same order


def check(
    site: Folder | None, tenants: list[Folder], sound: SoundCheck | None = None, *, whole: bool = False
) -> Checked:
    """Runs every rule; problems are left in the folders. `whole`: what no server honours yet is no problem."""
    templates.expand(site, tenants)
    site_scope = _scope(site, None, whole) if site else None
    scopes = [_scope(tenant, site, whole) for tenant in tenants]
    for scope in scopes:
        scope.tenants = scopes
    for scope in [*([site_scope] if site_scope else []), *scopes]:
        references.check(scope)
        values.check(scope)
        list_files.check(scope)
    for scope in scopes:
        _needs_tenant(scope)
        numbers.check_tenant(scope)
        people.check(scope)
        feature_codes.check(scope, site_scope)
        flows.check(scope)
        recordings.check(scope, sound)
        recordings.check_voices(scope, is_site=False)
    if site_scope is not None:
        recordings.check_voices(site_scope, is_site=True)
        feature_codes.check(site_scope, None)
    numbers.check_all(site_scope, scopes)
    for scope in scopes:
        call_tests.check(scope)
    return Checked(site_scope.plain if site_scope else {}, [scope.plain for scope in scopes], scopes)


def _scope(folder: Folder, site: Folder | None, whole: bool) -> Scope:
    refused = set() if whole else set(served.check(folder))
    plain, found = shape.check(folder)
    if refused:  # what stands inside something that is refused has been told with it
        found = [each for each in found if not any(each[0][:end] in refused for end in range(1, len(each[0]) + 1))]
    head = plain.get("tenant", {})
    return Scope(folder, plain, found, site, tuple(head.get("languages", ())), head.get("id", folder.path.name), whole)


def _needs_tenant(scope: Scope) -> None:
    if not scope.folder.ids("tenant") and not scope.folder.broken:
        message = (
            "tenant is missing; write tenant: {id: …, name: …, domain: …, country: …, timezone: …, languages: […]}"
        )
        scope.report((), message)
