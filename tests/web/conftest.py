"""One PBX with its API for a file of tests."""

from collections.abc import Iterator

import pytest
from web.place import ANSWERS, Web, until, web


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web(tmp_path_factory.mktemp("web") / "stack") as here:
        yield here


@pytest.fixture
def here(served: Web) -> Iterator[Web]:
    """With people who answer, and nobody talking at the end."""
    served.people.clear()
    served.people.update({"anna-desk": ANSWERS, "boris-desk": ANSWERS})
    del served.rung[:]
    silence(served)
    yield served
    silence(served)


def silence(served: Web) -> None:
    """Hang up whatever is up."""
    for tenant in ("house", "other"):
        with served.client(tenant) as client:
            for call in client.get("/calls").json()["calls"]:
                client.delete(f"/calls/{call['call']}")
            until(lambda: not client.get("/calls").json()["calls"], "nobody talks")
