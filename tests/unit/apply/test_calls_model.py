"""pbx_calls_model against a process that speaks its control protocol: what it loads, refuses, and what nobody shows."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.apply.module_run import lines, run

PLAIN = {"tenant": {"id": "t", "name": "T"}, "users": {"a": {"extension": "1"}, "b": {"extension": "2"}}}


class Process:
    """A control socket that loads any document whose server is not `bad`."""

    def __init__(self, path: Path) -> None:
        self.path, self.serving = path, {"site_revision": "", "tenants": {}}
        self.calls, self.refuses = 0, False
        self.asked: list[str] = []
        self.own_settings: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                stream.write(json.dumps(self._answer(json.loads(stream.readline()))).encode() + b"\n")

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request["cmd"])
        if request["cmd"] == "own_settings":
            return {"ok": True, "own_settings": self.own_settings}
        if request["cmd"] == "load":
            if self.refuses:
                return {"ok": False, "error": "has no room for it"}
            document = json.loads(Path(request["path"]).read_text())
            if document["server"] == "bad":
                return {"ok": False, "error": "not a document of this release"}
            tenants = {id_: one["revision"] for id_, one in document["tenants"].items()}
            self.serving = {"site_revision": document["site_revision"], "tenants": tenants}
        return {"ok": True, "calls": self.calls, **self.serving}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "control.sock")
    yield made
    made.close()


def _stage(folder: Path, revision: str, plain: dict[str, Any], server: str = "calls1") -> dict[str, str]:
    """Write document and secrets; the module's arguments."""
    document = {
        "format": 1,
        "server": server,
        "site_revision": "s1",
        "site": {"plain": {"trunks": {}}},
        "tenants": {"t": {"revision": revision, "plain": plain}},
    }
    (folder / "calls.json").write_text(json.dumps(document))
    (folder / "calls.secrets.json").write_text('{"trunk_x": "not-to-be-seen-anywhere"}')
    return {
        "document": str(folder / "calls.json"),
        "secrets": str(folder / "calls.secrets.json"),
        "socket": str(folder / "control.sock"),
        "document_path": str(folder / "served.json"),
        "secrets_path": str(folder / "secrets.json"),
        "user": "root",
        "group": "root",
    }


def test_a_story(process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = _stage(tmp_path, "r1", PLAIN)
    checked = run("pbx_calls_model", capsys, check=True, **arguments)
    assert not (tmp_path / "served.json").exists() and process.serving["tenants"] == {}
    done = run("pbx_calls_model", capsys, **arguments)
    assert done["actions"] == checked["actions"]
    assert lines(done)[:3] == ["create tenant t", "create user t/a", "create user t/b"]
    assert process.serving["tenants"] == {"t": "r1"}
    assert run("pbx_calls_model", capsys, **arguments)["changed"] is False

    users = {"a": {"extension": "9"}, "c": {"extension": "3"}}
    arguments = _stage(tmp_path, "r2", {**PLAIN, "users": users})
    done = run("pbx_calls_model", capsys, **arguments)
    assert lines(done) == ["update user t/a", "delete user t/b", "create user t/c", "load model calls1"]
    assert done["actions"][0]["fields"] == ["extension"]
    assert "not-to-be-seen-anywhere" not in json.dumps(done)


def test_a_process_that_serves_something_else_is_told_again(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _stage(tmp_path, "r1", PLAIN)
    run("pbx_calls_model", capsys, **arguments)
    process.serving = {"site_revision": "s1", "tenants": {"t": "older"}}
    found = run("pbx_calls_model", capsys, check=True, **arguments)
    assert [(one["op"], one["fields"]) for one in found["actions"]] == [("load", ["tenant t"])]
    run("pbx_calls_model", capsys, **arguments)
    assert process.serving["tenants"] == {"t": "r1"}


def test_a_document_that_is_refused_leaves_file_and_process(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("pbx_calls_model", capsys, **_stage(tmp_path, "r1", PLAIN))
    served = (tmp_path / "served.json").read_text()
    done = run("pbx_calls_model", capsys, **_stage(tmp_path, "r2", PLAIN, server="bad"))
    assert done["failed"] is True and "not a document of this release" in done["msg"]
    assert (tmp_path / "served.json").read_text() == served
    assert process.serving["tenants"] == {"t": "r1"}
    assert not (tmp_path / "served.json.candidate").exists()


def test_without_a_process_the_file_is_written_for_its_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run("pbx_calls_model", capsys, **_stage(tmp_path, "r1", PLAIN))
    assert "load model calls1" not in lines(done)
    assert (tmp_path / "served.json").exists() and (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert run("pbx_calls_model", capsys, **_stage(tmp_path, "r1", PLAIN))["changed"] is False


def test_what_is_gathered_and_fed_back_changes_nothing(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _stage(tmp_path, "r1", PLAIN)
    run("pbx_calls_model", capsys, **arguments)
    found = run("pbx_calls_model", capsys, state="gathered", **{**arguments, "document": None, "secrets": None})
    assert found["secret_names"] == ["trunk_x"]
    assert found["gathered"] == json.loads((tmp_path / "calls.json").read_text())
    assert found["serving"] == {"site_revision": "s1", "tenants": {"t": "r1"}}
    back = {**arguments, "document": found["gathered"], "secrets": None}
    (tmp_path / "served.json").write_text(json.dumps(found["gathered"], sort_keys=True, separators=(",", ":")) + "\n")
    assert run("pbx_calls_model", capsys, **back)["changed"] is False


def test_one_tenant_is_put_beside_the_others_and_taken_away(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = _stage(tmp_path, "r1", PLAIN)
    run("pbx_calls_model", capsys, **arguments)
    other = json.loads((tmp_path / "calls.json").read_text())
    other["tenants"] = {"u": {"revision": "r9", "plain": {"tenant": {"id": "u", "name": "U"}}}}
    (tmp_path / "calls.json").write_text(json.dumps(other))
    assert "delete tenant t" in lines(run("pbx_calls_model", capsys, check=True, **arguments))
    done = run("pbx_calls_model", capsys, state="replaced", **arguments)
    assert lines(done) == ["create tenant u", "load model calls1"]
    assert process.serving["tenants"] == {"t": "r1", "u": "r9"}
    done = run("pbx_calls_model", capsys, state="deleted", **arguments)
    assert lines(done) == ["delete tenant u", "load model calls1"]
    assert process.serving["tenants"] == {"t": "r1"}
    assert run("pbx_calls_model", capsys, state="deleted", **arguments)["changed"] is False


def test_all_processes_of_a_host_get_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that refuses it leaves all with the model of before; a socket that nobody listens at is no process."""
    processes = [Process(tmp_path / name) for name in ("control.sock", "control-2.sock")]
    Process(tmp_path / "control-3.sock").close()
    try:
        arguments = {**_stage(tmp_path, "r1", PLAIN), "socket": str(tmp_path)}
        assert "load model calls1" in lines(run("pbx_calls_model", capsys, **arguments))
        assert [one.serving["tenants"] for one in processes] == [{"t": "r1"}] * 2
        processes[1].serving = {"site_revision": "s1", "tenants": {"t": "r0"}}
        found = run("pbx_calls_model", capsys, check=True, **arguments)
        assert lines(found) == ["load model calls1"] and found["actions"][0]["fields"] == ["tenant t"]
        assert run("pbx_calls_model", capsys, **arguments)["changed"]
        assert not run("pbx_calls_model", capsys, **arguments)["changed"]
        processes[1].refuses = True
        refused = run(
            "pbx_calls_model", capsys, **{**arguments, **_stage(tmp_path, "r2", PLAIN), "socket": str(tmp_path)}
        )
        assert refused["failed"] and "has no room" in refused["msg"]
        assert processes[0].serving["tenants"] == {"t": "r1"}
    finally:
        for one in processes:
            one.close()


def test_calls_of_all_processes_are_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    processes = [Process(tmp_path / name) for name in ("control.sock", "control-2.sock")]
    try:
        processes[1].calls = 2
        drained = run("pbx_drain", capsys, socket=str(tmp_path), state="drained", wait=0)
        assert drained["calls"] == 2 and [one.asked[-1] for one in processes] == ["drain"] * 2
        assert run("pbx_drain", capsys, socket=str(tmp_path), state="serving", processes=2)["calls"] == 2
        assert [one.asked[-1] for one in processes] == ["undrain"] * 2
    finally:
        for one in processes:
            one.close()
