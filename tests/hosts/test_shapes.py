"""The other shapes of inventory/: applied, nothing left to do, and a call rings, is answered and heard on each."""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
from hosts.shape_site import LISTEN, Record, ShapeSite, new_shape, rings_and_talks

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]


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


def can_connect(site: ShapeSite, source: str, host: str, port: int) -> bool:
    """Whether a TCP connection from there comes about."""
    program = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"
    words = ("python3", "-c", program, site.lab.address(host), str(port))
    return site.lab.exec(source, *words, check=False).returncode == 0


def test_on_one_host_the_outside_reaches_the_edge_only(single: ShapeSite) -> None:
    """Call process and edge have one address, by which the inside port knows its peers: nobody else gets to it."""
    ports = (5060, 5070, 5080, 2224, 6379)
    assert [port for port in ports if can_connect(single, "stranger", "pbx1", port)] == [5060]
    assert [port for port in ports if can_connect(single, "pbx1", "pbx1", port)] == [5060, 5070, 5080]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShapeSite]:
    """Two edges, relays and call hosts, one store, and a second tenant, whom the other call host serves."""
    with new_shape(tmp_path_factory.mktemp("cluster"), "cluster") as site:
        site.add_landysh()
        site.pbx("apply", expect=0, timeout=600)
        yield site


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


def whose(record: Record) -> tuple[str, str]:
    return record["tenant"], record["dialled"]


@pytest.mark.row("R31")
def test_each_tenant_is_served_by_its_owner_and_knows_nobody_else(cluster: ShapeSite) -> None:
    """Both tenants have a 201 and a 202; the same extension rings in the caller's own tenant, and a name of another one
    is not dialled."""
    status = {host: cluster.ask(host, "status") for host in ("calls1", "calls2")}
    assert [status[host]["owned"] for host in ("calls1", "calls2")] == [["landysh"], ["romashka"]]
    assert [list(status[host]["epochs"]) for host in ("calls1", "calls2")] == [["landysh"], ["romashka"]]
    with (
        cluster.phone("ivanov", "phone1", "edge1") as one,
        cluster.phone("petrova", "phone2", "edge2") as two,
        cluster.phone("ivanov", "phone3", "edge2", tenant="landysh") as three,
        cluster.phone("petrova", "phone4", "edge1", tenant="landysh") as four,
    ):
        for phone in (one, two, three, four):
            phone.register()
        cluster.wait_contact("edge1", "petrova-desk@romashka.example")
        cluster.wait_contact("edge2", "petrova-desk@landysh.example")
        began = time.time() * 1000
        rings_and_talks(one, two, "202")
        rings_and_talks(three, four, "202")
        strayed = three.dial("sip:202@romashka.example")
        assert three.final(three.wait_closed(strayed).call) == 404
    for tenant, node in (("landysh", "calls1.1"), ("romashka", "calls2.1")):
        for reader in ("calls1", "calls2"):  # one store
            record = cluster.wait_record(
                reader, lambda one, name=tenant: one["started"] > began and whose(one) == (name, "202")
            )
            assert (record["node"], record["disposition"]) == (node, "answered")


@pytest.mark.row("R34")
def test_calls_do_not_notice_that_the_store_is_away(cluster: ShapeSite) -> None:
    """PostgreSQL ends in the middle of a call and comes back after another one: each call has its one record. The call
    process of the other tenant starts meanwhile, and serves."""
    with (
        cluster.phone("ivanov", "phone1", "edge1") as one,
        cluster.phone("petrova", "phone2", "edge1") as two,
        cluster.phone("ivanov", "phone3", "edge1", tenant="landysh") as three,
        cluster.phone("petrova", "phone4", "edge1", tenant="landysh") as four,
    ):
        for phone in (one, two, three, four):
            phone.register()
        began = time.time() * 1000
        ringing = two.place()
        place = one.dial("sip:202@romashka.example")
        two.answer(since=ringing)
        one.wait_established(place)
        cluster.lab.exec("store1", "systemctl", "kill", "--signal=KILL", "postgresql@15-main.service")
        cluster.lab.exec("store1", "systemctl", "stop", "postgresql.service")
        cluster.lab.exec("calls1", "systemctl", "restart", "pbx-calls@1.service")
        one.ear.wait_tone(two.hz, LISTEN, 3.0)
        two.ear.wait_tone(one.hz, LISTEN, 3.0)
        one.hangup()
        one.wait_closed(place)
        two.wait_closed(ringing)
        rings_and_talks(two, one, "201")
        assert cluster.ask("calls1", "status")["epochs"] == {"landysh": 0}
        rings_and_talks(three, four, "202")
        cluster.lab.exec("store1", "systemctl", "start", "postgresql.service")
    later = [
        cluster.wait_record("calls2", lambda record, what=what: record["started"] > began and whose(record) == what, 20)
        for what in (("romashka", "202"), ("romashka", "201"), ("landysh", "202"))
    ]
    assert [record["disposition"] for record in later] == ["answered"] * 3
    deadline = time.monotonic() + 10
    while cluster.ask("calls1", "status")["epochs"].get("landysh", 0) == 0:
        assert time.monotonic() < deadline, "the lease was not taken"
        time.sleep(0.2)


@pytest.mark.row("R05")
def test_a_relay_that_is_down_gets_no_new_calls(cluster: ShapeSite) -> None:
    cluster.lab.exec("relay2", "systemctl", "stop", "rtpengine-daemon.service")
    try:
        deadline = time.monotonic() + 10
        while not (silent := cluster.ask("calls2", "status")["silent_relays"]):
            assert time.monotonic() < deadline, "nobody noticed"
            time.sleep(0.1)
        assert silent == [f"{cluster.lab.address('relay2')}:2223"]
        with cluster.phone("ivanov", "phone1", "edge1") as one, cluster.phone("petrova", "phone2", "edge2") as two:
            one.register()
            two.register()
            cluster.wait_contact("edge1", "petrova-desk@romashka.example")
            for _ in range(2):
                rings_and_talks(one, two, "202")
    finally:
        cluster.lab.exec("relay2", "systemctl", "start", "rtpengine-daemon.service")


def test_the_store_is_for_call_hosts_only(cluster: ShapeSite) -> None:
    reach = {name: can_connect(cluster, name, "store1", 5432) for name in ("calls1", "calls2", "edge1", "stranger")}
    assert reach == {"calls1": True, "calls2": True, "edge1": False, "stranger": False}
    exec_ = cluster.lab.exec
    address = cluster.lab.address("store1")
    sockets = {line.split()[3] for line in exec_("store1", "ss", "-lntH").stdout.splitlines()}
    assert sockets == {f"{address}:5432", "127.0.0.1:5432", "0.0.0.0:22", "[::]:22"}
    assert (
        exec_("store1", "stat", "-c", "%a %U %G", "/etc/postgresql/15/main/pg_hba.conf").stdout == "640 root postgres\n"
    )
    assert exec_("store1", "systemctl", "is-enabled", "postgresql.service").stdout == "enabled\n"
    given = exec_("calls1", "cat", "/var/lib/pbx/secrets/calls.json").stdout
    password = json.loads(given)["store_password"]
    for place in ("/etc/pbx/calls.json", "/var/lib/pbx/documents/calls.json"):
        assert password not in exec_("calls1", "cat", place).stdout
    assert password not in exec_("store1", "journalctl", "--no-pager", "-o", "cat").stdout
    assert password not in exec_("store1", "sh", "-c", "cat /var/log/postgresql/*").stdout


@pytest.mark.parametrize("source, port, reached", [("edge1", 5080, True), ("stranger", 5080, False)])
def test_edges_reach_each_other_inside(cluster: ShapeSite, source: str, port: int, reached: bool) -> None:
    assert can_connect(cluster, source, "edge2", port) is reached


def cable(site: ShapeSite, host: str, state: str) -> None:
    """The link of a host to the others, up or down."""
    subprocess.run(["ip", "-n", site.lab.netns("lab"), "link", "set", f"v-{host}", state], check=True)


@pytest.mark.row("R33")
def test_a_call_host_dies_and_the_other_serves_its_tenants(cluster: ShapeSite) -> None:
    """Everything on calls2 ends at once, and its address is silent. Who talks goes on talking, as the relays live;
    their hang-up finds nobody, and their record says so. A new, empty machine in its place gets the tenant back."""
    began = time.time() * 1000
    with (
        cluster.phone("ivanov", "phone1", "edge1") as one,
        cluster.phone("petrova", "phone2", "edge2") as two,
        cluster.phone("sidorov", "phone3", "edge1") as three,
    ):
        for phone in (one, two, three):
            phone.register()
        cluster.wait_contact("edge1", "petrova-desk@romashka.example")
        ringing = two.place()
        place = one.dial("sip:202@romashka.example")
        two.answer(since=ringing)
        one.wait_established(place)
        deadline = time.monotonic() + 5
        while not any(one["started"] > began for one in cluster.records("calls1")):  # what is not shipped dies with it
            assert time.monotonic() < deadline, "the call's beginning is not in the store"
            time.sleep(0.1)
        cluster.lab.exec("calls2", "systemctl", "poweroff", "--force", "--force", check=False)
        cable(cluster, "calls2", "down")
        died = time.monotonic()
        echoed = three.dial("sip:*43@romashka.example")
        three.wait_established(echoed, 8.0)
        print(f"a call dialled at the death of a call host is answered after {time.monotonic() - died:.1f} s")
        since = time.monotonic()
        for ear, hz in ((one.ear, two.hz), (two.ear, one.hz), (three.ear, three.hz)):
            ear.wait_tone(hz, LISTEN, 6.0, since)
        for phone, since_dialled in ((one, place), (two, ringing), (three, echoed)):
            phone.hangup()
            phone.wait_closed(since_dialled)
        assert cluster.ask("calls1", "status")["taken"] == {"romashka": "calls2.1"}
    lost, new = (
        cluster.wait_record("calls1", lambda one, number=number: one["started"] > began and one["dialled"] == number)
        for number in ("202", "*43")
    )
    assert (lost["node"], lost["disposition"]) == ("calls2.1", "interrupted")
    assert (new["node"], new["disposition"]) == ("calls1.1", "answered")
    cable(cluster, "calls2", "up")
    cluster.lab.run("up", "--shape", "cluster", timeout=120)
    cluster.pbx("apply", expect=0, timeout=600)
    deadline = time.monotonic() + 15
    while list(cluster.ask("calls2", "status")["epochs"]) != ["romashka"]:
        assert time.monotonic() < deadline, "it does not get its tenant back"
        time.sleep(0.2)


def test_a_cluster_has_nothing_left_to_do(cluster: ShapeSite) -> None:
    """Also after all that happened above."""
    assert cluster.pbx("plan", expect=0).stdout == "no differences\n"
