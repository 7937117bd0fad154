"""The document of a relay: the settings of rtpengine, by the names of its own configuration file."""

from __future__ import annotations

from typing import Any

from pbx.desired.hosts import Host

# delete-delay: media of an ended call stops at once. table -1: no kernel module, userspace forwarding.
SETTINGS: dict[str, str | int] = {
    "table": -1,
    "listen-cli": "127.0.0.1:2224",
    "port-min": 30000,
    "port-max": 39999,
    "redis": "127.0.0.1:6379/5",
    # rtpengine waits for Redis with the call locked: one that hangs must cost little, and soon nothing
    "redis-allowed-errors": 3,
    "redis-disable-time": 10,
    "redis-connect-timeout": 100,
    "redis-cmd-timeout": 100,
    "no-redis-required": 1,  # a relay whose Redis is broken still serves new calls
    "delete-delay": 0,
    # silence ends a call where its two sides are known (`media_timeout` of a tenant): a held one may be silent for long
    "timeout": 900,
    "silent-timeout": 3600,
    "offer-timeout": 3600,
    "final-timeout": 0,
    "log-level": 5,
    "tos": 184,
    "num-threads": 2,
    "max-sessions": -1,
}


def document(host: Host) -> dict[str, Any]:
    """Settings of this relay: the fixed ones, its addresses, then the inventory's `rtpengine_settings`."""
    interface = host.media_address
    if host.public_address:
        interface = f"{host.media_address}!{host.public_address}"
    settings = {
        **SETTINGS,
        "interface": interface,
        "listen-ng": f"{host.sip_address}:2223",
        **host.settings.get("relay", {}),
    }
    return {"settings": dict(sorted(settings.items()))}
