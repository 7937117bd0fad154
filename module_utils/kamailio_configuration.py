"""Configuring one edge: its files, databases, limits and service; have, want, what differs, and how it is mended."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import action
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, read_text, write
from ansible_collections.pbx.core.plugins.module_utils.kamailio_document import the_document
from ansible_collections.pbx.core.plugins.module_utils.kamailio_gate import PROGRAM, start_gate
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
    running_settings,
    served_certificate,
    settings_text,
    stale,
    started_with,
    wanted_files,
    wanted_settings,
)
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit, systemctl

__all__ = ["Edge", "diff_of", "gate", "plan", "run_service", "write_files"]

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
        self.drop_in = f"/etc/systemd/system/{params['unit']}.d/10-pbx.conf"
        if params["unit"] and params["drop_in"]:
            self.files.append(Want(self.drop_in, "file", params["drop_in"].encode()))
        self.databases = (f"{params['state_dir']}/pbx.sqlite", f"{params['state_dir']}/location.empty.sqlite")

    def start_files(self) -> dict[str, str]:
        """Path to text of what only a start takes in."""
        found = {f"{self.params['etc_dir']}/{name}": self.texts[name] for name in START_FILES if name in self.texts}
        return {**found, **({self.drop_in: self.params["drop_in"]} if self.params["drop_in"] else {})}


def plan_files(edge: Edge) -> list[dict[str, Any]]:
    """Files and databases that are absent or not as wanted; list files are only made, their modules keep them."""
    actions = [
        action("create" if fields == ["absent"] else "update", "file", want.path, set(fields) - {"absent"})
        for want in edge.files
        if (fields := differences(want))
    ]
    for name in LIST_FILES:
        path = f"{edge.params['etc_dir']}/{name}"
        actions += [] if os.path.exists(path) else [action("create", "file", path)]
    if not tables_whole(edge.databases[0]):
        actions.append(action("create", "database", edge.databases[0]))
    if not os.path.exists(edge.databases[1]):
        actions.append(action("create", "database", edge.databases[1]))
    return actions


def plan_service(edge: Edge) -> list[dict[str, Any]]:
    """Limits of the running server, and what the service needs."""
    live = running_settings(edge.rpc)
    actions = []
    if live is not None:
        actions = [
            action("update", "setting", f"pbx.{name}", ["running"])
            for name, value in edge.settings.items()
            if live[name] != value
        ]
        actions += plan_certificate(edge)
    name = edge.params["unit"]
    if not name:
        return actions
    unit = read_unit(name)
    if not unit.enabled:
        actions.append(action("enable", "service", name))
    if not unit.active:
        return [*actions, action("start", "service", name)]
    reasons = stale(edge.start_files(), started_with(edge.params["run_dir"]))
    return [*actions, action("restart", "service", name, reasons)] if reasons else actions


def plan_certificate(edge: Edge) -> list[dict[str, Any]]:
    """A renewed certificate is taken in by a reload; open connections stay."""
    path, words = edge.params["certificate"], edge.params["words"]
    if not path:
        return []
    served = served_certificate(str(words["SIP_ADDRESS"]), int(words["TLS_PORT"]))
    return [action("reload", "certificate", path, ["running"])] if served and served != certificate_of(path) else []


def gate(edge: Edge, actions: list[dict[str, Any]]) -> str:
    """The errors of a start with the wanted files, when one of them changes and Kamailio is installed."""
    changed = {one["id"] for one in actions}
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


def run_service(edge: Edge, actions: list[dict[str, Any]]) -> str:
    """Limits, then the service; returns what went wrong, or nothing."""
    for one in actions:
        if one["kind"] == "setting":
            name = one["id"].removeprefix("pbx.")
            edge.rpc.call("cfg.seti", "pbx", name, edge.settings[name])
        elif one["kind"] == "certificate":
            edge.rpc.call("tls.reload")
    service = [one for one in actions if one["kind"] == "service"]
    if service:
        systemctl("daemon-reload")
    for one in service:
        if one["op"] != "enable":
            systemctl("reset-failed", one["id"])
        code, text = systemctl(one["op"], one["id"])
        if code:
            _code, log = systemctl("status", "--no-pager", "--lines=15", one["id"])
            return f"{one['op']} {one['id']}: {text}\n{log}"
    if any(one["op"] in ("start", "restart") for one in service) and not _answers(edge):
        return f"{edge.params['unit']} was started and does not answer in {edge.params['run_dir']}"
    return ""


def _answers(edge: Edge) -> bool:
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while not edge.rpc.up():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def diff_of(edge: Edge, actions: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Texts before and after of the files that change."""
    changed = {one["id"] for one in actions if one["kind"] == "file"}
    return [
        {
            "before_header": want.path,
            "after_header": want.path,
            "before": read_text(want.path),
            "after": (want.content or b"").decode(),
        }
        for want in edge.files
        if want.path in changed
    ]


def plan(edge: Edge) -> list[dict[str, Any]]:
    """All actions of this run's phase."""
    phase = edge.params["phase"]
    actions = plan_files(edge) if phase in ("all", "stage") else []
    return actions + (plan_service(edge) if phase in ("all", "expand") else [])
