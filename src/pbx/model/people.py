"""People and their telephones: extensions, addresses of record, and a way out for emergency calls."""

from __future__ import annotations

from typing import Any

from pbx.model.problems import Path
from pbx.model.scope import Scope
from pbx.model.words import seconds

_NO_WAY_OUT = "emergency calls have no way out; write emergency: {caller_id: …, trunks: […]}"
WITH_EXTENSION = ("users", "ring_groups", "queues", "conferences")
SHORTEST, LONGEST = 10, 600  # seconds of `media_timeout`: a relay keeps a session without sound for 900
SHORTEST_MESSAGE, LONGEST_MESSAGE = (
    5,
    900,
)  # seconds of `max_message`: while it is spoken it is in memory, with all others


def check(scope: Scope) -> None:
    _silence(scope)
    _extensions(scope)
    _devices(scope)
    _emergency(scope)
    _api_tokens(scope)
    _mail(scope)
    _messages(scope)


def _api_tokens(scope: Scope) -> None:
    for name, plain in scope.objects("api_tokens").items():
        if plain["role"] == "user" and "user" not in plain:
            scope.report(("api_tokens", name, "role"), "role user is for one person; write user: user/NAME")
        elif plain["role"] != "user" and "user" in plain:
            message = f"a token of role {plain['role']} is for nobody in particular; role: user is the one for a person"
            scope.report(("api_tokens", name, "user"), message)
        if plain["role"] == "user" and "listens_as" in plain:
            message = "a token of role user hears as its person does; write users.NAME.role, and no listens_as here"
            scope.report(("api_tokens", name, "listens_as"), message)


def _mail(scope: Scope) -> None:
    """A box that tells by e-mail has an owner with an address."""
    users = scope.objects("users")
    for name, plain in scope.objects("voicemails").items():
        owner = plain["owner"].partition("/")[2]
        if plain["email"] != "none" and owner in users and "email" not in users[owner]:
            message = f"{plain['owner']} has no e-mail address; write users.{owner}.email, or email: none"
            scope.report(("voicemails", name, "email"), message)


def _messages(scope: Scope) -> None:
    """How long a message may be, and by which extension a box is opened from outside."""
    for name, plain in scope.objects("voicemails").items():
        if plain["listen_from_outside"] and not _has_extension(scope, plain):
            message = f"{plain['owner']} has no extension, and no group of shared_with has; the box is opened by one"
            scope.report(("voicemails", name, "listen_from_outside"), message)
        given = plain["max_message"]
        if not SHORTEST_MESSAGE <= seconds(given) <= LONGEST_MESSAGE:
            bounds = f"{SHORTEST_MESSAGE}s and {LONGEST_MESSAGE // 60}m"
            message = f"{given} is not between {bounds}; write a length of time in these bounds"
            scope.report(("voicemails", name, "max_message"), message)


def _has_extension(scope: Scope, box: dict[str, Any]) -> bool:
    named = [box["owner"], *(one for one in box.get("shared_with", ()) if one.startswith("ring_group/"))]
    kinds = {"user": "users", "ring_group": "ring_groups"}
    places = [(kinds[kind], name) for kind, _, name in (one.partition("/") for one in named) if kind in kinds]
    return any("extension" in scope.objects(kind).get(name, {"extension": ""}) for kind, name in places)


def _silence(scope: Scope) -> None:
    """How long a call without sound goes on."""
    given = scope.plain.get("tenant", {}).get("media_timeout", "60s")
    if not SHORTEST <= seconds(given) <= LONGEST:
        message = f"{given} is not between {SHORTEST}s and {LONGEST // 60}m; write a length of time in these bounds"
        scope.report(("tenant", "media_timeout"), message)


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
                if telephone["type"] == "browser" and telephone["media"] != "either":
                    message = "a browser's sound is always encrypted (DTLS-SRTP); take the key out"
                    scope.report((*path, "media"), message)
                sip_user = f"{user}-{device}"
                earlier = known.setdefault(sip_user, path)
                if earlier != path:
                    where = scope.where(earlier)
                    scope.report(path, f"its SIP user {sip_user} is also that of {where}; rename one of the devices")


def _emergency(scope: Scope) -> None:
    """Where there are users, help can be called: emergency numbers, and for each telephone a place with a way out."""
    users, locations = scope.objects("users"), scope.objects("locations")
    if not users or scope.folder.broken:
        return
    if not scope.folder.ids("emergency"):
        message = 'there are users and no number is an emergency number; write emergency: {numbers: ["112"]}'
        scope.report(("tenant",), message)
        return
    told: set[str] = set()
    for user, plain in users.items():
        if not any(telephone["type"] != "outside" for telephone in plain["devices"].values()):
            continue
        name = plain.get("location", "").partition("/")[2]
        if not name:
            message = "has telephones and no location, so emergency calls have no way out; write location: location/ID"
            scope.report(("users", user), message)
        elif name in locations and "emergency" not in locations[name] and name not in told:
            message = f"people sit here and {_NO_WAY_OUT}"
            scope.report(("locations", name), message)
        told.add(name)
    if not told and not any("emergency" in location for location in locations.values()):
        scope.report(("emergency",), f"there are users, and {_NO_WAY_OUT} in their location")
