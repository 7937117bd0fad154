"""What goes wrong, as RFC 9457 has it: `application/problem+json` with type, title, status and detail."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

log = logging.getLogger("pbx-web")

MEDIA_TYPE = "application/problem+json"
TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not there",
    405: "No such method here",
    409: "Conflict",
    413: "Too large",
    415: "Not JSON",
    422: "Not understood",
    429: "Too often",
    500: "A defect of ours",
    503: "Not now",
}


class Problem(Exception):
    """Ends a request; `headers` go with the answer, `more` are members of the document."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more


class ProblemDocument(BaseModel):
    """RFC 9457 §3.1."""

    type: str = Field("about:blank", description="What kind of problem; about:blank: the status says it.")
    title: str = Field(description="The kind in words, the same each time.", examples=["Not there"])
    status: int = Field(description="The status of the answer.", examples=[404])
    detail: str = Field(description="What is wrong here, and what to do.", examples=["there is no such call"])
    errors: list[dict[str, Any]] | None = Field(None, description="422: what was not understood, each with its place.")


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    title = TITLES.get(status, "Problem")
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(document, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: these answers are problems."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 401, 429})
    }


def operations(app: FastAPI, path: str) -> Mapping[str, Mapping[str, Any]]:
    """What may be done at a path, by the OpenAPI document: method, in small letters → operation."""
    paths: Mapping[str, Mapping[str, Mapping[str, Any]]] = app.openapi()["paths"]
    if path in paths:  # before a template that would fit as well
        return paths[path]
    for template, found in paths.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return found
    return {}


def refuse_unknown(request: Request) -> None:
    """A parameter that is misspelled must not widen a search. Raises Problem."""
    asked = operations(request.app, request.url.path).get(request.method.lower(), {})
    known = {one["name"] for one in asked.get("parameters", ()) if one["in"] == "query"}
    for name in request.query_params:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Problem(422, f"query: there is no parameter {name!r}; there are: {there}")


def install(app: FastAPI) -> None:
    """Every error of the application is a problem document, also those of the framework."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> JSONResponse:
        return answer(problem.status, problem.detail, problem.headers, **problem.more)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of the first route of the path
            headers["Allow"] = ", ".join(sorted(method.upper() for method in operations(app, request.url.path)))
        return answer(error.status_code, str(error.detail), headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"in": str(one["loc"][0]), "at": "/".join(str(part) for part in one["loc"][1:]), "message": one["msg"]}
            for one in error.errors()
        ]
        told = "; ".join(f"{one['in']} {one['at']}: {one['message']}" for one in errors[:3])
        return answer(422, told, errors=errors[:20])

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s: %r", request.method, request.url.path, error, exc_info=error)
        return answer(500, "this is a defect; the log of pbx-web says more")
