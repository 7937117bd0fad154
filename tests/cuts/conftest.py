"""The hosts of tests/hosts, for the long runs that `make test-cuts` starts."""

from hosts.conftest import site

__all__ = ["site"]
