"""rtpengine's text CLI on a TCP socket of this host, and its settings: which are live, how each reads back.

`rtpengine-ctl` is not needed. Proven with 10.5.3. Standard library only (runs on targets).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
from collections.abc import Mapping

__all__ = [
    "DEFAULTS",
    "LIVE",
    "ask",
    "differing",
    "parameters",
    "parse_file",
    "restart_digest",
    "running",
    "sessions",
    "set_live",
]

# Configuration key → the word that `set` takes. All other keys need a restart.
LIVE: Mapping[str, str] = {
    "max-sessions": "maxsessions",
    "max-cpu": "maxcpu",
    "max-load": "maxload",
    "max-bandwidth": "maxbw",
    "timeout": "timeout",
    "silent-timeout": "silenttimeout",
    "offer-timeout": "offertimeout",
    "final-timeout": "finaltimeout",
    "delete-delay": "deletedelay",
    "log-level": "loglevel",
    "redis-allowed-errors": "redisallowederrors",
    "redis-disable-time": "redisdisabletime",
    "redis-connect-timeout": "redisconnecttimeout",
    "redis-cmd-timeout": "rediscmdtimeout",
}

# What they are without a word in the file (10.5.3): a key that is not wanted any more goes back to this.
DEFAULTS: Mapping[str, str] = {
    "max-sessions": "-1",
    "max-cpu": "0",
    "max-load": "0",
    "max-bandwidth": "0",
    "timeout": "60",
    "silent-timeout": "3600",
    "offer-timeout": "3600",
    "final-timeout": "0",
    "delete-delay": "30",
    "log-level": "6",
    "redis-allowed-errors": "-1",
    "redis-disable-time": "10",
    "redis-connect-timeout": "1000",
    "redis-cmd-timeout": "0",
}

# The commands that are sent: what reads, and `set` of the live keys. Others end calls or crash the daemon
# (`set controltos` with one NG listener, `ksadd` without Redis).
_READS = ("params current", "list numsessions")

# Where `params current` calls a key otherwise than the configuration file does.
_SHOWN_AS: Mapping[str, str] = {
    "max-bandwidth": "max-bw",
    "log-level": "log-level-core",
    "redis-allowed-errors": "redis_allowed_errors",
    "redis-disable-time": "redis_disable_time",
    "redis-connect-timeout": "redis_connect_timeout",
    "redis-cmd-timeout": "redis_cmd_timeout",
    "interface": "interface[0]",
}


def ask(address: str, command: str, timeout: float = 5.0) -> str | None:
    """The answer to a command, or None when nobody listens (a bare host, a stopped daemon).

    Its exit status and protocol say nothing of success; a command that this module does not know to be harmless is a
    ValueError and is not sent.
    """
    if not _harmless(command):
        raise ValueError(f"rtpengine is not sent {command!r}: only {', '.join(_READS)} and set of a live key")
    host, _, port = address.rpartition(":")
    parts: list[bytes] = []
    try:
        with socket.create_connection((host, int(port)), timeout) as connection:
            connection.sendall(command.encode() + b"\n")
            while data := connection.recv(65536):
                parts.append(data)
    except OSError:
        return None
    return b"".join(parts).decode(errors="replace")


def _harmless(command: str) -> bool:
    words = command.split()
    if words[:1] != ["set"]:
        return " ".join(words) in _READS
    # `set timeout 0` ends every call at once
    return len(words) == 3 and words[1] in LIVE.values() and words[1:] != ["timeout", "0"]


def parse_file(text: str) -> dict[str, str]:
    """The settings of an rtpengine.conf; comments and other sections are passed over."""
    found, ours = {}, True
    for line in (one.strip() for one in text.splitlines()):
        key, separator, value = line.partition("=")
        if line.startswith("["):
            ours = line == "[rtpengine]"
        elif ours and separator and not line.startswith(("#", ";")):
            found[key.strip()] = value.strip()
    return found


def running(live: Mapping[str, str], key: str) -> str | None:
    """A key's value in `params current`, as the configuration file would say it; None when it is not shown."""
    shown = live.get(_SHOWN_AS.get(key, key))
    if shown is not None and key in DEFAULTS:
        with contextlib.suppress(ValueError):
            return f"{float(shown):g}"
    return shown


def parameters(address: str) -> dict[str, str] | None:
    """`params current` as a mapping; the first non-empty value of a repeated key; None when the daemon is not up."""
    text = ask(address, "params current")
    if text is None:
        return None
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition(" = ")
        if separator and not found.get(key):
            found[key] = value.strip()
    return found


def differing(live: Mapping[str, str], settings: Mapping[str, object]) -> list[str]:
    """Keys whose running value is not the wanted one; keys that the daemon does not show are left out."""
    return sorted(key for key, value in settings.items() if not _same(live.get(_SHOWN_AS.get(key, key)), key, value))


def _same(shown: str | None, key: str, wanted: object) -> bool:
    if shown is None:
        return True
    text = str(wanted)
    if key == "interface":
        # Shown as `name\address`; an advertised address is shown in other ways: the start digest covers it.
        return "!" in text or ";" in text or shown.rpartition("\\")[2] == text.rpartition("/")[2]
    with contextlib.suppress(ValueError):
        return float(shown) == float(text)
    return shown == text


def sessions(address: str) -> int:
    """How many calls this daemon holds now."""
    text = ask(address, "list numsessions") or ""
    line = next((one for one in text.splitlines() if one.startswith("Current sessions own:")), ": 0")
    return int(line.partition(":")[2])


def set_live(address: str, key: str, value: object) -> str:
    """Set one live key; returns what the daemon says when it refuses, else nothing."""
    answer = ask(address, f"set {LIVE[key]} {value}")
    return "" if answer is not None and answer.startswith("Success") else f"{key}: {answer or 'no answer'}".strip()


def restart_digest(settings: Mapping[str, object]) -> str:
    """Digest of the keys that need a restart: the unit's environment bears it, so a running process can tell it."""
    fixed = {key: str(value) for key, value in settings.items() if key not in LIVE}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:12]
