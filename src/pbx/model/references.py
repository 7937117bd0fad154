"""Every `kind/id` exists and is of a kind that fits; languages are the tenant's."""

from __future__ import annotations

from typing import Any

from pbx.model import served
from pbx.model.problems import Path, did_you_mean, one_of
from pbx.model.schemas import plural_of
from pbx.model.scope import Scope

DESTINATIONS = ("user", "ring_group", "flow", "ivr", "announcement", "queue", "voicemail", "conference")
BUILT_IN = {"class_of_service": ("internal", "local", "national", "international")}


def check(scope: Scope) -> None:
    """All references of one folder, the site's own among them."""
    for path, value, node in scope.found:
        if node.destination:
            _destination(scope, path, value, node.kinds or DESTINATIONS)
        elif node.refers_to:
            _reference(scope, path, value, node.refers_to)
        elif node.caller and value.startswith("list/"):
            _reference(scope, path, value, ("list",))
        elif node.language:
            _language(scope, path, value)


def _destination(scope: Scope, path: Path, value: Any, kinds: tuple[str, ...]) -> None:
    if isinstance(value, str):
        if not value.startswith("+"):
            _reference(scope, path, value, kinds)
    elif "from" in value and not scope.whole:
        scope.report(path, served.refusal(served.FACTS))
    elif kinds is not DESTINATIONS:
        given = f"{{{next(iter(value))}: …}}"
        scope.report(path, f"{given} does not fit; {_any_of(scope, kinds)} or an E.164 number is named here")


def _reference(scope: Scope, path: Path, value: str, kinds: tuple[str, ...]) -> None:
    kind, _, name = value.partition("/")
    plural = plural_of().get(kind)
    if plural is None:
        scope.report(
            path, f"there is no kind {kind}{did_you_mean(kind, kinds) or f'; {_any_of(scope, kinds)} fits here'}"
        )
    elif kind not in kinds:
        scope.report(path, f"{value} does not fit; {_any_of(scope, kinds)} is named here")
    elif name in BUILT_IN.get(kind, ()):
        return
    elif _refused(scope, plural) and kind not in BUILT_IN:
        scope.report(path, f"{value}: {served.refusal(served.NOT_SERVED[plural])}")
    elif scope.entry(plural, name) is None and not scope.incomplete:
        known = BUILT_IN.get(kind) or scope.known(plural)
        hint = _of_another(scope, plural, name) or did_you_mean(value, [f"{kind}/{each}" for each in known])
        scope.report(path, f"{value} does not exist{hint or f'; write it under {plural}, or name one that is there'}")


def _of_another(scope: Scope, plural: str, name: str) -> str:
    owner = next((other.owner for other in scope.tenants if name in other.folder.ids(plural)), "")
    return (
        f" here, only in tenant {owner}; a tenant sees what is its own and the site's: name one of these"
        if owner
        else ""
    )


def _any_of(scope: Scope, kinds: tuple[str, ...]) -> str:
    """`trunk/ID`, `user/ID or ring_group/ID`: of what is served."""
    return one_of([f"{kind}/ID" for kind in kinds if not _refused(scope, plural_of()[kind])])


def _refused(scope: Scope, plural: str) -> bool:
    return not scope.whole and plural in served.NOT_SERVED


def _language(scope: Scope, path: Path, value: str) -> None:
    if not scope.languages or path[0] == "tenant" or value in scope.languages:
        return
    known = ", ".join(scope.languages)
    scope.report(path, f"{value} is no language of this tenant; write one of {known}, or add it to tenant.languages")
