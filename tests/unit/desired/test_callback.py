"""The callback of the pbx command: what it keeps of a result, in the words of ansible-core 2.16 and of 2.19."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.pbx.core.plugins.callback import pbx_results

pytestmark = pytest.mark.row("C05")

SECRET = "hunter2hunter2"
FOUND = {
    "changed": True,
    "actions": [
        {"op": "update", "kind": "htable/did", "id": "e164_plus/+7495", "fields": ["running"]},
        {"op": "update", "kind": "htable/ha1", "id": "a@b", "fields": ["running"]},
    ],
    "before": {"htable/did": {"e164_plus/+7495": "somebody"}, "htable/ha1": {"a@b": SECRET}},
    "after": {"htable/did": {"e164_plus/+7495": "romashka"}, "htable/ha1": {"a@b": SECRET}},
    "invocation": {"module_args": {"password": SECRET}},
    "diff": [{"before": SECRET}],
    "stdout": SECRET,
}


def result(found: dict[str, Any], public: bool, action: str = "pbx.core.kamailio_htables", **arguments: Any) -> Any:
    """As a strategy hands it on: public attributes since 2.19."""
    task = SimpleNamespace(get_name=lambda: "Tables", args=arguments, action=action)
    values = {"result": found, "task": task, "host": SimpleNamespace(get_name=lambda: "edge1")}
    return SimpleNamespace(**{name if public else f"_{name}": value for name, value in values.items()})


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The callback and what it has written."""
    path = tmp_path / "results.jsonl"
    monkeypatch.setenv("PBX_RESULTS", str(path))
    callback = pbx_results.CallbackModule()
    return callback, lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("public", [True, False])
def test_actions_and_harmless_values_are_kept(lines: Any, public: bool) -> None:
    callback, written = lines
    callback.v2_runner_on_ok(result(FOUND, public))
    (entry,) = written()
    assert (entry["host"], entry["task"], entry["status"]) == ("edge1", "Tables", "changed")
    assert entry["actions"][0] | {"live": "somebody", "wanted": "romashka"} == entry["actions"][0]
    assert entry["actions"][1] == FOUND["actions"][1]  # type: ignore[index]
    assert len(entry["read"]) == 12
    assert SECRET not in json.dumps(entry)


def test_what_was_read_has_another_digest_when_it_is_another(lines: Any) -> None:
    callback, written = lines
    other = {**FOUND, "before": {**FOUND["before"], "htable/did": {"e164_plus/+7495": "another"}}}  # type: ignore[dict-item]
    for found in (FOUND, FOUND, other):
        callback.v2_runner_on_ok(result(found, True))
    first, second, third = (entry["read"] for entry in written())
    assert first == second != third


def test_a_module_that_is_not_ours_is_one_action(lines: Any) -> None:
    callback, written = lines
    callback.v2_runner_on_ok(result({"changed": True}, True, "ansible.builtin.apt", name=["kamailio", "nftables"]))
    assert written()[0]["actions"] == [{"op": "update", "kind": "apt", "id": "kamailio, nftables", "fields": []}]


@pytest.mark.parametrize("public", [True, False])
def test_failed_and_unreachable_hosts_are_told(lines: Any, public: bool, capsys: pytest.CaptureFixture[str]) -> None:
    callback, written = lines
    callback.v2_runner_on_failed(result({"msg": "no such file", "stdout": SECRET}, public))
    callback.v2_runner_on_unreachable(result({"msg": "timed out"}, public))
    assert [(entry["status"], entry["message"]) for entry in written()] == [
        ("failed", "no such file"),
        ("unreachable", "timed out"),
    ]
    totals = {"ok": 0, "failures": 1, "unreachable": 0}
    callback.v2_playbook_on_stats(SimpleNamespace(processed={"edge1": 1}, summarize=lambda _host: totals))
    told = capsys.readouterr().err
    assert "edge1: Tables: failed" in told and "edge1: Tables: unreachable" in told
    assert told.rstrip().endswith("edge1: failed")
    assert SECRET not in told
