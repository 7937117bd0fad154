"""A person sets something by telephone: forwarding and do-not-disturb by code (behaviour R08, C02)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pbx.calls.call import Call
from pbx.model.objects import Destination
from pbx.routing import own
from pbx.routing.reason import Reason

DONE, REFUSED = "done", "refused"  # tones


def forward(when: str) -> Callable[[Call, str], Awaitable[Destination | None]]:
    """Forwarding to the number that was dialled behind the code."""

    async def on(call: Call, number: str) -> None:
        await set_own(call, f"forward.{when}", {"to": number})

    return on


def no_forward(when: str) -> Callable[[Call, str], Awaitable[Destination | None]]:
    """No forwarding, whatever the model says."""

    async def off(call: Call, number: str) -> None:
        await set_own(call, f"forward.{when}", False)

    return off


def switch(key: str, value: bool) -> Callable[[Call, str], Awaitable[Destination | None]]:
    """One that is on or off."""

    async def turn(call: Call, number: str) -> None:
        await set_own(call, key, value)

    return turn


async def set_own(call: Call, key: str, value: Any) -> None:
    """Set it, when it can be; a tone says which."""
    await call.answer()
    if call.user is None:
        call.note(Reason("own_of_nobody"))
        await call.sound(REFUSED)
        return
    user = call.user.id
    try:
        value = own.checked(call.tenant, user, key, value)
    except own.NotUsable as why:
        call.note(Reason("own_refused", user=user, key=key, why=str(why)))
        await call.sound(REFUSED)
        return
    call.state.set_own(user, key, value, f"user/{user}")
    call.note(Reason("own_set", user=user, key=key, value=value["to"] if isinstance(value, dict) else value))
    await call.sound(DONE)
