"""The call processes of one host differ by a number from 1: in their name, their SIP port, and the files of each."""

from __future__ import annotations

from pathlib import PurePath


def name_of(host: str, instance: int) -> str:
    """As in leases, journals and call records: `calls1.2`."""
    return f"{host}.{instance}"


def are_siblings(one: str, other: str) -> bool:
    """Two processes of one host, by their names."""
    return one.rpartition(".")[0] == other.rpartition(".")[0]


def port_of(instance: int, first: int) -> int:
    """The SIP port; `first` is that of the first process."""
    return first + instance - 1


def numbered(path: str, instance: int) -> str:
    """A file that each process has for itself: `control.sock`, `control-2.sock`, …"""
    place = PurePath(path)
    return path if instance == 1 else str(place.with_name(f"{place.stem}-{instance}{place.suffix}"))
