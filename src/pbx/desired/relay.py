"""The documents of a relay: the settings of rtpengine, by the names of its own configuration file, and its agent's."""

from __future__ import annotations

from typing import Any

from pbx.desired.hosts import Host

DIGITS_PORT = 2225  # where call processes ask the agent for digits
SPOOL = "/var/spool/pbx"  # in memory: what rtpengine writes of recorded calls, and what the agent makes of it
DIGITS_LOG = ("127.0.0.1", 2226)  # where rtpengine tells the agent of them

# delete-delay: media of an ended call stops at once. table -1: no kernel module, userspace forwarding.
SETTINGS: dict[str, str | int] = {
    "table": -1,
    "listen-cli": "127.0.0.1:2224",
    "port-min": 30000,
    "port-max": 39999,
    "dtmf-log-dest": "{}:{}".format(*DIGITS_LOG),
    "recording-method": "pcap",  # the other one wants a kernel module
    "recording-format": "eth",
    "recording-dir": SPOOL,
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


def process(host: Host) -> dict[str, Any]:
    """/etc/pbx/relay.json, of the agent."""
    settings = document(host)["settings"]
    return {
        "digits": {"address": DIGITS_LOG[0], "port": DIGITS_LOG[1]},
        "calls": {"address": host.sip_address, "port": DIGITS_PORT},
        "control": "/run/pbx-relay/control.sock",
        "recording": {
            "spool": settings["recording-dir"],
            **{name: _listens(settings[f"listen-{name}"]) for name in ("ng", "cli")},
        },
    }


def _listens(setting: str) -> dict[str, Any]:
    """`address:port` of rtpengine."""
    address, _, port = setting.rpartition(":")
    return {"address": address.strip("[]"), "port": int(port)}
