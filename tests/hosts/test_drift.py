"""What people change by hand on the servers: one drift names each, one apply repairs all, the next drift is clean."""

import json
from pathlib import Path

import pytest
from hosts.story import ASK, Site

pytestmark = [pytest.mark.lab, pytest.mark.row("C02")]

RPC = """import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
mine = f"/run/kamailio/test-{os.getpid()}"
s.bind(mine); os.chmod(mine, 0o777)
s.settimeout(5)
s.sendto(sys.argv[1].encode(), "/run/kamailio/rpc.sock")
print(s.recv(65536).decode()); os.unlink(mine)"""


def rpc(site: Site, method: str, *params: object) -> dict[str, object]:
    """One JSON-RPC call to Kamailio, by hand."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    answer: dict[str, object] = json.loads(site.lab.exec("edge1", "python3", "-c", RPC, request).stdout)
    assert "error" not in answer, answer
    return answer


def test_drift_names_every_change_by_hand(site: Site) -> None:
    rpc(site, "htable.sets", "did", "e164_plus/+74951000100", "somebody")
    rpc(site, "htable.sets", "domain", "intruder.example", "romashka")
    rpc(site, "htable.delete", "ha1", "petrova-desk@romashka.example")
    rpc(site, "dispatcher.set_state", "dp", 1, "sip:10.77.0.13:5070")
    site.lab.exec("relay1", "sh", "-c", "echo 'timeout = 1' >> /etc/rtpengine/rtpengine.conf")
    site.lab.exec("calls1", "sh", "-c", "echo '{}' > /etc/pbx/media.json")
    site.lab.exec("calls1", "systemctl", "stop", "pbx-journal.service")
    program = "import socket; socket.create_connection(('127.0.0.1', 2224)).sendall(b'set silenttimeout 33\\n')"
    site.lab.exec("relay1", "python3", "-c", program)
    site.lab.exec("edge1", "nft", "add", "rule", "inet", "pbx", "input", "tcp", "dport", "23", "accept")
    found = site.changes("drift", expect=2)
    edge = "\n".join(found["edge1"])
    for piece in (
        "~ htable/did e164_plus/+74951000100",
        "- htable/domain intruder.example",
        "~ htable/ha1 petrova-desk@romashka.example (running)",  # the file still has it
        "sip:10.77.0.13:5070",
        "~ firewall inet pbx",
    ):
        assert piece in edge, edge
    assert found["relay1"] == [
        "~ file /etc/rtpengine/rtpengine.conf (content)",
        "~ rtpengine_setting silent-timeout",
    ]
    calls = "\n".join(found["calls1"])
    assert "~ file /etc/pbx/media.json (content)" in calls
    assert "! start service pbx-journal.service" in calls


def test_drift_itself_repaired_nothing(site: Site) -> None:
    assert "somebody" in str(rpc(site, "htable.get", "did", "e164_plus/+74951000100"))


def test_one_apply_repairs_all_and_the_next_drift_is_clean(site: Site) -> None:
    services = {"pbx-calls@1.service": "calls1", "kamailio.service": "edge1", "rtpengine-daemon.service": "relay1"}
    before = {unit: site.pid(host, unit) for unit, host in services.items()}
    site.pbx("apply", expect=0)
    assert "romashka" in str(rpc(site, "htable.get", "did", "e164_plus/+74951000100"))
    assert site.pbx("drift", expect=0).stdout == "no differences\n"
    assert {unit: site.pid(host, unit) for unit, host in services.items()} == before


def say(site: Site, key: str, value: object) -> None:
    """ivanov's own word on a setting, by the socket of the API."""
    words = {"cmd": "setting", "tenant": "romashka", "user": "ivanov", "key": key, "value": value}
    request = json.dumps({**words, "author": "user/ivanov"})
    assert json.loads(site.lab.exec("calls1", "python3", "-c", ASK, request, "api.sock").stdout)["ok"]


def test_what_people_set_themselves_is_named_apart_and_is_no_drift(site: Site, tmp_path: Path) -> None:
    say(site, "do_not_disturb", True)
    say(site, "forward.busy", {"to": "202"})
    try:
        told = site.pbx("drift", expect=0).stdout.splitlines()
        assert told[0] == "no differences" and told[1].startswith("2 settings of people's own, no drift")
        for line, word in zip(told[2:], ("do_not_disturb: on", "forward.busy: user/petrova"), strict=True):
            assert line.startswith(f"  romashka/ivanov {word}, set by user/ivanov on 20")
        site.pbx("gather", "-o", str(tmp_path), expect=0)
        served = site.lab.exec("calls1", "cat", "/var/lib/pbx/documents/calls.json").stdout
        assert json.loads((tmp_path / "calls1.calls.json").read_text()) == json.loads(served)
        assert "user/petrova" not in str(json.loads(served)["tenants"]["romashka"]["plain"]["users"]["ivanov"])
    finally:
        say(site, "do_not_disturb", None)
        say(site, "forward.busy", None)
