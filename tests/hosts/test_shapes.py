"""The other shapes of inventory/: applied, nothing left to do, and a call rings, is answered and heard on each."""

from collections.abc import Iterator

import pytest
from hosts.shape_site import ShapeSite, new_shape, rings_and_talks

pytestmark = [pytest.mark.lab, pytest.mark.row("C01")]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapeSite]:
    """Everything on one host."""
    with new_shape(tmp_path_factory.mktemp("single"), "single") as site:
        site.pbx("apply", expect=0, timeout=600)
        yield site


def test_one_host_has_nothing_left_to_do(single: ShapeSite) -> None:
    assert single.pbx("plan", expect=0).stdout == "no differences\n"


@pytest.mark.row("R05")
def test_a_call_rings_on_one_host(single: ShapeSite) -> None:
    with single.phone("ivanov", "phone1", "pbx1") as one, single.phone("petrova", "phone2", "pbx1") as two:
        one.register()
        two.register()
        rings_and_talks(one, two, "202")
    record = single.wait_record("pbx1", lambda record: record["dialled"] == "202")
    assert (record["disposition"], record["path"]) == ("answered", ["user/petrova"])
