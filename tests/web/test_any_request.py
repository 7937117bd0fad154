"""Requests made from the OpenAPI document: whatever they say, answers are as the document has it, and none is 500."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from web.place import Web, secret_of

from pbx.server.web import openapi

pytestmark = pytest.mark.row("R31")

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
CHECKS = {
    "ignored_auth": {"enabled": False},  # some wrong tokens later it is 429, not 401; test_access.py has every route
    # 400: a cursor that nobody gave
    "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 404, 503]},
}
CONFIG = schemathesis.Config.from_dict({"checks": CHECKS})
SCHEMA = schemathesis.openapi.from_path(str(DOCUMENT), config=CONFIG).exclude(path_regex="/events$")


def test_the_page_is_fresh() -> None:
    """`python -m pbx.server.web openapi > docs/reference/openapi.json` makes it anew."""
    assert DOCUMENT.read_bytes() == openapi()


@SCHEMA.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
def test_any_request(served: Web, case: schemathesis.Case) -> None:
    case.call_and_validate(
        base_url=served.base,
        headers={"Authorization": f"Bearer {secret_of('house', 'admin')}"},
        verify=str(served.ca),
    )
