"""Fixtures that every test room may use."""

import pytest
from throwaway import Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    """This checkout's hosts, all up. They stay up after the tests: `lab/lab down` ends them."""
    hosts = Lab()
    hosts.run("up", timeout=900)
    return hosts
