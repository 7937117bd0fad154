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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapeSite]:
    """Two edges, two relays, two call hosts and one for the records."""
    with new_shape(tmp_path_factory.mktemp("cluster"), "cluster") as site:
        site.pbx("apply", expect=0, timeout=600)
        yield site


def test_a_cluster_has_nothing_left_to_do(cluster: ShapeSite) -> None:
    assert cluster.pbx("plan", expect=0).stdout == "no differences\n"


@pytest.mark.row("R05")
@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_phone_is_called_through_the_edge_that_it_registered_at(cluster: ShapeSite, transport: str) -> None:
    """Each way: the call comes in at the one edge, the phone called is at the other. Over TLS only the edge that has
    the phone's connection can reach it at all."""
    with (
        cluster.phone("ivanov", "phone1", "edge1") as one,
        cluster.phone("petrova", "phone2", "edge2", transport=transport) as two,
    ):
        one.register()
        two.register()
        cluster.wait_contact("edge1", "petrova-desk@romashka.example")
        cluster.wait_contact("edge2", "ivanov-desk@romashka.example")
        for caller, callee, number in ((one, two, "202"), (two, one, "201")):
            rings_and_talks(caller, callee, number)
            invites = [m for way, m in callee.messages() if way == "received" and m.method == "INVITE" and not m.status]
            heard_from = {(m["Via"] or "").split()[1].partition(";")[0].partition(":")[0] for m in invites}
            assert heard_from == {cluster.lab.address("edge2" if callee is two else "edge1")}
