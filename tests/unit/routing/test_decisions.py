"""Decisions: shares, facts, numbers that come back, classes of service and the cheapest trunk."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from pbx.model import build
from pbx.model.load import load
from pbx.model.objects import Destination, Location, Number, OutboundRoute, Tenant, Trunk, User
from pbx.model.problems import ModelErrors
from pbx.model.services import ClassOfService, Rate, Services, Tariff
from pbx.routing import decide, outbound
from pbx.routing.decision import Facts

AT = datetime.fromisoformat("2026-11-09T12:00+03:00")
CALLERS = [f"+7916{number:07}" for number in range(2_000)]


def pbx(**parts: Any) -> Tenant:
    return Tenant("acme", "Acme", "acme.example", "RU", "7", "Europe/Moscow", ("ru-RU",), **parts)


def steps_taken(plain: list[dict[str, Any]], flow: str = "main", number: str = "+74951000100") -> list[int]:
    """The step that takes each of CALLERS."""
    made = build.flow(flow, plain)
    taken = [decide.flow(pbx(), made, Facts(AT, caller, number)).next_step for caller in CALLERS]
    return [step for step in taken if step is not None]


def share(text: str) -> dict[str, Any]:
    return {"when": {"share": text}, "to": {"reject": 603}}


LAST = {"to": {"hang_up": True}}


# --- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.row("C07")
def test_a_share_is_that_part_of_the_callers() -> None:
    assert steps_taken([share("10%"), LAST]).count(1) == pytest.approx(200, abs=40)


@pytest.mark.row("C07")
def test_half_of_the_rest_is_half_of_the_rest() -> None:
    taken = steps_taken([share("10%"), share("50%"), LAST])
    assert taken.count(2) == pytest.approx((len(CALLERS) - taken.count(1)) / 2, abs=90)


@pytest.mark.row("C07")
def test_a_canary_grows_and_keeps_whom_it_had() -> None:
    small, large = steps_taken([share("10%"), LAST]), steps_taken([share("25%"), LAST])
    assert all(after == 1 for before, after in zip(small, large, strict=True) if before == 1)


@pytest.mark.row("C07")
def test_a_caller_is_in_it_whatever_they_dial_whenever_and_whatever_steps_come_between() -> None:
    first = steps_taken([share("30%"), LAST])
    assert first == steps_taken([share("30%"), LAST], number="+74951000200")
    between = {"when": {"language": "en-US"}, "to": {"reject": 600}}
    assert [step == 1 for step in first] == [step == 2 for step in steps_taken([between, share("30%"), LAST])]


@pytest.mark.row("C07")
def test_two_flows_draw_apart() -> None:
    assert steps_taken([share("50%"), LAST]) != steps_taken([share("50%"), LAST], flow="other")


@pytest.mark.row("C07")
def test_who_hides_the_number_draws_with_each_call() -> None:
    made = build.flow("main", [share("50%"), LAST])
    taken = [decide.flow(pbx(), made, Facts(AT.replace(second=second), None)).next_step for second in range(60)]
    assert 10 < taken.count(1) < 50
    assert decide.flow(pbx(), made, Facts(AT, None)) == decide.flow(pbx(), made, Facts(AT, None))


HEAD = """
version: pbx/v1
tenant: {id: acme, name: Acme, domain: acme.example, country: RU, timezone: Europe/Moscow, languages: [ru-RU]}
"""


@pytest.fixture
def warnings(tmp_path: Path) -> Callable[[str], list[str]]:
    """What `pbx validate` says of a flow."""

    def of(flow: str) -> list[str]:
        (tmp_path / "acme").mkdir()
        (tmp_path / "acme/acme.yml").write_text(f"{HEAD}lookups: {{crm: {{url: 'https://crm.example/'}}}}\n{flow}\n")
        try:
            return [problem.message for problem in load(tmp_path / "acme", whole=True).warnings]
        except ModelErrors as errors:
            return [problem.message for problem in errors.problems]

    return of


@pytest.mark.row("C07")
def test_the_same_share_a_second_time_is_not_in_vain(warnings: Callable[[str], list[str]]) -> None:
    half = "{when: {share: 50%}, to: {reject: 603}}"
    assert warnings(f"flows: {{main: [{half}, {half}, {{to: {{hang_up: true}}}}]}}") == []


@pytest.mark.row("R24")
def test_a_step_that_leads_where_a_crm_says_is_no_end(warnings: Callable[[str], list[str]]) -> None:
    (message,) = warnings("flows: {main: [{lookup: lookup/crm, as: crm}, {to: {from: crm.owner}}]}")
    assert message.startswith("the last step may go on with the next, so calls fall out of the flow")


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("R23")
@pytest.mark.parametrize("state", ["suspended", "quarantine"])
@pytest.mark.parametrize(("at", "is_back"), [
    ("2026-11-09T23:59+03:00", False),
    ("2026-11-10T00:00+03:00", True),
    ("2026-11-09T21:00+00:00", True),
    ("2026-11-09T20:59+00:00", False),
])  # fmt: skip
def test_a_number_comes_back_after_its_last_day_on_the_tenants_clock(state: str, at: str, is_back: bool) -> None:
    entry = Number("+74951000100", Destination("hang_up"), state=state, until=date(2026, 11, 9))
    tenant = pbx(numbers={entry.number: entry}, trunks={"mtt": Trunk("mtt", "mtt", "sip:mtt.example")})
    decision = decide.inbound(tenant, entry.number, "mtt", datetime.fromisoformat(at))
    assert (decision.to == entry.to) is is_back
    assert ("back since" in str(decision.reasons[-1])) is is_back


@pytest.mark.row("R23")
def test_a_number_without_a_last_day_stays_as_it_is() -> None:
    entry = Number("+74951000100", Destination("hang_up"), state="quarantine")
    tenant = pbx(numbers={entry.number: entry}, trunks={"mtt": Trunk("mtt", "mtt", "sip:mtt.example")})
    assert decide.inbound(tenant, entry.number, "mtt", AT).to == decide.NOT_FOUND


# --- to the outside ---------------------------------------------------------------------------------------------------


@pytest.mark.row("R06")
@pytest.mark.parametrize(("allow", "bar", "number", "why"), [
    ((), (), "+4930123456", None),
    (("+7",), (), "+79161234567", None),
    (("+7",), (), "+4930123456", "class_of_service/own allows no prefix of +4930123456"),
    (("+7",), ("+7809",), "+78095551122", "class_of_service/own bars +7809, and so +78095551122"),
    (("+7", "+780950"), ("+7809",), "+78095051122", None),
    (("+7809",), ("+7809",), "+78095551122", "class_of_service/own bars +7809, and so +78095551122"),
    ((), ("+7809",), "+79161234567", None),
])  # fmt: skip
def test_a_sites_own_class_of_service(
    allow: tuple[str, ...], bar: tuple[str, ...], number: str, why: str | None
) -> None:
    tenant = pbx(services=Services(classes_of_service={"own": ClassOfService("own", allow, bar)}))
    reason = outbound.barred(tenant, "own", number, None)
    assert (str(reason) if reason else None) == why


@pytest.mark.row("R06")
def test_a_sites_own_class_replaces_the_built_in_one_of_its_name() -> None:
    own = Services(classes_of_service={"national": ClassOfService("national", ("+49",))})
    assert outbound.barred(pbx(), "national", "+4930123456", None) is not None
    assert outbound.barred(pbx(services=own), "national", "+4930123456", None) is None


@pytest.mark.row("R07")
def test_the_cheapest_trunk_is_first_by_the_longest_prefix_of_its_tariff() -> None:
    def trunk(name: str, cost: str | None) -> Trunk:
        return Trunk(name, name, f"sip:{name}.example", cost=cost)

    tariffs = {
        "a": Tariff("a", "RUB", (Rate("+7", "0.90"), Rate("+7495", "10.00"))),
        "b": Tariff("b", "RUB", (Rate("+7", "9.00"),)),
        "c": Tariff("c", "RUB", (Rate("+49", "0.10"),)),
    }
    trunks = [trunk("none", None), trunk("c", "c"), trunk("a", "a"), trunk("b", "b")]
    tenant = pbx(
        trunks={each.id: each for each in trunks},
        outbound_routes={"r": OutboundRoute("r", ("+7",), tuple(each.id for each in trunks), "least_cost")},
        services=Services(tariffs=tariffs),
    )
    assert [each.id for each in outbound.choose(tenant, "+79161234567").trunks] == ["a", "b", "none", "c"]
    choice = outbound.choose(tenant, "+74951234567")
    assert [each.id for each in choice.trunks] == ["b", "a", "none", "c"]
    assert str(choice.reasons[0]) == (
        "outbound_route/r: longest prefix of +74951234567, the cheapest first: trunk/b at 9.00 RUB a minute; "
        "trunk/a at 10.00 RUB a minute; trunk/none without a price for it; trunk/c without a price for it"
    )


@pytest.mark.row("R07")
@pytest.mark.parametrize("order", ["linear", "random", "least_cost"])
def test_a_full_trunk_is_left_out_and_one_that_is_down_comes_last(order: str) -> None:
    trunks = [Trunk("a", "a", "sip:a", max_channels=2), Trunk("b", "b", "sip:b"), Trunk("c", "c", "sip:c")]
    tenant = pbx(
        trunks={each.id: each for each in trunks},
        outbound_routes={"r": OutboundRoute("r", ("+7",), ("a", "b", "c"), order)},
    )
    now = {"a": "full", "b": "down", "c": "free"}
    choice = outbound.choose(tenant, "+79161234567", state=lambda trunk: now[trunk.id])
    assert [each.id for each in choice.trunks] == ["c", "b"]
    assert [str(reason) for reason in choice.reasons[1:]] == [
        "trunk/a left out: all its 2 channels are taken",
        "trunk/b comes last: it does not answer OPTIONS",
    ]
    now["b"] = now["c"] = "full"
    choice = outbound.choose(tenant, "+79161234567", state=lambda trunk: now[trunk.id])
    assert (choice.route, choice.trunks) == ("r", ())
    assert str(choice.reasons[0]).endswith("and none of its trunks can be used now")


@pytest.mark.row("R11")
def test_an_emergency_leaves_no_trunk_out_and_tries_a_dead_one_last() -> None:
    trunks = [Trunk(name, name, f"sip:{name}") for name in ("dead", "full", "well")]
    place = Location("here", emergency_caller_id="+74951000112", emergency_trunks=("dead", "full", "well"))
    tenant = pbx(trunks={each.id: each for each in trunks}, locations={"here": place})
    now = {"dead": "down", "full": "full", "well": "free"}
    _, chosen, reasons = outbound.emergency(tenant, User("u", location="here"), state=lambda trunk: now[trunk.id])
    assert [each.id for each in chosen] == ["full", "well", "dead"]
    assert "trunk/dead comes last: it does not answer OPTIONS" in map(str, reasons)


# --- served -----------------------------------------------------------------------------------------------------------


@pytest.mark.row("C07")
@pytest.mark.row("R23")
def test_a_call_server_decides_shares_and_last_days_as_a_simulation_does(tmp_path: Path) -> None:
    """A model that `validate` takes, through the document that a call process is given."""
    (tmp_path / "acme").mkdir()
    flow = "flows: {main: [{when: {share: 20%}, to: {reject: 603}}, {to: {hang_up: true}}]}"
    numbers = 'numbers: {"+74951000100": {to: flow/main, state: quarantine, until: 2026-11-09}}'
    trunk = 'trunks: {mtt: {proxy: "sip:mtt.example"}}'
    (tmp_path / "acme/acme.yml").write_text(f"{HEAD}{flow}\n{numbers}\n{trunk}\n")
    loaded = load(tmp_path)
    document = orjson.loads(orjson.dumps({"site": loaded.site_plain, "tenants": loaded.tenant_plain}))
    served = build.model(document["site"], document["tenants"]).tenants["acme"]
    here = loaded.model.tenants["acme"]
    key = here.trunks["mtt"].key
    for day, reached in (("2026-11-09", decide.NOT_FOUND), ("2026-11-10", Destination("flow", "main"))):
        at = datetime.fromisoformat(f"{day}T12:00+03:00")
        assert decide.inbound(served, "+74951000100", key, at).to == reached
        assert decide.inbound(here, "+74951000100", key, at).to == reached
    decided = [
        [decide.flow(each, each.flows["main"], Facts(AT, caller)).to for caller in CALLERS] for each in (served, here)
    ]
    assert decided[0] == decided[1]
    assert decided[0].count(Destination("reject", "603")) == pytest.approx(400, abs=60)
