"""What pbx-web asks of pbx-calls: the calls of a tenant, click-to-call, hanging up, people's own settings, and events.

The protocol is that of the control socket, on a socket of its own, because whoever faces the network may do no more
than this: `calls {tenant}`, `place {tenant, user, to}`, `hang_up {tenant, call}`, `people {tenant}`, `served`,
`record {tenant, call, action}` (start, stop, pause, resume), `registrations {tenant, users}`,
`conferences {tenant}`, `in_conference {tenant, conference, act, call}` (lock, unlock,
or a member: mute, unmute, kick), `invite {tenant, conference, user, to}`,
`transfer {tenant, call, user, to, third}` (`third`: `to` is called in, for all to talk),
`settings {tenant}`, `setting {tenant, user, key, value, author}` and `events {boot, since}`. Every command names the
tenant; an id of another tenant's is one that is not there.

`setting` sets what is a person's own (`pbx.routing.own`): `key` is `do_not_disturb`, `call_waiting` (true or false) or
`forward.always`, `.busy`, `.no_answer`, `.unavailable` (value false for none, or `{to, after, confirm}`); the value
null takes it back, so that the model's word counts. `author` is who says so, `user/ivanov` for the person. It counts
from the next call on; a value that cannot be is refused in words with status 422. `settings` lists them by user and
key, each with `value`, `author`, `changed` (ms of UTC) and `in_force`: false for one that the model cannot follow now.

`registrations` asks the edges at that moment; without `users` for everybody's devices. Each has `user`, `device`,
`edge`, `transport` and, in seconds, `since`, `refreshed` (ago) and `expires` (to come); `silent` names the edges that
did not tell.

`messages {tenant}` are the new and saved ones of all boxes with their owners; `message {tenant, message, state,
author}` makes one new, saved or deleted. Their sound is in the store. `voicemails {tenant}` are the boxes, `pin
{tenant, voicemail, pin, author}` gives one another PIN and opens it again.

`events` is answered by `{boot, last, gap}` and then a line for each event (`pbx.calls.events`). With the `boot` and the
number of the last event that the reader has (`since`) it goes on from there; `gap` says that this cannot be, so that
the reader asks for `calls` anew. A reader that falls behind the ring is cut off and may come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from pbx.calls.live import by_api
from pbx.calls.live.exchange import Exchange, Refused
from pbx.calls.live.registrations import Registrations
from pbx.calls.mailbox import DELETED, GREETING, NEW, SAVED
from pbx.model.objects import Tenant
from pbx.routing import own
from pbx.server import voicemails
from pbx.server.control import Command, CommandError, Streamed

PAUSE = 0.02  # seconds between two writes to a reader: many calls make one write


class ApiCommands:
    """The commands, on the exchange of this process."""

    def __init__(self, exchange: Exchange, registrations: Registrations) -> None:
        self._exchange = exchange
        exchange.invite = partial(by_api.invited_by_keys, exchange)
        self._registered = registrations

    @property
    def commands(self) -> Mapping[str, Command]:
        return {
            "served": self._served,
            "calls": self._calls,
            "people": self._people,
            "registrations": self._registrations,
            "place": self._place,
            "hang_up": self._hang_up,
            "record": self._record,
            "transfer": self._transfer,
            "conferences": self._conferences,
            "in_conference": self._in_conference,
            "invite": self._invite,
            "setting": self._setting,
            "settings": self._settings,
            "messages": self._messages,
            "message": self._message,
            "voicemails": self._voicemails,
            "pin": self._pin,
            "events": self._where,
        }

    @property
    def streams(self) -> Mapping[str, Streamed]:
        return {"events": self._events}

    async def _served(self, request: dict[str, Any]) -> dict[str, Any]:
        """The tenants whose calls come to this process."""
        return {"boot": self._exchange.events.boot, "tenants": sorted(self._exchange.leases)}

    async def _calls(self, request: dict[str, Any]) -> dict[str, Any]:
        events = self._exchange.events
        return {"boot": events.boot, "last": events.last, "calls": self._exchange.listed(_text(request, "tenant"))}

    async def _people(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._exchange.serving.model.tenants.get(_text(request, "tenant"))
        if tenant is None:
            raise CommandError("there is no such tenant", 404)
        people = [
            {"user": user.id, "name": user.name, "extension": user.extension, "devices": sorted(user.devices)}
            for user in tenant.users.values()
        ]
        return {"people": people}

    async def _registrations(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._tenant(request)
        users = request.get("users") or list(tenant.users)
        if not isinstance(users, list) or any(user not in tenant.users for user in users):
            raise CommandError("there is no such user", 404)
        found, silent = await self._registered.of(tenant, users)
        return {"registrations": [asdict(one) for one in found], "silent": silent}

    async def _place(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant, user, to = (_text(request, name) for name in ("tenant", "user", "to"))
        try:
            call = by_api.place(self._exchange, tenant, user, to)
        except Refused as refused:
            raise CommandError(refused.reason, refused.status) from None
        return {"call": call.record.id}

    async def _transfer(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant, call, user, to = (_text(request, name) for name in ("tenant", "call", "user", "to"))
        try:
            third = request.get("third") is True
            await by_api.transfer(self._exchange, tenant, call, user, to, third=third)
        except Refused as refused:
            raise CommandError(refused.reason, refused.status) from None
        return {}

    async def _record(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant, call, action = (_text(request, name) for name in ("tenant", "call", "action"))
        if action not in by_api.RECORDING:
            raise CommandError(f"action {action!r}: {', '.join(by_api.RECORDING)}", 422)
        try:
            await by_api.record(self._exchange, tenant, call, action)
        except Refused as refused:
            raise CommandError(refused.reason, refused.status) from None
        return {}

    async def _hang_up(self, request: dict[str, Any]) -> dict[str, Any]:
        if not by_api.hang_up(self._exchange, _text(request, "tenant"), _text(request, "call")):
            raise CommandError("there is no such call", 404)
        return {}

    async def _conferences(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"conferences": by_api.conferences(self._exchange, self._tenant(request))}

    async def _in_conference(self, request: dict[str, Any]) -> dict[str, Any]:
        conference, act = _text(request, "conference"), _text(request, "act")
        if act not in ("lock", "unlock", "mute", "unmute", "kick"):
            raise CommandError(f"act {act!r}: lock, unlock, mute, unmute or kick")
        call = "" if act in ("lock", "unlock") else _text(request, "call")
        try:
            own = request.get("own") is True
            await by_api.in_conference(self._exchange, self._tenant(request), conference, act, call, own=own)
        except Refused as refused:
            raise CommandError(refused.reason, refused.status) from None
        return {}

    async def _invite(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant, conference, to = self._tenant(request), _text(request, "conference"), _text(request, "to")
        user = tenant.users.get(str(request.get("user", "")))
        if user is None:
            raise CommandError(f"there is no user {request.get('user')}", 404)
        try:
            call = by_api.invite(self._exchange, tenant, user, conference, to)
        except Refused as refused:
            raise CommandError(refused.reason, refused.status) from None
        return {"call": call.record.id}

    def _tenant(self, request: dict[str, Any]) -> Tenant:
        name = _text(request, "tenant")
        tenant = self._exchange.serving.model.tenants.get(name)
        if tenant is None or name not in self._exchange.leases:
            raise CommandError("there is no such tenant", 404)
        return tenant

    async def _setting(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant, (user, key, author) = (
            self._tenant(request),
            (_text(request, name) for name in ("user", "key", "author")),
        )
        if "value" not in request:
            raise CommandError("value is missing; null takes back what was set")
        try:
            value = own.checked(tenant, user, key, request["value"])
        except own.NotUsable as why:
            raise CommandError(str(why), 404 if user not in tenant.users else 422) from None
        setting = self._exchange.settings.set(tenant.id, user, key, value, author)
        return {"value": setting.value, "author": setting.author, "changed": setting.changed}

    async def _settings(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._tenant(request)
        found: dict[str, Any] = {}
        for user, settings in self._exchange.settings.of_tenant(tenant.id).items():
            person = tenant.users.get(user)
            if person is None:
                continue
            usable = own.in_force(tenant, person, settings).own
            found[user] = {
                key: {"value": one.value, "author": one.author, "changed": one.changed, "in_force": key in usable}
                for key, one in settings.items()
            }
        return {"settings": found}

    async def _messages(self, request: dict[str, Any]) -> dict[str, Any]:
        """New and saved ones of all boxes, the oldest first."""
        tenant = self._tenant(request)
        mail = self._exchange.boxes.of(tenant.id)
        boxes = tenant.services.voicemails.values()
        found = [(box, message) for box in boxes for message in mail.messages(box.id)]
        return {
            "messages": [
                {
                    **{"message": one.id, "owner": box.owner, "users": box.users},
                    **{name: getattr(one, name) for name in _OF_A_MESSAGE},
                }
                for box, one in sorted(found, key=lambda each: (each[1].left, each[1].id))
            ]
        }

    async def _message(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._tenant(request)
        name, state, author = (_text(request, key) for key in ("message", "state", "author"))
        mail = self._exchange.boxes.of(tenant.id)
        message = mail.find(name)
        if message is None or message.state == GREETING:
            raise CommandError("there is no such message", 404)
        if state not in (NEW, SAVED, DELETED):
            raise CommandError(f"a message is {NEW}, {SAVED} or {DELETED}", 422)
        mail.mark(message, state, author)
        return {}

    async def _voicemails(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._tenant(request)
        return {"voicemails": voicemails.listed(self._exchange, tenant)}

    async def _pin(self, request: dict[str, Any]) -> dict[str, Any]:
        tenant = self._tenant(request)
        name, pin, author = (_text(request, key) for key in ("voicemail", "pin", "author"))
        if name not in tenant.services.voicemails:
            raise CommandError("there is no such box", 404)
        try:
            await voicemails.set_pin(self._exchange, tenant, name, pin, author)
        except ValueError as why:
            raise CommandError(str(why), 422) from None
        return {}

    def _gap(self, request: dict[str, Any]) -> bool:
        events = self._exchange.events
        return request.get("boot") != events.boot or events.since(_number(request)) is None

    async def _where(self, request: dict[str, Any]) -> dict[str, Any]:
        events = self._exchange.events
        return {"boot": events.boot, "last": events.last, "gap": self._gap(request)}

    async def _events(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        events = self._exchange.events
        number = events.last if self._gap(request) else _number(request)
        while (lines := events.since(number)) is not None:
            number = events.last
            if lines:
                writer.writelines(lines)
                await writer.drain()
                await asyncio.sleep(PAUSE)
            await events.news(number)


_OF_A_MESSAGE = ("box", "caller", "name", "left", "length", "state", "origin", "author", "changed")


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError(f"{name} is missing")
    return value


def _number(request: dict[str, Any]) -> int:
    value = request.get("since")
    return value if isinstance(value, int) else -1
