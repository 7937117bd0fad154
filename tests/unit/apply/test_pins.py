"""PINs travel as salted hashes (contracts §7.2)."""

from dataclasses import replace

import pytest

from pbx.desired.compile import compile_all
from pbx.desired.hosts import Host
from pbx.desired.secrets import SecretError, Secrets
from pbx.desired.source import LoadedSource
from pbx.model import pins
from pbx.model.services import Conference, Services


@pytest.fixture
def with_room(loaded: LoadedSource) -> LoadedSource:
    """The example with a conference room that asks for PINs."""
    rooms = {"board": Conference("board", "800", pin="board", moderator_pin="chair")}
    tenants = {
        name: replace(tenant, services=replace(tenant.services, conferences=rooms))
        for name, tenant in loaded.source.model.tenants.items()
    }
    assert all(isinstance(tenant.services, Services) for tenant in tenants.values())
    return replace(loaded, source=replace(loaded.source, model=replace(loaded.source.model, tenants=tenants)))


def secrets_with(secrets: Secrets, **more: str) -> Secrets:
    return Secrets(secrets.site_key, {**secrets.given, **more})


@pytest.mark.row("R13")
def test_only_hashes_of_pins_reach_call_processes(with_room: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    given = secrets_with(secrets, board="4711", chair="908172")
    compiled = compile_all(with_room.source, hosts, given)
    named = {(one.role, name): value for one in compiled.documents for name, value in one.secrets.items()}
    hashes = {role_and_name: value for role_and_name, value in named.items() if role_and_name[1].startswith("pin/")}
    assert set(hashes) == {("calls", f"pin/{name}") for name in ("board", "chair", "voicemail_ivanov")}
    stored = hashes["calls", "pin/board"]
    assert "4711" not in stored and pins.is_right(stored, "4711")
    assert not any(pins.is_right(stored, wrong) for wrong in ("", "4712", "908172", "471", "47110"))
    again = compile_all(with_room.source, hosts, given)
    assert [one.secrets for one in again.documents] == [one.secrets for one in compiled.documents]


def test_one_pin_for_both_is_refused(with_room: LoadedSource, hosts: list[Host], secrets: Secrets) -> None:
    assert pins.hashed("4711", b"board") != pins.hashed("4711", b"chair")
    with pytest.raises(SecretError, match="conferences/board: whoever types the PIN of both would be no moderator"):
        compile_all(with_room.source, hosts, secrets_with(secrets, board="4711", chair="4711"))


def test_what_is_missing_and_what_is_no_pin_is_named_at_once(
    with_room: LoadedSource, hosts: list[Host], secrets: Secrets
) -> None:
    with pytest.raises(SecretError) as told:
        compile_all(with_room.source, hosts, secrets_with(secrets, board="12a4"))
    assert str(told.value).splitlines() == [
        "romashka: conferences/board/pin: board is no PIN: 4 to 12 digits can be typed",
        "romashka: conferences/board/moderator_pin: pbx_secrets has no 'chair'",
    ]


@pytest.mark.parametrize("pin", ["0000", "1234", "2580", "0800"])
def test_rooms_have_no_pin_that_is_tried_first(
    with_room: LoadedSource, hosts: list[Host], secrets: Secrets, pin: str
) -> None:
    rooms = {"board": Conference("board", "0800", pin="board")}
    tenant = with_room.source.model.tenants["romashka"]
    changed = {"romashka": replace(tenant, services=replace(tenant.services, conferences=rooms))}
    source = replace(with_room.source, model=replace(with_room.source.model, tenants=changed))
    with pytest.raises(SecretError, match=r"romashka: conferences/board/pin: board is too easy: .* tried"):
        compile_all(source, hosts, secrets_with(secrets, board=pin))


@pytest.mark.parametrize("stored", ["", "4711", "pbkdf2-sha256$x$y$z", "pbkdf2-sha256$1$zz$00", "md5$1$00$00", "$$$"])
def test_what_is_no_hash_is_right_for_nobody(stored: str) -> None:
    assert not pins.is_right(stored, "4711") and not pins.is_right(stored, "")
