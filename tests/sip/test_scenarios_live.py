"""Every scenario against a real pbx-calls: its record is as simulated, and its replay goes the same way."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from phones.scripted.live import Live, run
from phones.scripted.scenarios import SCENARIOS
from phones.scripted.simulation import NUMBERS, simulated, tenant_of

from pbx.calls.simulated.replay import NotReplayable, replay
from pbx.features.story import story

pytestmark = pytest.mark.row("C03")

COMPARED = ("tenant", "direction", "caller", "number", "disposition", "code", "answered_by", "hung_up_by", "path")
WITHIN = 1.0  # seconds by which a talk may last otherwise than on virtual time


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Live]:
    return run(tmp_path_factory.mktemp("live") / "stack")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_live_record_equals_the_simulated_one(lived: Mapping[str, Live], name: str) -> None:
    record, rung = lived[name].record, lived[name].rung
    told = simulated(SCENARIOS[name], datetime.fromtimestamp(record["started"] / 1000, UTC))
    again = told.record.document()
    assert {part: record[part] for part in COMPARED} == {part: again[part] for part in COMPARED}
    before = SCENARIOS[name].before
    assert sorted(rung.labels) == sorted(
        [*([before.rings] if before and before.rings else []), *(label for _, label in told.rang)]
    )
    if record["answered"] is not None:
        lasted = (record["ended"] - record["answered"]) / 1000
        assert lasted == pytest.approx((again["ended"] - again["answered"]) / 1000, abs=WITHIN)
    if SCENARIOS[name].sent:
        assert rung.sent[-1] == SCENARIOS[name].sent


@pytest.mark.parametrize("name", [name for name in SCENARIOS if SCENARIOS[name].cause is not None])
def test_the_caller_is_told_why(lived: Mapping[str, Live], name: str) -> None:
    final = lived[name].rung.final
    assert final is not None and final.all("Reason") == [f"Q.850;cause={SCENARIOS[name].cause}"]


@pytest.mark.row("R06")
def test_who_hides_the_number_is_known_to_the_carrier_only(lived: Mapping[str, Live]) -> None:
    hidden = lived["out, without showing the number"].rung.invites[-1]
    assert hidden["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert hidden.all("Privacy") == ["id"]
    assert hidden.all("P-Asserted-Identity") == ["<sip:74951000001@digits.example>"]
    help_ = lived["an emergency cannot be hidden"].rung.invites[-1]
    assert help_.all("Privacy") == [] and help_["From"].startswith("<sip:74951000001@")


@pytest.mark.row("R05")
@pytest.mark.parametrize("name", [name for name in SCENARIOS if SCENARIOS[name].source])
def test_a_device_may_ring_by_the_kind_of_call_and_shows_who_calls(lived: Mapping[str, Live], name: str) -> None:
    scenario = SCENARIOS[name]
    invite = lived[name].rung.invites[-1]
    assert invite.all("Alert-Info") == [f"<urn:alert:source:{scenario.source}>;info={scenario.source}"]
    if scenario.names:
        shown, _, number = scenario.names.rpartition(" ")
        assert invite["From"].startswith(f'"{shown}" <sip:{number}@')


ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.row("R03")
@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("all ring, one answers", [[ELSEWHERE], [ELSEWHERE]]),
        ("a person's mobile confirms", [[ELSEWHERE]]),
        ("one of two devices", [[ELSEWHERE], [ELSEWHERE]]),
        ("the caller gives up while it rings", [[]]),
        ("the person does not answer", [[]]),
        ("nobody of all", [[]]),
    ],
)
def test_a_missed_call_is_none_where_another_device_answered(
    lived: Mapping[str, Live], name: str, reasons: list[list[str]]
) -> None:
    """RFC 3326: a telephone that reads the reason lists no missed call."""
    assert [one.all("Reason") for one in lived[name].rung.cancels] == reasons


DIVERSION = re.compile(r"<sip:([^@]+)@[^>]+>;reason=([^;]+);counter=1;privacy=off$")
DIVERTED = [name for name in SCENARIOS if SCENARIOS[name].diverted]


@pytest.mark.row("R08")
@pytest.mark.parametrize("name", DIVERTED)
def test_whoever_is_rung_is_told_who_sent_the_call_on(lived: Mapping[str, Live], name: str) -> None:
    invite = lived[name].rung.invites[-1]
    told = [DIVERSION.match(one) for one in invite.all("Diversion")]
    assert [f"{one[2]} {one[1]}" for one in told if one] == SCENARIOS[name].diverted
    (history,) = invite.all("History-Info")
    entries = [entry.strip() for entry in history.split(",")]
    assert len(entries) == len(told) + 1
    assert re.sub(r"[?;].*", "", entries[-1].strip("<")).removesuffix(">") == invite.uri
    indexes = [entry.partition(";index=")[2].partition(";")[0] for entry in entries]
    assert indexes == [".".join(["1"] * (place + 1)) for place in range(len(entries))]


@pytest.mark.row("R08")
def test_a_call_that_nobody_sent_on_says_nothing_of_it(lived: Mapping[str, Live]) -> None:
    invites = [one for name in SCENARIOS if name not in DIVERTED for one in lived[name].rung.invites[:1]]
    assert len(invites) > 50
    assert not [one for one in invites if one.all("Diversion") or one.all("History-Info")]


@pytest.mark.row("C06")
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if not scenario.is_sent_on])
def test_a_replay_of_the_live_record_goes_the_same_way(lived: Mapping[str, Live], name: str) -> None:
    record = lived[name].record
    again = replay(tenant_of(SCENARIOS[name]), record, story)
    told = again.told.record.document()
    assert again.assumed == []
    assert {part: told[part] for part in COMPARED} == {part: record[part] for part in COMPARED}
    assert NUMBERS[name] == record["tenant"]


@pytest.mark.row("R09")
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.is_sent_on])
def test_a_transfer_is_in_the_record_and_no_replay_plays_it(lived: Mapping[str, Live], name: str) -> None:
    record = lived[name].record
    assert tuple(one["status"] for one in record["facts"]["sent_on"]) == SCENARIOS[name].told
    with pytest.raises(NotReplayable, match=r"was_sent_on|was_joined"):
        replay(tenant_of(SCENARIOS[name]), record, story)
