"""Hosts for the stories of this room."""

from collections.abc import Iterator

import pytest
from hosts.own_repository import Own, new_repository
from hosts.story import Site, new_site


@pytest.fixture(scope="module")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without the layer of installed packages: the roles install everything."""
    with new_site(tmp_path_factory.mktemp("bare"), "--bare") as site:
        yield site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With the packages installed and the example applied; each module leaves it without differences.

    One number leads to an outside one, so that calls can stay up without phones; nobody misses their sound.
    """
    with new_site(tmp_path_factory.mktemp("site")) as site:
        site.edit("numbers:\n", 'numbers:\n  "+74951000190": {trunk: trunk/ural, to: "+79220000002"}\n')
        site.edit("  max_calls: 60\n", "  max_calls: 60\n  media_timeout: 10m\n")
        settings = site.inventory.parent / "group_vars/all/story.yml"
        settings.write_text("rtpengine_settings: {timeout: 3600}\nkamailio_tls: true\n")
        site.pbx("apply", expect=0, timeout=600)
        yield site


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """A user's own repository beside an installed wheel, with a host that nothing was applied to yet."""
    with new_repository(tmp_path_factory.mktemp("own")) as repository:
        yield repository
