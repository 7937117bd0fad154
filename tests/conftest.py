"""Fixtures that every test room may use."""

import signal

import pytest
from throwaway import Lab

pytest_plugins = ["shared_out"]

# A run in the background inherits an ignored SIGINT, and would hand it on to what the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def lab() -> Lab:
    """This checkout's hosts, all up. They stay up after the tests: `lab/lab down` ends them."""
    hosts = Lab()
    hosts.run("up", timeout=900)
    return hosts
