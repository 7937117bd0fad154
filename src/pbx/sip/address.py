"""Where a SIP message goes to or comes from."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """A transport address: `transport` is "udp" or "tcp", `host` an IP literal (IPv6 without brackets)."""

    transport: str
    host: str
    port: int

    @property
    def host_port(self) -> str:
        """`host:port` as SIP writes it (IPv6 in brackets)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
