"""kamailio_config: files proven by a start in an empty network, limits live, and what makes a restart due."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils import kamailio_service
from ansible_collections.pbx.core.plugins.module_utils.kamailio_service import local_text, stale, started_with
from unit.edge.edge_under_test import EDGE, ROLE, SETTINGS, EdgeUnderTest
from unit.edge.module_runs import lines, run, story

WORDS = {
    "SIP_ADDRESS": EDGE, "PUBLIC_ADDRESS": EDGE, "PUBLIC_PORT": 5060, "OUTSIDE_PORT": 5060, "INSIDE_PORT": 5080,
    "TLS_PORT": 5061, "SERVER_NAME": "edge1", "CHILDREN": 2, "PIKE_DENSITY": 200,
}  # fmt: skip
DOCUMENT = {"format": 1, "server": "edge1", "role": "edge", "settings": {}}


def role_file(name: str) -> str:
    return (ROLE / "files" / name).read_text()


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    names = ("kamailio.cfg", "pbx_outside.cfg", "pbx_inside.cfg")
    return {
        "document": DOCUMENT, "files": {name: role_file(name) for name in names}, "words": WORDS, "unit": "",
        "run_dir": str(tmp_path / "run"), "etc_dir": str(tmp_path / "etc"), "state_dir": str(tmp_path / "lib"),
    }  # fmt: skip


def test_a_bare_host_gets_files_lists_and_databases(options: dict[str, Any], tmp_path: Path) -> None:
    done = story("kamailio_config", expected_change=True, **options, phase="stage")
    made = [line.removeprefix("create ").replace(f"{tmp_path}/", "") for line in lines(done)]
    assert made == [
        "file etc/kamailio.cfg",
        "file etc/pbx_outside.cfg",
        "file etc/pbx_inside.cfg",
        "file etc/pbx_local.cfg",
        "file etc/pbx_settings.cfg",
        "file etc/pbx_addresses",
        "file etc/pbx_dispatcher.list",
        "database lib/pbx.sqlite",
        "database lib/location.empty.sqlite",
    ]


def test_an_edited_file_is_named_shown_and_repaired(options: dict[str, Any], tmp_path: Path) -> None:
    story("kamailio_config", expected_change=True, **options, phase="stage")
    file = tmp_path / "etc" / "pbx_outside.cfg"
    file.write_text(file.read_text().replace("route(AUTHENTICATE);", ""))
    done = story("kamailio_config", expected_change=True, **options, phase="stage")
    assert lines(done) == [f"update file {file} content"]
    assert "route(AUTHENTICATE);" in done["diff"][0]["after"]
    assert "route(AUTHENTICATE);" not in done["diff"][0]["before"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('loadmodule "tm.so"\n', "", "tm"),
        ('loadmodule "pv.so"\n', "", "pv"),
        ("dbtable=ht_ha1", "dbtable=ht_nothing", "ht_nothing"),
        ("route(FROM_CALLS);", "route(NOWHERE);", "NOWHERE"),
        ('modparam("rr", "enable_double_rr", 1)', 'modparam("rr", "no_such", 1)', "no_such"),
    ],
    ids=["module", "order", "table", "route", "parameter"],
)
def test_the_gate_stops_what_would_not_start(
    options: dict[str, Any], tmp_path: Path, old: str, new: str, says: str
) -> None:
    story("kamailio_config", expected_change=True, **options, phase="stage")
    good = (tmp_path / "etc" / "kamailio.cfg").read_text()
    assert old in good
    options["files"] = {**options["files"], "kamailio.cfg": good.replace(old, new)}
    for check in (True, False):
        failed = run("kamailio_config", **options, phase="stage", check=check)
        assert failed["failed"]
        assert says in failed["msg"]
    assert (tmp_path / "etc" / "kamailio.cfg").read_text() == good


def test_limits_are_changed_in_the_running_server(edge: EdgeUnderTest, options: dict[str, Any]) -> None:
    options |= {"run_dir": str(edge.run_dir), "phase": "expand"}
    settings = {f"pbx.{name}": value for name, value in SETTINGS.items()}
    options["document"] = {**DOCUMENT, "settings": settings | {"pbx.max_fail": 9}}
    done = story("kamailio_config", expected_change=True, **options)
    assert lines(done) == ["update setting pbx.max_fail running"]
    assert edge.rpc.call("cfg.get", "pbx", "max_fail") == 9
    options["document"] = {**DOCUMENT, "settings": settings}
    story("kamailio_config", expected_change=True, **options)


def test_a_limit_that_an_older_release_did_not_have_waits_for_the_restart(
    edge: EdgeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kamailio_service, "SETTINGS", {**kamailio_service.SETTINGS, "of_tomorrow": (1, "a limit")})
    assert "of_tomorrow" not in (kamailio_service.running_settings(edge.rpc) or {"of_tomorrow": 0})


def test_an_unknown_limit_is_refused(options: dict[str, Any]) -> None:
    options["document"] = {**DOCUMENT, "settings": {"pbx.max_fails": 9}}
    assert "no setting pbx.max_fails; it has ban_seconds," in run("kamailio_config", **options)["msg"]


def test_a_restart_is_due_when_the_process_began_with_something_else(tmp_path: Path) -> None:
    files = {"/etc/kamailio/kamailio.cfg": "one", "/etc/kamailio/pbx_local.cfg": "two"}
    sums = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    (tmp_path / "started").write_text("".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    assert stale(files, started_with(str(tmp_path))) == []
    changed = files | {"/etc/kamailio/pbx_local.cfg": "three"}
    assert stale(changed, started_with(str(tmp_path))) == ["/etc/kamailio/pbx_local.cfg"]
    assert stale(files, started_with(str(tmp_path / "nowhere"))) == sorted(files)


def test_names_of_a_host_cannot_break_out_of_their_line() -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        local_text({"SERVER_NAME": 'edge1!g"\nroute[X]{}'}, {})


def test_the_features_of_a_host(options: dict[str, Any], tmp_path: Path) -> None:
    """Behind NAT and with TLS the same files start as well; a certificate that cannot be read stops them."""
    tls = (
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
        f"certificate = {tmp_path}/server.pem\nprivate_key = {tmp_path}/server.key\n"
    )
    options |= {"features": {"WITH_ADVERTISE": True, "WITH_TLS": True}, "files": {**options["files"], "tls.cfg": tls}}
    options["words"] = {**WORDS, "PUBLIC_ADDRESS": "203.0.113.80", "PUBLIC_PORT": 15060}
    assert "server.pem" in run("kamailio_config", **options, phase="stage")["msg"]
    options["features"] = {"WITH_ADVERTISE": True}
    story("kamailio_config", expected_change=True, **options, phase="stage")


def test_gathered_is_fed_back(options: dict[str, Any], tmp_path: Path) -> None:
    options["features"] = {"WITH_ADVERTISE": True}
    story("kamailio_config", expected_change=True, **options, phase="stage")
    places = {name: options[name] for name in ("unit", "run_dir", "etc_dir", "state_dir")}
    found = run("kamailio_config", **places, state="gathered")["gathered"]
    assert found["words"]["SIP_ADDRESS"] == EDGE and found["features"] == {"WITH_ADVERTISE": True}
    document = {**DOCUMENT, "settings": found.pop("settings")}
    assert run("kamailio_config", **places, **found, document=document)["changed"] is False
    merged = {**places, "state": "merged", "document": {**DOCUMENT, "settings": {"pbx.max_fail": 3}}}
    done = story("kamailio_config", expected_change=True, **merged)
    assert lines(done) == [f"update file {tmp_path}/etc/pbx_settings.cfg content"]
    assert "pbx.max_fail = 3 " in (tmp_path / "etc" / "pbx_settings.cfg").read_text()
    rendered = run("kamailio_config", **options, state="rendered")["rendered"]
    assert sorted(rendered) == [
        "kamailio.cfg",
        "pbx_inside.cfg",
        "pbx_local.cfg",
        "pbx_outside.cfg",
        "pbx_settings.cfg",
    ]


def test_a_whole_configuration_needs_its_files(options: dict[str, Any]) -> None:
    assert run("kamailio_config", **{**options, "files": {}})["msg"] == "state overridden needs files"
