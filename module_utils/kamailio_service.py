"""The kamailio service of a host: its files, what the running process was started with, its live settings.

The unit writes the SHA-256 of every file that matters at a start to `started` in the run directory. A process whose
list differs from the wanted one runs something else and is restarted; files that a running Kamailio can take in
(settings, addresses, targets, tables, certificates) are not in that list.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.files import Want
from ansible_collections.pbx.core.plugins.module_utils.kamailio_rpc import KamailioDown, KamailioRpc, RpcError

__all__ = [
    "SETTINGS",
    "certificate_of",
    "local_text",
    "parse_local",
    "parse_settings",
    "running_settings",
    "served_certificate",
    "settings_text",
    "stale",
    "started_with",
    "wanted_files",
    "wanted_settings",
]

#: Limits of the running edge: default and meaning. The document's `settings` (`pbx.NAME`) change them.
SETTINGS: Mapping[str, tuple[int, str]] = {
    "max_fail": (5, "failed authentications of one address within 300 s before it is banned"),
    "ban_seconds": (300, "length of a ban"),
    "max_invites": (0, "new calls of one device within 10 s; 0 is no limit"),
    "max_subscribes": (400, "SUBSCRIBEs of one device within 10 s beside those that refresh; 0 is no limit"),
    "owner_timeout": (600, "ms without any answer of the tenant's call process"),
    "device_timeout": (8000, "ms without any answer of a device"),
    "trunk_timeout": (6000, "ms without any answer of a trunk"),
}

START_FILES = (
    "kamailio.cfg", "pbx_outside.cfg", "pbx_inside.cfg", "pbx_browsers.cfg", "pbx_local.cfg", "pbx_edges.cfg",
    "tls.cfg",
)  # fmt: skip


def wanted_settings(document: Mapping[str, Any]) -> dict[str, int]:
    """Every setting with its value; a name that the edge does not know is an error."""
    given = {str(name).removeprefix("pbx."): value for name, value in document.get("settings", {}).items()}
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise ValueError(f"the edge has no setting pbx.{', pbx.'.join(unknown)}; it has {', '.join(sorted(SETTINGS))}")
    return {name: int(given.get(name, default)) for name, (default, _meaning) in SETTINGS.items()}


def settings_text(settings: Mapping[str, int]) -> str:
    """pbx_settings.cfg: the same values for the next start."""
    rows = (f'pbx.{name} = {value} desc "{SETTINGS[name][1]}"\n' for name, value in settings.items())
    return "# Limits; the running server has them, too (cfg.seti).\n" + "".join(rows)


def running_settings(rpc: KamailioRpc) -> dict[str, int] | None:
    """The live values, or None when no Kamailio runs. One that was started by an older release lacks the newer ones,
    which come with its restart."""
    found = {}
    for name in SETTINGS:
        try:
            found[name] = int(rpc.call("cfg.get", "pbx", name))
        except RpcError:
            continue
        except KamailioDown:
            return None
    return found


def local_text(words: Mapping[str, Any], features: Mapping[str, bool]) -> str:
    """pbx_local.cfg: what differs between hosts, as words that the other files use, and features that are on.

    In alphabetical order: the same words in another order are no reason for a restart.
    """
    for name, value in words.items():
        if "!" in str(value) or "\n" in str(value):
            raise ValueError(f"{name}: {value!r} has a character that pbx_local.cfg cannot carry")
    lines = [f'#!substdef "!{name}!{value}!g"' for name, value in sorted(words.items())]
    lines += [f"#!define {name}" for name, on in sorted(features.items()) if on]
    return "\n".join(["# Names and places of this host.", *lines, ""])


def parse_local(text: str) -> tuple[dict[str, str], dict[str, bool]]:
    """Words and features of a pbx_local.cfg."""
    words = dict(re.findall(r'(?m)^#!substdef "!([^!]+)!([^!]*)!g"$', text))
    return words, {name: True for name in re.findall(r"(?m)^#!define (\w+)$", text)}


def parse_settings(text: str) -> dict[str, int]:
    """Values of a pbx_settings.cfg, by the names of SETTINGS."""
    found = re.findall(r"(?m)^pbx\.(\w+) = (-?\d+)", text)
    return {name: int(value) for name, value in found if name in SETTINGS}


def wanted_files(etc_dir: str, texts: Mapping[str, str], group: str) -> list[Want]:
    """The files of the configuration folder: root writes, Kamailio reads."""
    return [
        Want(f"{etc_dir}/{name}", "file", text.encode(), None, "root", group, 0o640) for name, text in texts.items()
    ]


def started_with(run_dir: str) -> dict[str, str]:
    """Path to SHA-256, as the unit wrote it when the process was started; empty when it was not started by our unit."""
    try:
        text = (Path(run_dir) / "started").read_text()
    except OSError:
        return {}
    return {path.strip(" *"): digest for digest, _, path in (line.partition(" ") for line in text.splitlines())}


def stale(files: Mapping[str, str], started: Mapping[str, str]) -> list[str]:
    """Paths (path to wanted text) that the running process was started with another content of, or without."""
    wanted = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    return sorted(path for path, digest in wanted.items() if started.get(path) != digest)


def certificate_of(path: str) -> str:
    """The first certificate of a PEM file, the server's own; nothing when there is none."""
    try:
        text = Path(path).read_text()
    except OSError:
        return ""
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return _normal(found.group(0)) if found else ""


def served_certificate(address: str, port: int) -> str:
    """The certificate that the running server shows in a handshake; nothing when it shows none."""
    try:
        return _normal(ssl.get_server_certificate((address, port), timeout=5))
    except (OSError, ssl.SSLError):
        return ""


def _normal(pem: str) -> str:
    return "\n".join(line.strip() for line in pem.strip().splitlines())
