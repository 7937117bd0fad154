"""rtpengine's text CLI on a TCP socket of this host, and its settings: which are live, how each reads back.

`rtpengine-ctl` is not needed. Proven with 10.5.3. Standard library only (runs on targets).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
from collections.abc import Mapping

__all__ = ["LIVE", "ask", "differing", "parameters", "restart_digest", "sessions", "set_live"]

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
    """The answer to a command, or None when nobody listens (a bare host, a stopped daemon)."""
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
