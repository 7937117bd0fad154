"""The application: routes, errors and guard around one `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from pbx.web import problems
from pbx.web.guard import Guard
from pbx.web.routes import (
    about,
    calls,
    conferences,
    events,
    messages,
    people,
    recordings,
    records,
    registrations,
    voicemails,
)
from pbx.web.service import Service

PREFIX = "/api/v1"
ABOUT = """Calls of a virtual PBX: see them, ask for them, end them, and read what was.

Every request bears a token of one tenant, and sees that tenant alone: what belongs to another is not there (404).
Errors are problem documents (RFC 9457). Version 1 gains routes and members, and loses none."""


def make(service: Service) -> ASGIApp:
    """The guarded application."""
    return Guard(bare(service), service.audit)


def bare(service: Service) -> FastAPI:
    """The application without its guard; `openapi()` of it is the document."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.close()

    app = FastAPI(
        title="PBX",
        version="1",
        description=ABOUT,
        lifespan=life,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    problems.install(app)
    for room in (about, calls, conferences, messages, voicemails, records, recordings, people, registrations, events):
        app.include_router(room.router, prefix=PREFIX)
    _add_schema(app)
    return app


def _add_schema(app: FastAPI) -> None:
    """Problem documents are named by every route and made by none, so the framework does not list them."""
    made = app.openapi

    def openapi() -> dict[str, object]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemDocument"] = problems.ProblemDocument.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
