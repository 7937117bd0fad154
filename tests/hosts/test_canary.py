"""Secrets planted in every place where one can be, and a full run at -vvv: they are where they must be, only there.

Secrets of the controller (site key, a phone's given password, the vault's and sudo's password) never reach a host. What
must reach one (a trunk's password, the HA1s of phones) lies in files that only its service or root may read.
"""

import secrets
from pathlib import Path

import pytest
from hosts import canary
from hosts.own_repository import HOST, SECRETS, Own

from pbx.desired.secrets import derived_password, ha1

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]
LOUD = {"ANSIBLE_VERBOSITY": "3"}
KEPT = (
    "/run/pbx-apply/",
    "/var/lib/pbx-apply/",
    "/var/lib/pbx/secrets/",
    "/etc/kamailio/",
    "/var/lib/kamailio/",
    "/run/kamailio/",
)
MAIN = "inventory/group_vars/all/main.yml"


@pytest.fixture(scope="module")
def planted(own: Own) -> dict[str, str]:
    """Secrets by name: those of the controller, and `host …` those that a host must have."""
    words = {name: f"Canary{secrets.token_hex(12)}" for name in ("trunk_main", "bob_desk", "become")}
    given = own.read_secrets()
    own.write_secrets({
        **given,
        "pbx_secrets": {"trunk_main": words["trunk_main"], "bob_desk": words["bob_desk"]},
        "ansible_become_password": words["become"],
    })  # fmt: skip
    own.edit(
        "pbx/beta/beta.yml", "name: Bob Example\n", "name: Bob Example  # his phone keeps a password that was given\n"
    )
    text = (own.folder / "pbx/beta/beta.yml").read_text()
    head, _bob, rest = text.partition("  bob:\n")
    phone = "{desk: {type: desk_phone}}"
    assert phone in rest
    closed = "{desk: {type: desk_phone, password: {secret: bob_desk}}}"
    (own.folder / "pbx/beta/beta.yml").write_text(f"{head}  bob:\n{rest.replace(phone, closed, 1)}")
    own.lab.exec(HOST, "chpasswd", input=f"ops:{words['become']}\n")
    own.lab.exec(HOST, "sh", "-c", "echo 'ops ALL=(ALL:ALL) ALL' > /etc/sudoers.d/ops")
    own.commit("Secrets of our own")
    key = str(given["pbx_site_key"])
    alice, later = (derived_password(key, "beta", "alice", "desk", generation) for generation in (1, 2))
    return {
        "site key": key,
        "vault password": (own.folder / ".vault-password").read_text().strip(),
        "become password": words["become"],
        "given password of a phone": words["bob_desk"],
        "derived password of a phone": alice,
        "derived password of a phone, the next": later,
        "host trunk password": words["trunk_main"],
        "host HA1 of alice-desk": ha1("alice-desk", "beta.example", alice),
        "host HA1 of alice-desk, the next": ha1("alice-desk", "beta.example", later),
        "host HA1 of bob-desk": ha1("bob-desk", "beta.example", words["bob_desk"]),
    }


@pytest.fixture(scope="module")
def needles(planted: dict[str, str]) -> dict[str, str]:
    return canary.with_derivations(planted)


def test_a_full_run_shows_no_secret(own: Own, needles: dict[str, str], tmp_path: Path) -> None:
    files = [word for form in ("json", "markdown", "sarif", "junit") for word in ("-o", f"{form}:{tmp_path}/{form}")]
    with canary.watched(own.lab, HOST, needles) as seen:
        planned = own.pbx("plan", *files, expect=2, **LOUD)
        applied = own.pbx("apply", "--plan", f"{tmp_path}/json", **LOUD)
        gathered = own.pbx("gather", **LOUD)
    assert seen == []
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert canary.in_text(needles, plan=planned.stdout, logs=planned.stderr, **texts) == []
    assert canary.in_text(needles, apply=applied.stdout, logs=applied.stderr) == []
    assert canary.in_text(needles, gathered=gathered.stdout, logs=gathered.stderr) == []
    assert "TASK" in applied.stderr or "<10.77" in applied.stderr  # it was loud


def test_a_run_that_fails_shows_none(own: Own, needles: dict[str, str]) -> None:
    own.edit("pbx/beta/beta.yml", "type: desk_phone, password", "type: desk_phone, generation: 7, password")
    own.lab.exec(HOST, "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/var/lib/pbx/secrets")
    try:
        failed = own.pbx("apply", expect=1, **LOUD)
    finally:
        own.lab.exec(HOST, "umount", "/var/lib/pbx/secrets")
        own.run("git", "checkout", "-q", "pbx")
    assert "error: " in failed.stderr
    assert canary.in_text(needles, output=failed.stdout, errors=failed.stderr) == []


def test_a_plain_playbook_with_diffs_shows_none(own: Own, needles: dict[str, str]) -> None:
    """It heals what the failure before left, and Alice's phone gets another password."""
    own.edit("pbx/beta/beta.yml", "{desk: {type: desk_phone}}", "{desk: {type: desk_phone, generation: 2}}")
    own.commit("A new password for Alice's phone")
    program = "from pbx.cli import _collection; print(_collection.paths())"
    settings = {"ANSIBLE_COLLECTIONS_PATH": own.run("python", "-c", program).stdout.strip()}
    done = own.run("ansible-playbook", "-vvv", "--diff", "-i", "inventory/hosts.yml", "pbx.core.site", **settings)
    assert "changed=0" not in done.stdout
    assert canary.in_text(needles, output=done.stdout, errors=done.stderr) == []


def test_a_secret_that_is_not_given_is_named_and_no_other_is_shown(own: Own, needles: dict[str, str]) -> None:
    kept = (own.folder / SECRETS).read_bytes()
    given = own.read_secrets()
    own.write_secrets({**given, "pbx_secrets": {"trunk_main": dict(given["pbx_secrets"])["trunk_main"]}})  # type: ignore[call-overload]
    try:
        failed = own.pbx("plan", expect=1, **LOUD)
    finally:
        (own.folder / SECRETS).write_bytes(kept)
    assert "'bob_desk'" in failed.stderr
    assert canary.in_text(needles, output=failed.stdout, errors=failed.stderr) == []


def test_the_journal_of_the_host_has_none(own: Own, needles: dict[str, str]) -> None:
    command = "journalctl --no-pager --all -o export | tr -cd '\\11\\12\\40-\\176'"
    journal = own.lab.exec(HOST, "sh", "-c", command).stdout
    assert "ansible" in journal
    assert canary.in_text(needles, journal=journal) == []


def test_files_of_the_host_have_only_what_they_must(own: Own, needles: dict[str, str]) -> None:
    found = canary.in_files(own.lab, HOST, needles)
    assert [one for one in found if not one[0].startswith("host ")] == []
    assert [one for one in found if not one[1].startswith(KEPT)] == []
    assert [one for one in found if int(one[2], 8) & 0o007] == []
    assert {name for name, *_more in found} >= {"host trunk password", "host HA1 of bob-desk"}  # the search works


def test_the_controller_keeps_none(own: Own, needles: dict[str, str]) -> None:
    places = [own.folder, own.home, *Path("/tmp").glob("pbx-*")]
    found = []
    for path in (path for place in places for path in place.rglob("*") if path.is_file()):
        data = path.read_text(errors="replace")
        found += [(name, str(path)) for name, value in needles.items() if value in data]
    assert found == [("vault password", str(own.folder / ".vault-password"))]
