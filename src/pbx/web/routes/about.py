"""The token itself, the audit log, and whether all is well."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from pbx.web.access import Token
from pbx.web.documents import Audit, AuditEntry, Health, Me, Process
from pbx.web.problems import responses
from pbx.web.service import Needs, Ours

router = APIRouter(tags=["about"])


@router.get("/me", responses=responses())
async def get_me(token: Annotated[Token, Depends(Needs(None))]) -> Me:
    """What this token is, and may."""
    return Me(tenant=token.tenant, token=token.id, role=token.role, scopes=sorted(token.scopes), user=token.user)


@router.get("/audit", responses=responses(403, 422))
async def read_audit(
    service: Ours,
    token: Annotated[Token, Depends(Needs("audit:read"))],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Audit:
    """The newest requests of the tenant's tokens that would change something, whatever came of them."""
    entries = await asyncio.to_thread(service.audit.newest, token.tenant, limit)
    return Audit(entries=[AuditEntry(**entry) for entry in entries])


@router.get("/health", responses={503: {"model": Health, "description": "A call process does not answer."}})
async def get_health(service: Ours, response: Response) -> Health:
    """For balancers and monitoring; needs no token."""
    calls = [Process(name=link.name, connected=link.connected) for link in service.links]
    well = all(one.connected for one in calls)
    response.status_code = 200 if well else 503
    return Health(status="ok" if well else "degraded", calls=calls)
