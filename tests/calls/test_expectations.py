"""What a test of a whole PBX may find and expect, and which branches its tests reach."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pbx.cli import main
from pbx.model.objects import Tenant

pytestmark = pytest.mark.row("C03")

Office = Callable[..., Tenant]
Run = Callable[..., tuple[int, str]]
NOON = 'at: "2026-11-09T12:00+03:00", to: "+74951000100"'
CALL = f'{NOON}, from: "+79161234567"'

PBX = """
overrides: {night: {code: "*28", users: [user/anna]}}
lookups: {crm: {url: "https://crm.example/lookup"}}
flows:
  main:
    - {when: {override: override/night}, to: voicemail/anna}
    - {lookup: lookup/crm, as: crm}
    - {when: {crm.owner: present}, to: {from: crm.owner}}
    - {when: {share: 50%}, to: announcement/hours}
    - {to: queue/sales}
announcements: {hours: {prompt: prompt/hours, hours: schedule/office}}
voicemails: {anna: {owner: user/anna}}
queues:
  sales: {agents: [user/boris], max_wait: 60s, on_timeout: {hang_up: true}, on_full: {reject: 486}, on_empty: user/anna}
"""
PEOPLE = """
emergency: {numbers: ["112"]}
locations: {main: {address: "Main street 1", emergency: {caller_id: "+74951000100", trunks: [trunk/mtt]}}}
users:
  anna: {location: location/main, devices: {desk: {type: desk_phone}}, forward: {no_answer: {to: voicemail/anna}}}
  boris: {location: location/main, devices: {desk: {type: desk_phone}}}
"""


@pytest.fixture
def pbx_test(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`pbx test` of that PBX with these tests (without braces and the call, which is the same)."""

    def run(tests: list[str], *words: str) -> tuple[int, str]:
        lines = "".join(f"  - {{{NOON if 'from:' in test else CALL}, {test}}}\n" for test in tests)
        (tmp_path / "acme").mkdir(exist_ok=True)
        (tmp_path / "acme/tests.yml").write_text(f"tests:\n{lines}")
        office(PBX, people=PEOPLE)
        code = main.run(["test", str(tmp_path / "acme"), *words])
        return code, capsys.readouterr().out

    return run


# The lot of +79161234567 is in the second half, that of +79161234568 in the first.
EVERY_BRANCH = [
    "overrides: [override/night], ends: voicemail/anna",
    "crm: {owner: user/anna}, ends: voicemail/anna",
    "crm: {}, people: {boris: {answers: 5s}}, through: [queue/sales], ends: user/boris, cdr: {talk: 10s}",
    "queues: {sales: {waiting: 50}}, ends: reject/486, code: 486",
    "queues: {sales: {agents: {boris: logged_out}}}, people: {anna: {answers: 5s}}, ends: user/anna",
    "ends: hang_up",
    'from: "+79161234568", ends: hang_up, says: ["С девяти до восемнадцати"], not_through: [queue/sales]',
]


def test_every_branch_of_a_whole_pbx_can_be_reached(pbx_test: Run) -> None:
    code, out = pbx_test(EVERY_BRANCH, "--coverage", "--min-coverage", "100")
    assert code == 0, out


@pytest.mark.parametrize(("test", "missed"), [
    ("overrides: [override/night]", ["lookups.crm.answered", "lookups.crm.no_answer", "overrides.night.off",
                                     "queues.sales.on_timeout", "users.anna.forward.no_answer"]),
    ("crm: {}", ["lookups.crm.no_answer", "overrides.night.on", 'facts."crm.owner=present".holds',
                 "queues.sales.on_full", "queues.sales.on_empty"]),
])  # fmt: skip
def test_branches_that_no_test_reaches_are_named(test: str, missed: list[str], pbx_test: Run) -> None:
    _, out = pbx_test([test], "--coverage")
    assert {f"  acme: {name}" for name in missed} <= set(out.splitlines())


@pytest.mark.parametrize(("test", "failure"), [
    ("says: [17:00]", "says: '17:00' was not said in this order; said was nothing"),
    ("language: en-US", "language: the call was in ru-RU, not in en-US"),
    ("people: {boris: {answers: 1s}}, cdr: {answered_by: anna}", "cdr.answered_by: boris-desk answered, not anna"),
    ("cdr: {answered_by: anna}", "cdr.answered_by: nobody answered, not anna"),
    ("people: {boris: {answers: 1s}}, cdr: {hung_up_by: caller}", "cdr.hung_up_by: callee hung up, not caller"),
    ("cdr: {direction: outbound}", "cdr.direction: the record says inbound, not outbound"),
    ("people: {boris: {answers: 1s}}, cdr: {talk: 11s}", "cdr.talk: they talked for 10 s, not 11 s"),
    ("cdr: {talk: 1s}", "cdr.talk: they talked for 0 s, not 1 s"),
])  # fmt: skip
def test_what_did_not_come_is_told(test: str, failure: str, pbx_test: Run) -> None:
    code, out = pbx_test([f"crm: {{}}, {test}"])
    assert code == 1
    assert failure in out


LONG = "people: {boris: {answers: 1s, talks: 90s}}"


@pytest.mark.parametrize("test", [
    f"{LONG}, cdr: {{answered_by: boris, hung_up_by: callee, direction: inbound, talk: 90s}}",
    f"{LONG}, patience: 31s, cdr: {{answered_by: boris-desk, hung_up_by: caller, talk: 30s}}",
    "queues: {sales: {waiting: 1, agents: {boris: {busy: 40s}}}}, people: {boris: {answers: 5s}}, ends: user/boris",
    "language: ru-RU, hears: [music], cdr: {talk: 0s, hung_up_by: pbx}",
])  # fmt: skip
def test_what_came_passes(test: str, pbx_test: Run) -> None:
    assert pbx_test([f"crm: {{}}, {test}"])[0] == 0


@pytest.mark.parametrize(("test", "message"), [
    ("queues: {sale: {waiting: 1}}", 'there is no queue sale; did you mean "sales"?'),
    ("queues: {sales: {agents: {anna: busy}}}", "there is no agent anna; name one that is there: boris"),
    ("queues: {sales: {agents: {boris: asleep}}}", '"asleep" is no state of an agent; right would be "busy"'),
    ("overrides: [override/day]", "override/day does not exist"),
    ("cdr: {answered_by: nobody}", "there is no user, device or trunk nobody"),
    ("cdr: {talks: 3s}", 'unknown key; did you mean "talk"?'),
])  # fmt: skip
def test_a_wrong_test_is_told(
    test: str, message: str, office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office(PBX, people=PEOPLE)
    (tmp_path / "acme/tests.yml").write_text(f"tests:\n  - {{{CALL}, {test}}}\n")
    assert main.run(["test", str(tmp_path / "acme")]) == 1
    assert message in capsys.readouterr().err
