"""What goes to which of the two processes of `make test`, and what begins first.

Hosts that are applied to and telephones that ring each stay in one process: there they are as alone as ever. The rest
is shared out by files, since most fixtures are a file's.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

HOSTS, PHONES = "hosts", "phones"
LANES = {"tests/hosts/test_lab.py": PHONES, "tests/hosts/": HOSTS, "tests/sip/": PHONES, "tests/web/": PHONES}
"""By the beginning of a test's name; the first that fits. test_lab is about the hosts that telephones ring at."""


def lane(nodeid: str) -> str:
    """What the test must not run beside."""
    return next((name for path, name in LANES.items() if nodeid.startswith(path)), nodeid.partition("::")[0])


class Lanes(LoadScopeScheduling):
    """By lane, the longest first."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """The hook of pytest-xdist."""
    return Lanes(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process of several: the two long lanes begin first, so that nothing long is left at the end."""
    if hasattr(config, "workerinput"):
        first = (HOSTS, PHONES)
        items.sort(key=lambda item: first.index(lane(item.nodeid)) if lane(item.nodeid) in first else len(first))
