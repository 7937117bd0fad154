"""Hosts for the stories of this room."""

from collections.abc import Iterator

import pytest
from hosts.story import Site, new_site


@pytest.fixture(scope="module")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without the layer of installed packages: the roles install everything."""
    with new_site(tmp_path_factory.mktemp("bare"), "--bare") as site:
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With the packages installed and the example applied."""
    with new_site(tmp_path_factory.mktemp("site")) as site:
        site.pbx("apply", expect=0, timeout=600)
        yield site
