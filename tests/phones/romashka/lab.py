"""The lab as the calls need it: namespaces and addresses of the outside, passwords, and the records of calls."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
INVENTORY = CHECKOUT / "inventory/lab/hosts.yml"
AUTHORITY = CHECKOUT / "lab/state/ca/ca.pem"
PBX = CHECKOUT / ".venv/bin/pbx"
CALLS = "/opt/pbx/current/bin/pbx-calls"
Record = Mapping[str, Any]

EDGE_CONTROL = "unix:/run/kamailio/ctl.sock"


class LabTrouble(RuntimeError):
    """The lab, or what should run on it, is not there."""


def run(*words: str, timeout: float = 30.0) -> str:
    """Standard output of `lab/lab WORDS…`."""
    return _run([str(CHECKOUT / "lab/lab"), *words], timeout)


@cache
def addresses() -> dict[str, str]:
    """Address of each host and outside party."""
    found: dict[str, str] = json.loads(run("status", "--json"))["addresses"]
    return found


@cache
def namespace(party: str) -> str:
    return run("netns", party).strip()


@cache
def password(user: str, device: str) -> str:
    """What is typed into this phone (`pbx credentials`)."""
    said = json.loads(_run([str(PBX), "credentials", f"romashka/{user}", "-i", str(INVENTORY), "--json"], 30.0))
    found = [entry["password"] for entry in said if entry["user"] == f"{user}-{device}"]
    if len(found) != 1:
        raise LabTrouble(f"pbx credentials romashka/{user}: {len(found)} devices are {user}-{device}")
    return str(found[0])


@cache
def trunk_login() -> tuple[str, str]:
    """User and password that the carrier mtt asks for."""
    return "romashka", secret("trunk_mtt")


@cache
def secret(name: str) -> str:
    """One of those that the model names: they stand in the lab's secrets."""
    import yaml

    secrets = yaml.safe_load((INVENTORY.parent / "group_vars/all/secrets.yml").read_text())
    return str(secrets["pbx_secrets"][name])


def forgive(address: str) -> None:
    """The edge forgets wrong passwords from this address: several runs in five minutes would get it banned."""
    for table in ("authfail", "ban"):
        words = ["exec", "edge1", "kamcmd", "-s", EDGE_CONTROL, "htable.delete", table, address]
        subprocess.run([str(CHECKOUT / "lab/lab"), *words], capture_output=True, timeout=30, check=False)


def records(last: int = 20) -> list[Record]:
    """The newest call records, newest first."""
    said: list[Record] = json.loads(run("exec", "calls1", CALLS, "cdr", "--last", str(last), "--json"))
    return said


def wait_record(fits: Callable[[Record], bool], deadline: float = 5.0) -> Record | None:
    """The one finished record that fits; None when there is none at the deadline, or several."""
    end = time.monotonic() + deadline
    while True:
        found = [r for r in records() if r["ended"] is not None and fits(r)]
        if found or time.monotonic() > end:
            return found[0] if len(found) == 1 else None
        time.sleep(0.2)  # the record is drained from the journal: there is nothing to wait on


def _run(argv: list[str], timeout: float) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LabTrouble(f"{' '.join(argv[:4])}: status {done.returncode}\n{done.stderr[-1500:]}")
    return done.stdout
