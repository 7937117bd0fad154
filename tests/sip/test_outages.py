"""The ground under the calls gives way: killed while calls come fast, a full disk, no Redis. Records are kept."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from phones import message
from phones.romashka import lab as romashka
from phones.romashka.example import number_for
from phones.romashka.faults import (
    CALLS,
    HEAL,
    JOURNAL,
    REDIS,
    RELAY,
    a_call_works,
    all_is_well,
    gap,
    hang_up_both,
    is_active,
    kill,
    serves,
    status,
    they_talk,
    until,
)
from phones.romashka.inside import call_up
from phones.romashka.stage import Stage
from phones.sipp import Sipp

pytestmark = pytest.mark.lab

LIVED_ON = "the process was started again: the call goes on"
SERIES = iter(range(1, 1000))  # each run of calls has callers of its own, by which its records are known


class Calls:
    """Short calls to the menu from the carrier mtt, ten a second, each from a number of its own; held for 1 s."""

    RATE = 10.0

    def __init__(self, stage: Stage, folder: Path, count: int) -> None:
        prefix = f"7902{int(time.time()) % 10_000:04d}{next(SERIES) % 10}"
        self.callers = [f"{prefix}{number:02d}" for number in range(count)]
        numbers = folder / "callers.csv"
        numbers.write_text("SEQUENTIAL\n" + "".join(f"{caller};\n" for caller in self.callers))
        # a call whose 100 came and whose process was killed before it answered gets no other answer: it gives up
        options = ("-inf", str(numbers), "-d", "1000", "-recv_timeout", "6000")
        self.sipp = Sipp(
            "uac_numbered",
            namespace=romashka.namespace("mtt"),
            address=romashka.addresses()["mtt"],
            port=5070,
            remote=f"{stage.edge[0]}:{stage.edge[1]}",
            calls=count,
            rate=self.RATE,
            keys={"called": number_for("ivr/main")[0][1:], "host": stage.edge[0]},
            options=options,
        )

    def finals(self, method: str) -> dict[str, int]:
        """Caller → status of the final answer to its INVITE or BYE."""
        answers = [m for m in self.sipp.received() if m.status >= 200 and m.method == method]
        return {message.user(message.address(m["From"])): m.status for m in answers}

    def answered(self) -> list[str]:
        return [caller for caller, code in self.finals("INVITE").items() if code == 200]

    def hung_up(self) -> list[str]:
        """Those whose BYE was answered by 200: the PBX knew the call to its end."""
        return [caller for caller, code in self.finals("BYE").items() if code == 200]

    def records(self) -> list[romashka.Record]:
        mine = {f"+{caller}" for caller in self.callers}
        return [record for record in romashka.records(3 * len(mine)) if record["caller"] in mine]


@pytest.mark.row("R33")
def test_pbx_calls_and_pbx_journal_killed_under_calls_each_answered_call_has_one_record(
    stage: Stage, pbx: Any, tmp_path: Path
) -> None:
    calls = Calls(stage, tmp_path, 100)
    with calls.sipp as sipp:
        for kills in (1, 2):
            until(lambda kills=kills: len(calls.answered()) >= 30 * kills, f"{30 * kills} calls answered", 30.0)  # type: ignore[misc]
            is_back = kill(pbx, CALLS, JOURNAL)
            until(lambda is_back=is_back: is_back() and serves(pbx), "both serve again")  # type: ignore[misc]
        sipp.wait(30.0)
        answered, hung_up = calls.answered(), calls.hung_up()
        refused = [code for code in calls.finals("INVITE").values() if code != 200]
    until(lambda: all(record["ended"] for record in calls.records()), "no record is open")
    records = calls.records()
    ends = Counter(record["disposition"] for record in records)
    print(f"{len(answered)} answered, {len(refused)} refused, {len(hung_up)} hung up, records: {dict(ends)}")
    # INVITEs and BYEs are repeated into the outage; on a busy machine it outlasts the edge's patience with an INVITE
    # (pbx.owner_timeout), but no call that was answered is lost
    assert set(refused) <= {503} and len(answered) >= 80
    assert sorted(hung_up) == sorted(answered)
    told = Counter(record["caller"][1:] for record in records if record["disposition"] == "answered")
    assert {caller: told[caller] for caller in answered} == dict.fromkeys(answered, 1)
    assert any(LIVED_ON in record["reasons"] for record in records)  # the kills hit calls
    all_is_well(pbx, stage)


@contextmanager
def disk_full(lab: Any, host: str) -> Iterator[None]:
    """Not an octet is left on the host's disk."""
    fill = (
        "fallocate -l $(($(stat -f -c '%a * %S' /))) /fill; cat /dev/zero > /fill.rest; test $(stat -f -c %a /) -eq 0"
    )
    lab.exec(host, "sh", "-c", f"{{ {fill}; }} 2>/dev/null")
    try:
        yield
    finally:
        lab.exec(host, "rm", "-f", "/fill", "/fill.rest")


@pytest.mark.row("R33")
def test_a_full_disk_stops_no_call_and_says_what_it_cost(stage: Stage, pbx: Any, tmp_path: Path) -> None:
    before = status(pbx)
    assert before is not None
    with disk_full(pbx, "calls1"):
        calls = Calls(stage, tmp_path, 30)
        with calls.sipp as sipp:
            assert sipp.wait(30.0) == 0
            assert len(calls.hung_up()) == 30
        said = status(pbx)
        assert said is not None
        lost = said["journal_lost"] - before["journal_lost"]
        print(f"30 calls on a full disk: {lost} of 90 journal lines lost")
        assert lost > 0
        assert said["pid"] == before["pid"]
        assert said["epochs"] == before["epochs"]
    a_call_works(stage)  # with its record
    after = status(pbx)
    assert after is not None and after["journal_lost"] == said["journal_lost"]
    assert after["epochs"] == before["epochs"]  # the lease was never lost: its beats are taken again
    assert max(Counter(record["caller"] for record in calls.records()).values(), default=1) == 1
    # what was open because its end was lost is closed by the next start
    until(kill(pbx, CALLS), "pbx-calls is back")
    until(lambda: all(record["ended"] for record in calls.records()), "no record is open")
    all_is_well(pbx, stage)


@contextmanager
def without_redis(lab: Any) -> Iterator[None]:
    """Stopped, and held down: rtpengine's own unit would start it again."""
    lab.exec(REDIS.host, "systemctl", "mask", "--runtime", "--now", REDIS.name)
    try:
        yield
    finally:
        lab.exec(REDIS.host, "systemctl", "unmask", "--runtime", REDIS.name)
        lab.exec(REDIS.host, "systemctl", "start", REDIS.name)


def stored(lab: Any) -> set[str]:
    """The sessions that Redis has."""
    return set(lab.exec(REDIS.host, "redis-cli", "-n", "5", "keys", "*").stdout.split())


@pytest.mark.row("R33")
def test_without_redis_calls_go_on_and_come_and_rtpengine_starts(stage: Stage, pbx: Any) -> None:
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    stopped = time.monotonic()
    with without_redis(pbx):
        assert not is_active(pbx, REDIS)
        a_new_one = time.monotonic()
        they_talk(one, two, 2.0)
        hang_up_both(one, two, place, listening)
        assert gap(one.ear.track, stopped, "201") < 0.5
        a_call_works(stage)
        print(f"a call without Redis: {time.monotonic() - a_new_one:.2f} s")
        until(kill(pbx, RELAY), "rtpengine is back without Redis")
        a_call_works(stage)

    # Redis is back and, within redis-disable-time, is used: such a call survives a crash of the relay again
    before = stored(pbx)
    end = time.monotonic() + HEAL
    while True:
        one, two, place = call_up(stage, "ivanov", "petrova")
        listening = two.place()
        if stored(pbx) - before:
            break
        assert time.monotonic() < end, "no session was stored"
        hang_up_both(one, two, place, listening)
    is_back = kill(pbx, RELAY)
    until(is_back, "rtpengine is back with Redis")
    they_talk(one, two)
    hang_up_both(one, two, place, listening)
    all_is_well(pbx, stage)


@pytest.mark.row("R33")
def test_redis_that_hangs_holds_up_no_call(stage: Stage, pbx: Any, tmp_path: Path) -> None:
    one, two, place = call_up(stage, "ivanov", "petrova")
    listening = two.place()
    they_talk(one, two)
    hung = time.monotonic()
    pbx.exec(REDIS.host, "systemctl", "kill", "--signal=SIGSTOP", REDIS.name)
    try:
        calls = Calls(stage, tmp_path, 40)
        with calls.sipp as sipp:
            assert sipp.wait(30.0) == 0
            assert len(calls.hung_up()) == 40
        they_talk(one, two, 2.0)
        assert max(gap(one.ear.track, hung, "201"), gap(two.ear.track, hung, "202")) < 2.0
    finally:
        pbx.exec(REDIS.host, "systemctl", "kill", "--signal=SIGCONT", REDIS.name)
    hang_up_both(one, two, place, listening)
    all_is_well(pbx, stage)
