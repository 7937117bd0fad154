"""People and their telephones: extensions, addresses of record, and a way out for emergency calls."""

from __future__ import annotations

from pbx.model.problems import Path
from pbx.model.scope import Scope

WITH_EXTENSION = ("users", "ring_groups", "queues", "conferences")


def check(scope: Scope) -> None:
    _extensions(scope)
    _devices(scope)
    _emergency(scope)


def _extensions(scope: Scope) -> None:
    emergency = set(scope.plain.get("emergency", {}).get("numbers", ()))
    every: list[tuple[Path, str]] = [
        ((kind, name, "extension"), plain["extension"])
        for kind in WITH_EXTENSION
        for name, plain in scope.objects(kind).items()
        if "extension" in plain
    ]
    places = {path: scope.folder.place(path) for path, _ in every} if _doubled(every) else {}
    known: dict[str, Path] = {}
    for path, extension in sorted(every, key=lambda each: places.get(each[0], ())):
        earlier = known.setdefault(extension, path)
        if earlier != path:
            scope.report(path, f'"{extension}" stands twice, first as {scope.where(earlier)}; choose another')
        if extension in emergency:
            scope.report(path, f'"{extension}" is an emergency number of this tenant; choose another')


def _doubled(every: list[tuple[Path, str]]) -> bool:
    return len({extension for _, extension in every}) < len(every)


def _devices(scope: Scope) -> None:
    """One device is one address of record, `<user>-<device>`; a-b + c and a + b-c would be the same."""
    known: dict[str, Path] = {}
    for user, plain in scope.objects("users").items():
        for device, telephone in plain["devices"].items():
            path: Path = ("users", user, "devices", device)
            if telephone["type"] != "outside":
                if "number" in telephone:
                    message = f"a {telephone['type']} has no number; type: outside is the one that is dialled"
                    scope.report((*path, "number"), message)
                sip_user = f"{user}-{device}"
                earlier = known.setdefault(sip_user, path)
                if earlier != path:
                    where = scope.where(earlier)
                    scope.report(path, f"its SIP user {sip_user} is also that of {where}; rename one of the devices")


def _emergency(scope: Scope) -> None:
    """Whoever has a telephone can call for help: the tenant has emergency numbers, the person's place a way out."""
    callers = [user for user, plain in scope.objects("users").items() if _can_dial(plain["devices"])]
    if not callers or scope.folder.broken:
        return
    if not scope.folder.ids("emergency"):
        message = 'people have telephones and no number is an emergency number; write emergency: {numbers: ["112"]}'
        scope.report(("tenant",), message)
        return
    told: set[str] = set()
    for user in callers:
        reference = scope.objects("users")[user].get("location")
        if reference is None:
            message = "has telephones and no location, so emergency calls have no way out; write location: location/ID"
            scope.report(("users", user), message)
            continue
        name = reference.partition("/")[2]
        location = scope.objects("locations").get(name)
        if location is not None and "emergency" not in location and name not in told:
            told.add(name)
            message = (
                "people sit here and emergency calls have no way out; write emergency: {caller_id: …, trunks: […]}"
            )
            scope.report(("locations", name), message)


def _can_dial(devices: dict[str, dict[str, str]]) -> bool:
    return any(telephone["type"] != "outside" for telephone in devices.values())
