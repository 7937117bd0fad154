"""Who serves a tenant: by rendezvous, or as the inventory says."""

import pytest

from pbx.desired.hosts import Host, InventoryError, host_of
from pbx.desired.owners import owners
from pbx.model.objects import Model

TENANTS = [f"tenant{number}" for number in range(40)]


def model() -> Model:
    return Model(dict.fromkeys(TENANTS))  # type: ignore[arg-type]


def hosts(count: int, processes: int = 1, **pinned: str) -> list[Host]:
    variables = {"pbx_owners": pinned, "pbx_calls_instances": processes}
    return [host_of(f"calls{n}", ["calls"], {"sip_address": f"10.0.0.{n}", **variables}) for n in range(1, count + 1)]


def test_a_new_host_takes_tenants_and_moves_no_other() -> None:
    before, after = owners(model(), hosts(2)), owners(model(), hosts(3))
    moved = {tenant for tenant in TENANTS if before[tenant].name != after[tenant].name}
    assert moved and {after[tenant].name for tenant in moved} == {"calls3.1"}


def test_the_inventory_moves_one_tenant() -> None:
    before = owners(model(), hosts(2))
    other = {"calls1": "calls2", "calls2": "calls1"}[before["tenant7"].host.name]
    after = owners(model(), hosts(2, tenant7=other))
    assert {tenant for tenant in TENANTS if before[tenant].name != after[tenant].name} == {"tenant7"}


def test_a_second_process_takes_tenants_and_moves_no_other() -> None:
    before, after = owners(model(), hosts(2)), owners(model(), hosts(2, processes=2))
    assert {after[tenant].name for tenant in TENANTS if before[tenant].name != after[tenant].name} == {
        "calls1.2",
        "calls2.2",
    }
    assert after["tenant7"].uri == f"sip:10.0.0.{after['tenant7'].host.name[-1]}:{5069 + after['tenant7'].instance}"


def test_a_tenant_is_pinned_to_a_host_or_to_one_process_of_it() -> None:
    found = owners(model(), hosts(2, processes=3, tenant1="calls2", tenant2="calls2.3"))
    assert (found["tenant1"].host.name, found["tenant2"].name) == ("calls2", "calls2.3")
    with pytest.raises(InventoryError, match=r"no host calls2\.4"):
        owners(model(), hosts(2, processes=3, tenant2="calls2.4"))


@pytest.mark.parametrize("given", [0, 9, "two", -1, True, None])
def test_the_number_of_call_processes_is_a_number(given: object) -> None:
    with pytest.raises(InventoryError, match=r"calls1: pbx_calls_instances is .*; it is a number of .*, 1 to 8"):
        host_of("calls1", ["calls"], {"sip_address": "10.0.0.1", "pbx_calls_instances": given})


@pytest.mark.parametrize("given", [0, 9, "two", -1, True, None])
def test_the_number_of_media_engines_is_a_number(given: object) -> None:
    with pytest.raises(InventoryError, match=r"calls1: pbx_media_instances is .*; it is a number of .*, 1 to 8"):
        host_of("calls1", ["media"], {"sip_address": "10.0.0.1", "pbx_media_instances": given})


def test_a_host_that_is_not_there_is_told() -> None:
    with pytest.raises(InventoryError, match=r"tenant7: no host calls9 in the group calls; there are: calls1, calls2"):
        owners(model(), hosts(2, tenant7="calls9"))


def test_owners_is_a_mapping() -> None:
    with pytest.raises(InventoryError, match="no mapping"):
        host_of("calls1", ["calls"], {"sip_address": "10.0.0.1", "pbx_owners": "calls1"})
