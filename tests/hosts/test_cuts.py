"""SIGKILL of an apply at the boundary of every task: what runs is a whole revision, and the next apply goes on."""

import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosts import cuts
from hosts.story import Site

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R34")]

ASK_EDGE = """import json, os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
mine = f"/run/kamailio/test-{os.getpid()}"
s.bind(mine); os.chmod(mine, 0o777); s.settimeout(5)
def ask(method, *params):
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    s.sendto(json.dumps(call).encode(), "/run/kamailio/rpc.sock")
    return json.loads(s.recv(65536))["result"]
targets = [one["DEST"]["URI"] for each in ask("dispatcher.list")["RECORDS"] for one in each["SET"]["TARGETS"]]
print(json.dumps({
    "phones": sorted(row["name"] for entry in ask("htable.dump", "ha1") for row in entry["slot"]),
    "addresses": sorted(row["item"]["ip"] for row in ask("permissions.addressDump")),
    "targets": sorted(targets),
}))
os.unlink(mine)"""
UNITS = {"kamailio.service": "edge1", "rtpengine-daemon.service": "relay1", "pbx-calls@1.service": "calls1"}
UNITS |= {"pbx-media@1.service": "calls1", "pbx-journal.service": "calls1", "pbx-relay.service": "relay1"}


@dataclass(frozen=True)
class Live:
    """What the running servers say of themselves: nothing is read from a file of ours."""

    calls: str
    edge: dict[str, frozenset[str]]


def ask(site: Site) -> Live:
    found = json.loads(site.lab.exec("edge1", "python3", "-c", ASK_EDGE).stdout)
    return Live(site.status()["tenants"]["romashka"], {kind: frozenset(names) for kind, names in found.items()})


def processes(site: Site) -> dict[str, str]:
    return {unit: site.pid(host, unit) for unit, host in UNITS.items()}


def change(site: Site, mark: str) -> None:
    """A phone, an address, a target and a sound of this name, in place of those of the other name."""
    at = {"a": "21", "b": "22"}[mark]
    devices = "{desk: {type: desk_phone}}"
    user = f'users: {{cut_{mark}: {{extension: "5{at}", location: location/msk, devices: {devices}}}}}\n'
    (site.model / "romashka/cut.yml").write_text(user)
    trunk = f'trunks:\n  cut: {{proxy: "sip:192.0.2.{at}", addresses: ["192.0.2.{at}"], options_ping: 30s}}\n'
    (site.model / "site/cut.yml").write_text(f"version: pbx/v1\n{trunk}")
    with wave.open(str(site.model / "romashka/prompts/closed_en.wav")) as sound:
        parameters, frames = sound.getparams(), sound.readframes(sound.getnframes())
    with wave.open(str(site.model / "romashka/prompts/closed_en.wav"), "wb") as sound:
        sound.setparams(parameters)
        sound.writeframes(frames[: -2 * int(at)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def changing(site: Site) -> Iterator[Site]:
    """The site with the first of two revisions that differ in a phone, an address, a target and a sound."""
    sound = (site.model / "romashka/prompts/closed_en.wav").read_bytes()
    change(site, "a")
    site.pbx("apply", "--tags", "model", expect=0)
    yield site
    for name in ("romashka/cut.yml", "site/cut.yml"):
        (site.model / name).unlink()
    (site.model / "romashka/prompts/closed_en.wav").write_bytes(sound)
    site.pbx("apply", expect=0)
    assert site.pbx("drift", expect=0).stdout.startswith("no differences\n")


def is_part(seen: Live, before: Live, after: Live) -> bool:
    """A whole revision in the call process; at the edge, table by table, the old, the old with the new, or the new."""
    return seen.calls in {before.calls, after.calls} and all(
        seen.edge[kind] in (before.edge[kind], before.edge[kind] | after.edge[kind], after.edge[kind])
        for kind in seen.edge
    )


ON_THE_CONTROLLER = ("Validating arguments against arg spec", "Every server is there")  # no server sees them


def cut_everywhere(site: Site, folder: Path, *words: str) -> list[tuple[str, Live]]:
    """Cut a run at its first boundary, the next at its second and so on, until one ends by itself.

    The states are those of one run that was cut there, as every run begins by doing what the one before was cut from.
    Tasks of the controller alone are gone over: a cut before them is a cut before what follows them.
    """
    seen: list[tuple[str, Live]] = []
    over = 0
    while True:
        with cuts.apply(site, folder, *words) as run:
            for _number in range(over):
                assert run.at() is not None
                run.go()
            while (boundary := run.at()) is not None and any(name in boundary for name in ON_THE_CONTROLLER):
                run.go()
                over += 1
            if boundary is None or boundary.endswith("the end"):
                assert run.to_the_end() == 0, run.error
                return seen
            over += 1
            run.kill()
        live = ask(site)
        if not seen or seen[-1][1] != live or boundary.startswith(("Contract", "Verify")):  # drift tells the truth
            site.pbx("drift", *words, expect=0 if boundary.startswith("Verify") else 2)
        seen.append((boundary, live))


def test_cut_at_every_task_of_a_change_of_the_model(changing: Site, folder: Path) -> None:
    site, before, running = changing, ask(changing), processes(changing)
    change(site, "b")
    seen = cut_everywhere(site, folder, "--tags", "model")
    after = ask(site)
    assert before.calls != after.calls and all(before.edge[kind] != after.edge[kind] for kind in before.edge)
    print("\n".join(boundary for boundary, _live in seen))
    for boundary, live in seen:
        assert is_part(live, before, after), f"cut at {boundary}: {live}"
    steps = [boundary.rpartition(": ")[2] for boundary, _live in seen]
    assert len(steps) >= 14 and steps[0] == "Compile the model" and "Keep what this server serves" in steps
    assert seen[0][1] == before and seen[-1][1] == after
    assert processes(site) == running
    assert site.pbx("drift", expect=0).stdout.startswith("no differences\n")


@pytest.mark.parametrize(
    "boundary", ["Model of the call process", "Trusted addresses", "Verify what this server serves"]
)
def test_the_apply_after_a_cut_heals(changing: Site, folder: Path, boundary: str) -> None:
    site, running = changing, processes(changing)
    mark = "a" if "cut_b" in (site.model / "romashka/cut.yml").read_text() else "b"
    change(site, mark)
    with cuts.apply(site, folder, "--tags", "model") as run:
        run.until(boundary)
        run.kill()
    done = site.pbx("apply", "--tags", "model", expect=0)
    assert "goes on with the apply that root began at" in done.stderr
    assert site.pbx("drift", expect=0).stdout.startswith("no differences\n")
    assert f"cut_{mark}-desk@romashka.example" in ask(site).edge["phones"]
    assert processes(site) == running
