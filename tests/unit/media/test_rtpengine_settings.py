"""rtpengine_settings against a real rtpengine: what is live is set live, and what would harm the daemon is not sent."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.module_utils.rtpengine_cli import (
    DEFAULTS,
    LIVE,
    ask,
    differing,
    parameters,
    parse_file,
    restart_digest,
)
from unit.edge.module_runs import lines, run, story
from unit.media.conftest import free_port, wait_until

pytestmark = pytest.mark.row("C01")

MODULE = "rtpengine_settings"


class Daemon:
    """rtpengine started from the file that the module wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cli = folder, f"127.0.0.1:{free_port()}"
        self.settings: dict[str, Any] = {
            "table": -1,
            "interface": "127.0.0.1",
            "listen-ng": f"127.0.0.1:{free_port()}",
            "listen-cli": self.cli,
            "port-min": 28000,
            "port-max": 28100,
            "num-threads": 1,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def options(self, **settings: Any) -> dict[str, Any]:
        return {**self.base(), "document": {"settings": {**self.settings, **settings}}}

    def base(self) -> dict[str, Any]:
        return {"path": str(self.folder / "rtpengine.conf"), "unit": ""}

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            command = ["rtpengine", "--foreground", "--log-stderr", f"--config-file={self.folder}/rtpengine.conf"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: parameters(self.cli) is not None, (self.folder / "log").read_text)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    run(MODULE, **one.options())
    one.start()
    yield one
    one.stop()


def test_the_defaults_are_those_of_the_daemon(daemon: Daemon) -> None:
    assert set(DEFAULTS) == set(LIVE)
    live = parameters(daemon.cli)
    assert live is not None and differing(live, DEFAULTS) == []
    for key, value in DEFAULTS.items():  # and each can be set
        if key != "timeout":
            assert (ask(daemon.cli, f"set {LIVE[key]} {value}") or "").startswith("Success"), key


def test_live_settings_as_a_story(daemon: Daemon) -> None:
    assert run(MODULE, **daemon.options())["changed"] is False
    done = story(MODULE, expected_change=True, **daemon.options(**{"silent-timeout": 900}))
    assert lines(done) == [
        f"update file {daemon.folder}/rtpengine.conf content",
        "update rtpengine_setting silent-timeout",
    ]
    assert done["before"]["rtpengine_setting"] == {"silent-timeout": "3600"}
    assert done["after"]["rtpengine_setting"] == {"silent-timeout": "900"}
    ask(daemon.cli, "set silenttimeout 33")
    ask(daemon.cli, "set maxsessions 5")  # nobody wants it: it is in no document
    repaired = story(MODULE, expected_change=True, **daemon.options(**{"silent-timeout": 900}))
    assert lines(repaired) == ["update rtpengine_setting max-sessions", "update rtpengine_setting silent-timeout"]
    story(MODULE, expected_change=True, **daemon.options())  # not wanted any more: the daemon's default


def test_what_is_gathered_and_fed_back_changes_nothing(daemon: Daemon) -> None:
    story(MODULE, expected_change=True, **daemon.options(**{"max-sessions": 100, "log-level": 5}))
    found = run(MODULE, **daemon.base(), state="gathered")["gathered"]
    assert found["settings"] == {
        key: str(v) for key, v in {**daemon.settings, "max-sessions": 100, "log-level": 5}.items()
    }
    assert run(MODULE, **daemon.base(), document=found)["changed"] is False
    ask(daemon.cli, "set maxsessions 7")
    assert run(MODULE, **daemon.base(), state="gathered")["gathered"]["settings"]["max-sessions"] == "7"


def test_single_keys_are_merged_and_deleted(daemon: Daemon) -> None:
    ask(daemon.cli, "set deletedelay 3")
    drain = {**daemon.base(), "document": {"settings": {"max-sessions": 0}}}
    done = story(MODULE, expected_change=True, state="merged", **drain)
    assert [one["id"] for one in done["actions"] if one["kind"] == "rtpengine_setting"] == ["max-sessions"]
    assert parse_file(Path(drain["path"]).read_text()) == {
        **{k: str(v) for k, v in daemon.settings.items()},
        "max-sessions": "0",
    }
    story(MODULE, expected_change=True, state="deleted", **drain)
    live = parameters(daemon.cli)
    assert live is not None and (live["max-sessions"], live["delete-delay"]) == ("-1", "3")
    assert "max-sessions" not in run(MODULE, state="rendered", **daemon.options())["rendered"]


@pytest.mark.parametrize(
    "command",
    ["set controltos 184", "ksadd 1", "set timeout 0", "set maxopenfiles 100", "terminate all", "set maxsessions 1 2"],
)
def test_commands_that_crash_it_or_end_calls_are_never_sent(daemon: Daemon, command: str) -> None:
    with pytest.raises(ValueError, match="rtpengine is not sent"):
        ask(daemon.cli, command)


def test_no_timeout_that_would_end_every_call(daemon: Daemon) -> None:
    failed = run(MODULE, **daemon.options(timeout=0))
    assert failed["failed"] and "would end every call" in failed["msg"]


def test_a_refused_value_is_told(daemon: Daemon) -> None:
    """The daemon's answer is read: its exit status and its connection look the same when it refuses."""
    failed = run(MODULE, **daemon.options(**{"max-sessions": "many"}))
    assert failed["failed"] and failed["msg"].startswith("max-sessions: Fail")


def test_the_digest_of_a_start_leaves_live_keys_out() -> None:
    """`dtmf-log-dest` is not shown by the daemon; the unit's environment tells that it was started with another."""
    fixed = {"interface": "127.0.0.1", "dtmf-log-dest": "127.0.0.1:9"}
    assert restart_digest({**fixed, "timeout": 60}) == restart_digest({**fixed, "timeout": 90})
    assert restart_digest(fixed) != restart_digest({**fixed, "dtmf-log-dest": "127.0.0.1:10"})
    assert differing({"interface[0]": "default\\127.0.0.1"}, fixed) == []
