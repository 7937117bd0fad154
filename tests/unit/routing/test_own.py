"""What people set themselves: what can be set, and what counts over the word of the model (behaviour R08, C02)."""

from __future__ import annotations

from typing import Any

import pytest
from phones.scripted.simulation import house

from pbx.analysis.russian import RUSSIAN
from pbx.model.objects import Destination, Tenant
from pbx.model.services import Setting
from pbx.routing import own
from pbx.routing.own import NotUsable, checked, in_force
from pbx.routing.reason import Reason, told

pytestmark = pytest.mark.row("C02")


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return house().model.tenants["house"]


def forward(to: str, **more: Any) -> dict[str, Any]:
    return {"to": to, "after": 20.0, "confirm": False, **more}


@pytest.mark.parametrize(("value", "kept"), [
    ({"to": "202"}, forward("user/boris")),
    ({"to": "boris"}, forward("user/boris")),
    ({"to": "user/boris", "after": 5}, forward("user/boris", after=5.0)),
    ({"to": "640"}, forward("ring_group/all")),
    ({"to": "8 916 123-45-67", "confirm": True}, forward("+79161234567", confirm=True)),
    ({"to": "+74951000004"}, forward("number/+74951000004")),
    (False, False), (None, None),
])  # fmt: skip
def test_a_forwarding_is_kept_as_a_destination(tenant: Tenant, value: Any, kept: Any) -> None:
    assert checked(tenant, "anna", "forward.busy", value) == kept


@pytest.mark.parametrize(("user", "key", "value", "why"), [
    ("nobody", "do_not_disturb", True, "there is no user nobody"),
    ("anna", "forward.never", False, "there is no setting forward.never; there are do_not_disturb, call_waiting,"),
    ("anna", "do_not_disturb", "yes", "do_not_disturb is true or false"),
    ("anna", "do_not_disturb", 1, "do_not_disturb is true or false"),
    ("anna", "forward.always", True, "forward.always is {to: …}, or false"),
    ("anna", "forward.always", "202", "forward.always is {to: …}, or false"),
    ("anna", "forward.always", {"to": "299"}, "299 is nobody and nothing of this PBX and no number"),
    ("anna", "forward.always", {"to": "112"}, "112 is nobody"),
    ("anna", "forward.always", {"to": "201"}, "201 is the one whose calls are forwarded"),
    ("anna", "forward.always", {"to": "202", "until": "18:00"}, "there is no until in a forwarding"),
    ("anna", "forward.always", {"to": "202", "after": 0}, "after is a number of seconds, 1 to 300"),
    ("anna", "forward.always", {"to": "202", "after": True}, "after is a number of seconds, 1 to 300"),
    ("anna", "forward.always", {"to": "202", "confirm": "no"}, "confirm is true or false"),
    ("anna", "forward.always", {"to": "+493012345678"}, "+493012345678 is international"),
    ("gleb", "forward.always", {"to": "89161234567"}, "+79161234567 is national"),
])  # fmt: skip
def test_what_cannot_be_set_is_said_in_words(tenant: Tenant, user: str, key: str, value: Any, why: str) -> None:
    with pytest.raises(NotUsable) as refused:
        checked(tenant, user, key, value)
    assert str(refused.value).startswith(why)


def by_fay(value: Any, changed: int = 1_795_000_000_000, author: str = "user/fay") -> Setting:
    return Setting(value, author, changed)


def test_the_own_word_stands_over_that_of_the_model(tenant: Tenant) -> None:
    fay = tenant.users["fay"]
    assert fay.forward["always"].to == Destination("user", "boris")
    own_way = in_force(tenant, fay, {"forward.always": by_fay(forward("user/anna"))})
    assert own_way.forward["always"].to == Destination("user", "anna")
    assert in_force(tenant, fay, {"forward.always": by_fay(False)}).forward == {}
    taken_back = in_force(tenant, fay, {"forward.always": by_fay(None)})
    assert taken_back is fay
    both = in_force(tenant, fay, {"forward.busy": by_fay(forward("user/anna")), "do_not_disturb": by_fay(True)})
    assert set(both.forward) == {"always", "busy"} and both.do_not_disturb
    assert not in_force(tenant, fay, {"do_not_disturb": by_fay(False)}).do_not_disturb


def test_what_the_model_cannot_follow_any_more_counts_for_nothing(tenant: Tenant) -> None:
    fay = tenant.users["fay"]
    gone = {"forward.always": by_fay(forward("user/somebody_who_left"))}
    assert in_force(tenant, fay, gone) is fay
    barred = {"forward.always": by_fay(forward("+493012345678"))}
    assert in_force(tenant, fay, barred) is fay


def test_who_set_it_is_told(tenant: Tenant) -> None:
    fay = in_force(tenant, tenant.users["fay"], {"do_not_disturb": by_fay(True)})
    why = Reason("do_not_disturb", user="fay")
    assert str(own.told(tenant, fay, "do_not_disturb", why)) == (
        "user/fay does not want to be disturbed (set by user/fay themselves on 2026-11-18 14:06)"
    )
    russian = told(own.told(tenant, fay, "do_not_disturb", why), RUSSIAN.reasons)
    assert russian.endswith("(так решил сам user/fay, 2026-11-18 14:06)")
    fay = in_force(tenant, tenant.users["fay"], {"do_not_disturb": by_fay(True, author="console of ivanova")})
    assert str(own.told(tenant, fay, "do_not_disturb", why)).endswith("(set by console of ivanova on 2026-11-18 14:06)")
    assert own.told(tenant, tenant.users["fay"], "do_not_disturb", why) == why
