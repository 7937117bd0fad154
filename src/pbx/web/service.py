"""What the routes share: the call processes, the feed, the store, tokens and their limits, the audit log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pbx.store.database import Database, StoreUnavailable
from pbx.store.search import Wanted
from pbx.web.access import Scope, Token, Tokens
from pbx.web.audit import AuditLog
from pbx.web.feed import Feed
from pbx.web.keeper import KeeperLine
from pbx.web.limits import Limits
from pbx.web.link import Away, Link, Refused, Remote
from pbx.web.once import Once
from pbx.web.problems import Problem, refuse_unknown
from pbx.web.records import RecordStore

T = TypeVar("T")

WRONG_RATE = 1.0  # wrong tokens a second from one address
SOON = {"Retry-After": "2"}


class Service:
    """One for the life of the process. `places`: call process → where its API is."""

    def __init__(
        self,
        places: Mapping[str, str | Remote],
        tokens: Tokens,
        records: RecordStore,
        audit: AuditLog,
        keeper: str | Remote | None = None,
    ) -> None:
        """`keeper`: where the keeper of recordings is asked."""
        self.tokens, self.records, self.audit = tokens, records, audit
        self.keeper = KeeperLine(keeper)
        self.limits = Limits()
        self.feed = Feed()
        self.placed: Once[str] = Once()
        self.streams: Counter[str] = Counter()  # of each token
        self.links = [Link(name, place, self.feed.add, self.feed.gap) for name, place in places.items()]

    def start(self) -> None:
        for link in self.links:
            link.start()

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self.links))
        self.records.close()

    async def ask(self, token: Token, command: str, **more: Any) -> dict[str, Any]:
        """A command of the token's tenant, to the process that its calls come to. Raises Problem."""
        link = next((link for link in self.links if token.tenant in link.tenants), None)
        if link is None:
            raise Problem(503, "no call process serves this tenant now", SOON)
        try:
            return await link.ask(command, tenant=token.tenant, **more)
        except Away as away:
            raise Problem(503, str(away), SOON) from None
        except Refused as refused:
            raise Problem(refused.status, str(refused), SOON if refused.status == 503 else None) from None

    async def find(self, wanted: Wanted, *, most: int, whole: bool = False) -> list[dict[str, Any]]:
        """Records. Raises Problem."""
        try:
            return await self.records.find(wanted, most=most, whole=whole)
        except StoreUnavailable:
            raise Problem(503, "the store does not answer, or not soon enough: ask for less", SOON) from None

    async def read(self, question: Callable[[Database], T]) -> T:
        """Anything else of the store. Raises Problem."""
        try:
            return await self.records.ask(question)
        except StoreUnavailable:
            raise Problem(503, "the store does not answer, or not soon enough: ask for less", SOON) from None

    async def sound(self, message: str) -> bytes | None:
        """What was said, A-law. Raises Problem."""
        try:
            return await self.records.sound(message)
        except StoreUnavailable:
            raise Problem(503, "the store does not answer", SOON) from None

    async def text(self, message: str) -> str | None:
        """The draft of what was said. Raises Problem."""
        try:
            return await self.records.text(message)
        except StoreUnavailable:
            raise Problem(503, "the store does not answer", SOON) from None

    async def calls_of(self, token: Token) -> list[dict[str, Any]]:
        """The calls that are up and that the token may see."""
        calls: list[dict[str, Any]] = (await self.ask(token, "calls"))["calls"]
        return [call for call in calls if token.user is None or token.user in people_of(call)]

    async def call_of(self, token: Token, name: str) -> dict[str, Any]:
        """One of them. Raises Problem."""
        for call in await self.calls_of(token):
            if call["call"] == name:
                return call
        raise Problem(404, "there is no such call that is up; its record may be among /records")

    async def legs_of(self, token: Token, person: str) -> list[str]:
        """What a person's telephones and calls by the API are called in records. Raises Problem."""
        found = await self.person(token, person)
        return [f"api {person}", *(f"device {person}-{device}" for device in found["devices"])]

    async def person(self, token: Token, person: str) -> dict[str, Any]:
        """As the call process knows it. Raises Problem."""
        people: list[dict[str, Any]] = (await self.ask(token, "people"))["people"]
        for one in people:
            if one["user"] == person:
                return one
        raise Problem(404, f"there is no user {person}")


def people_of(call: Mapping[str, Any]) -> set[str]:
    """Who has to do with a call: who calls, who talks, who is rung."""
    legs = [*call["ringing"], *call["mixed"]]
    named = {call["user"], call["answered_by_user"], *(leg["user"] for leg in legs)}
    return {person for person in named if person is not None}


_bearer = HTTPBearer(auto_error=False, description="A token of the tenant (docs/how-to/api.md).")


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Ours = Annotated[Service, Depends(service_of)]


class Needs:
    """The token of a request, which must have a scope: 401 for none, 403 for another's, 429 for one in a hurry."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def __call__(
        self, request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Token:
        service = service_of(request)
        token = service.tokens.find(sent.credentials) if sent is not None else None
        if token is None:
            address = request.client.host if request.client else ""
            wait = service.limits.take(f"wrong {address}", WRONG_RATE) if sent is not None else 0
            if wait:
                raise Problem(429, "too many tokens that nobody knows", {"Retry-After": str(wait)})
            raise Problem(401, "send a token: Authorization: Bearer …", {"WWW-Authenticate": 'Bearer realm="pbx"'})
        request.state.token = token
        wait = service.limits.take(token.name, token.rate)
        if wait:
            raise Problem(429, f"more than {token.rate:g} requests a second", {"Retry-After": str(wait)})
        if self.scope is not None and self.scope not in token.scopes:
            raise Problem(403, f"the token has no scope {self.scope}")
        refuse_unknown(request)
        return token
