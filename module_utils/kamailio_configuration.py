"""Configuring one edge: its files, databases, limits and service; have, want, what differs, and how it is mended."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import Step
from ansible_collections.pbx.core.plugins.module_utils.files import (
    Want,
    differences,
    file_steps,
    read_text,
    text_diff,
    write,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import the_document
from ansible_collections.pbx.core.plugins.module_utils.kamailio_gate import PLACES, PROGRAM, start_gate
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioRpc
from ansible_collections.pbx.core.plugins.module_utils.kamailio_schema import (
    create_location,
    create_tables,
    tables_whole,
)
from ansible_collections.pbx.core.plugins.module_utils.kamailio_service import (
    START_FILES,
    certificate_of,
    local_text,
    parse_local,
    parse_settings,
    running_settings,
    served_certificate,
    settings_text,
    stale,
    started_with,
    wanted_files,
    wanted_settings,
)
from ansible_collections.pbx.core.plugins.module_utils.processes import act, did_not, read_unit, systemctl

__all__ = ["Edge", "diff_of", "gate", "gathered", "merged", "plan", "run_service", "write_files"]

LIST_FILES = ("pbx_addresses", "pbx_dispatcher.list")
SECONDS_TO_ANSWER = 15.0


class Edge:
    """What this run wants, from the options."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.rpc = KamailioRpc(params["run_dir"])
        self.settings = wanted_settings(the_document(params))
        places = {"RUN_DIR": params["run_dir"], "STATE_DIR": params["state_dir"], "ETC_DIR": params["etc_dir"]}
        self.texts: dict[str, str] = {
            **params["files"],
            "pbx_local.cfg": local_text({**params["words"], **places}, params["features"]),
            "pbx_settings.cfg": settings_text(self.settings),
        }
        self.files = wanted_files(params["etc_dir"], self.texts, params["group"])
        self.drop_in = _drop_in(params)
        if params["unit"] and params["drop_in"]:
            self.files.append(Want(self.drop_in, "file", params["drop_in"].encode()))
        self.databases = (f"{params['state_dir']}/pbx.sqlite", f"{params['state_dir']}/location.empty.sqlite")

    def start_files(self) -> dict[str, str]:
        """Path to text of what only a start takes in."""
        found = {f"{self.params['etc_dir']}/{name}": self.texts[name] for name in START_FILES if name in self.texts}
        return {**found, **({self.drop_in: self.params["drop_in"]} if self.params["drop_in"] else {})}


def gathered(params: Mapping[str, Any]) -> dict[str, Any]:
    """Files, words, features, drop-in and limits (the running server's) as they are, in the shape of the options."""
    texts = {name: read_text(f"{params['etc_dir']}/{name}") for name in (*START_FILES, "pbx_settings.cfg")}
    words, features = parse_local(texts.pop("pbx_local.cfg"))
    stored = parse_settings(texts.pop("pbx_settings.cfg"))
    settings = running_settings(KamailioRpc(params["run_dir"])) or stored
    return {
        "settings": {f"pbx.{name}": value for name, value in settings.items()},
        "files": {name: text for name, text in texts.items() if text},
        "words": {name: value for name, value in words.items() if name not in PLACES},
        "features": features,
        "drop_in": read_text(_drop_in(params)) if params["unit"] else "",
    }


def merged(params: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The options with all that they do not name as it is on the host."""
    have = gathered(params)
    found = {name: {**have[name], **params[name]} for name in ("files", "words", "features")}
    settings = {**have["settings"], **document.get("settings", {})}
    return {**params, **found, "drop_in": params["drop_in"] or have["drop_in"],
            "document": {**document, "settings": settings}}  # fmt: skip


def _drop_in(params: Mapping[str, Any]) -> str:
    return f"/etc/systemd/system/{params['unit']}.d/10-pbx.conf"


def plan_files(edge: Edge) -> list[Step]:
    """Files and databases that are absent or not as wanted; list files are only made, their modules keep them."""
    steps = file_steps(edge.files)
    lists = (f"{edge.params['etc_dir']}/{name}" for name in LIST_FILES)
    steps += [Step("create", "file", path, after={}) for path in lists if not os.path.exists(path)]
    if not tables_whole(edge.databases[0]):
        there = os.path.exists(edge.databases[0])
        fields = ("tables",) if there else ()
        steps.append(Step("update" if there else "create", "database", edge.databases[0], after={}, fields=fields))
    if not os.path.exists(edge.databases[1]):
        steps.append(Step("create", "database", edge.databases[1], after={}))
    return steps


def plan_service(edge: Edge) -> list[Step]:
    """Limits of the running server, and what the service needs."""
    live = running_settings(edge.rpc)
    steps = []
    if live is not None:
        steps = [
            Step("update", "setting", f"pbx.{name}", live[name], value, ("running",))
            for name, value in edge.settings.items()
            if live.get(name, value) != value
        ]
        steps += plan_certificate(edge)
    name = edge.params["unit"]
    if not name:
        return steps
    unit = read_unit(name)
    before, after = {"active": unit.active, "enabled": unit.enabled}, {"active": True, "enabled": True}
    if not unit.enabled:
        steps.append(Step("enable", "service", name, before, after))
    if not unit.active:
        return [*steps, Step("start", "service", name, before, after)]
    reasons = stale(edge.start_files(), started_with(edge.params["run_dir"]))
    return [*steps, Step("restart", "service", name, before, after, tuple(reasons))] if reasons else steps


def plan_certificate(edge: Edge) -> list[Step]:
    """A renewed certificate is taken in by a reload; open connections stay."""
    path, words = edge.params["certificate"], edge.params["words"]
    if not path:
        return []
    served, wanted = served_certificate(str(words["SIP_ADDRESS"]), int(words["TLS_PORT"])), certificate_of(path)
    if not served or served == wanted:
        return []
    before, after = ({"sha256": hashlib.sha256(one.encode()).hexdigest()} for one in (served, wanted))
    return [Step("reload", "certificate", path, before, after, ("running",))]


def gate(edge: Edge, steps: list[Step]) -> str:
    """The errors of a start with the wanted files, when one of them changes and Kamailio is installed."""
    changed = {one.id for one in steps}
    if not os.path.exists(PROGRAM) or not any(want.path in changed for want in edge.files):
        return ""
    texts = {name: text for name, text in edge.texts.items() if name.endswith(".cfg")}
    return start_gate(texts, str(edge.params["words"]["SIP_ADDRESS"]))


def write_files(edge: Edge) -> None:
    """Write what differs; list files and databases are made only when absent."""
    state_dir, group = edge.params["state_dir"], edge.params["group"]
    os.makedirs(state_dir, exist_ok=True)
    for want in edge.files:
        if differences(want):
            write(want)
    for name in LIST_FILES:
        path = f"{edge.params['etc_dir']}/{name}"
        if not os.path.exists(path):
            write(Want(path, "file", b"", None, "root", group, 0o640))
    create_tables(edge.databases[0])
    if not os.path.exists(edge.databases[1]):
        create_location(edge.databases[1], wal=False)
        shutil.chown(edge.databases[1], group=group)
        os.chmod(edge.databases[1], 0o640)


def run_service(edge: Edge, steps: list[Step]) -> str:
    """Limits, then the service; returns what went wrong, or nothing."""
    for one in steps:
        if one.kind == "setting":
            edge.rpc.call("cfg.seti", "pbx", one.id.removeprefix("pbx."), one.after)
        elif one.kind == "certificate":
            edge.rpc.call("tls.reload")
    service = [one for one in steps if one.kind == "service"]
    if service:
        systemctl("daemon-reload")
    for one in service:
        if one.op != "enable":
            systemctl("reset-failed", one.id)
        code, text = act(one.op, one.id)
        if code:
            return did_not(one.op, one.id, text)
    if any(one.op in ("start", "restart") for one in service) and not _answers(edge):
        return f"{edge.params['unit']} was started and does not answer in {edge.params['run_dir']}"
    return ""


def _answers(edge: Edge) -> bool:
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while not edge.rpc.up():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def diff_of(edge: Edge, steps: list[Step]) -> list[dict[str, str]]:
    """Texts before and after of the files that change."""
    changed = {one.id for one in steps if one.kind == "file"}
    return [text_diff(want) for want in edge.files if want.path in changed]


def plan(edge: Edge) -> list[Step]:
    """All steps of this run's phase."""
    phase = edge.params["phase"]
    steps = plan_files(edge) if phase in ("all", "stage") else []
    return steps + (plan_service(edge) if phase in ("all", "expand") else [])
