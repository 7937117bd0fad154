"""What stands, as a table or as JSON."""

import json
from typing import Any

import cgroups
import enter
import instance
import machines
import network
from places import ADDRESSES, DEFAULT, HOSTS, Trouble

WANTED = instance.FOLDER / "wanted"


def want(hosts: list[str]) -> None:
    """Remember which hosts `up` was asked for; more than one `up` adds to them. Trouble when two of them stand in the
    same place."""
    both = [host for host in HOSTS if host in hosts or host in wanted(default=[])]
    at = {HOSTS[host]: host for host in both}
    if clash := [f"{host} and {at[HOSTS[host]]}" for host in both if at[HOSTS[host]] != host]:
        raise Trouble(f"{clash[0]} have one address: lab/lab down first, or PBX_LAB_ID=name for another lab")
    WANTED.write_text(" ".join(both))


def wanted(default: list[str] | None = None) -> list[str]:
    if WANTED.exists():
        return WANTED.read_text().split()
    return list(DEFAULT) if default is None else default


def collect() -> dict[str, Any]:
    """Hosts with their state, and the addresses of all who have a namespace."""
    hosts: dict[str, Any] = {}
    for host in wanted():
        row: dict[str, Any] = {"address": HOSTS[host], "state": "down", "pid": None, "uptime": None, "memory": None}
        try:
            row["state"] = machines.state(host) if network.whole(host) else "down"
            if (pid := enter.leader(host)) is not None:
                row |= {"pid": pid, "uptime": round(machines.uptime(pid), 1)}
                row["memory"] = cgroups.memory(enter.group_name(host))
        except (OSError, Trouble):
            row["state"] = "down"
        row["mode"] = machines.mode(host)
        hosts[host] = row
    return {"id": instance.ID, "state_folder": str(instance.FOLDER), "hosts": hosts, "addresses": ADDRESSES}


def show(*, as_json: bool) -> int:
    """0 when all wanted hosts are up."""
    found = collect()
    rows = found["hosts"]
    if as_json:
        print(json.dumps(found))
    else:
        line = "{:<8} {:<12} {:<8} {:>8} {:>9} {:>8}  {}"
        print(line.format("HOST", "ADDRESS", "STATE", "PID", "UPTIME", "MEMORY", "ON"))
        for name, row in rows.items():
            uptime = "-" if row["uptime"] is None else f"{row['uptime']:.0f} s"
            memory = "-" if row["memory"] is None else f"{row['memory'] >> 20} MB"
            print(line.format(name, row["address"], row["state"], row["pid"] or "-", uptime, memory, row["mode"]))
    return 0 if all(row["state"] == "up" for row in rows.values()) else 1
