"""A user's own repository, outside of any clone: install, init, edit, plan, apply, drift; its CI files step by step."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.ci_steps import Github, Gitlab, Runner
from hosts.own_repository import HOST, SECRETS, Own
from throwaway import CHECKOUT

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("C01")]
BECOME = "ansible_become_password: \"{{ sops.ansible_become_password | default('') }}\"\n"  # the canary's host asks
HOSTILE = """[defaults]
stdout_callback = no_such_callback
collections_path = /nowhere
gathering = implicit
any_errors_fatal = false
inventory = /nowhere
vault_password_file = /nowhere
log_path = ./ansible.log
"""


@pytest.fixture(autouse=True)
def nothing_left_behind(own: Own) -> Iterator[None]:
    """Around each test: no file of ours in the repository, the temporary folder or the home."""
    before = _strewn(own)
    yield
    assert _strewn(own) - before == set()


def _strewn(own: Own) -> set[str]:
    ours = {str(path) for path in Path("/tmp").glob("pbx-*") if path.stat().st_uid == 0 and path.is_dir()}
    untracked = own.run("git", "status", "--porcelain", "--untracked-files=all").stdout.splitlines()
    at_home = {str(path.relative_to(own.home)) for path in own.home.rglob("*") if path.is_file()}
    return at_home | {line for line in untracked if line.startswith("??")} | {one for one in ours if _of(own, one)}


def _of(own: Own, folder: str) -> bool:
    """Others on this machine have such folders too; ours names our repository's tenant."""
    return any("beta" in path.read_text(errors="ignore") for path in Path(folder).rglob("*") if path.is_file())


def test_nothing_of_the_checkout_is_on_the_way(own: Own) -> None:
    program = "import pbx, sys; from pbx.cli import _collection as c; print(pbx.__file__, c.paths(), *sys.path)"
    said = own.run("python", "-c", program).stdout
    assert str(own.venv) in said and str(CHECKOUT) not in said
    assert str(CHECKOUT) not in own.run("pip", "list", "--verbose").stdout


def test_the_model_is_valid_and_its_tests_pass(own: Own) -> None:
    assert own.run("pbx", "validate", "pbx").stdout == "pbx: valid: 1 tenant, 2 users, 1 number\n"
    assert "3 of 3 tests passed" in own.run("pbx", "test", "pbx").stdout


def test_plan_approval_apply_by_ci_of_github(own: Own, runner: Runner) -> None:
    own.edit("pbx/beta/beta.yml", "max_calls: 30", "max_calls: 29")
    own.commit("One call less")
    run = _push(own, runner)
    assert run.run() == {"plan": True, "apply": True}, runner.said
    assert "beta" in runner.summary
    _no_secret_in(own, runner)


def test_edit_commit_plan_apply_whatever_ansible_cfg_lies_around(own: Own) -> None:
    own.edit(
        "pbx/beta/beta.yml", "location: location/office\n", "location: location/office\n    email: a@beta.example\n"
    )
    commit = own.commit("Alice has mail")
    (own.folder / "ansible.cfg").write_text(HOSTILE)
    try:
        assert "user beta/alice" in own.pbx("plan", expect=2).stdout
        own.pbx("apply")
        assert own.pbx("plan").stdout == "no differences\n"
        assert "alice-desk" in own.run("pbx", "credentials", "alice", "-i", "inventory/hosts.yml").stdout
    finally:
        (own.folder / "ansible.cfg").unlink()
    assert commit[:7] in own.lab.exec(HOST, "cat", "/var/lib/pbx-apply/journal.jsonl").stdout


def test_a_host_with_another_key_is_not_spoken_to(own: Own) -> None:
    known = own.folder / "inventory/known_hosts"
    kept = known.read_text()
    known.write_text(kept.replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAJ"))
    try:
        said = own.pbx(
            "drift",
            "--vault-password-file",
            ".vault-password",
            expect=1,
            ANSIBLE_SSH_ARGS="-o ControlMaster=no -o ControlPath=none",
        )
        assert "Host key verification failed" in said.stderr
    finally:
        known.write_text(kept)


def test_a_pull_request_of_a_fork_is_checked_without_secrets_and_hosts(
    own: Own, runner: Runner, tmp_path: Path
) -> None:
    base = own.run("git", "rev-parse", "HEAD").stdout.strip()
    own.run("git", "switch", "-qc", "branch")
    own.edit("pbx/beta/beta.yml", 'extension: "202"', 'extension: "203"')
    head = own.commit("Bob moves")
    try:
        known = {"github.event_name": "pull_request", "github.event.pull_request.base.sha": base}
        workflow = own.folder / ".github/workflows/pbx.yml"
        assert Github(runner, workflow, head, known).run() == {"check": True}, runner.said
        assert "~ user bob (extension)" in runner.summary
        known = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
        assert Gitlab(runner, own.folder / ".gitlab-ci.yml", head, known).run() == {"check": True}, runner.said
        own.edit("pbx/beta/beta.yml", "to: ivr/main}", "to: ivr/mian}")
        wrong = own.commit("A slip")
        assert Github(
            Runner(own.folder, tmp_path, own.environment),
            workflow,
            wrong,
            dict(known) | {"github.event_name": "pull_request", "github.event.pull_request.base.sha": base},
        ).run() == {"check": False}
    finally:
        own.run("git", "switch", "-q", "main")
        own.run("git", "branch", "-qD", "branch")


def test_an_apply_by_ci_of_gitlab(own: Own, runner: Runner) -> None:
    own.edit("pbx/beta/beta.yml", "max_calls: 29", "max_calls: 31")
    commit = own.commit("One more call")
    known = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", **_files(own)}
    assert Gitlab(runner, own.folder / ".gitlab-ci.yml", commit, known).run() == {"plan": True, "apply": True}, (
        runner.said
    )
    _no_secret_in(own, runner)


def test_the_schedule_finds_drift(own: Own, runner: Runner) -> None:
    commit = own.run("git", "rev-parse", "HEAD").stdout.strip()
    known = {"github.event_name": "schedule", **_secrets(own)}
    workflow = own.folder / ".github/workflows/pbx-drift.yml"
    assert Github(runner, workflow, commit, known).run() == {"drift": True}, runner.said
    own.lab.exec(HOST, "systemctl", "stop", "pbx-journal.service")
    known = {"CI_PIPELINE_SOURCE": "schedule", **_files(own)}
    assert Gitlab(runner, own.folder / ".gitlab-ci.yml", commit, known).run() == {"drift": False}
    assert "pbx-journal.service" in runner.said


def test_the_collection_by_itself(own: Own, tmp_path: Path) -> None:
    """Built for Galaxy, installed elsewhere, run by plain ansible-playbook with no settings of ours; it repairs."""
    words = ["make", "--silent", "collection", f"DIST={tmp_path}"]
    subprocess.run(words, cwd=CHECKOUT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("pbx-core-*.tar.gz")
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "there"), "ANSIBLE_FORCE_COLOR": "0", "HOME": str(tmp_path)}
    own.run(
        "ansible-galaxy", "collection", "install", str(archive), "-p", str(tmp_path / "there"), "--offline", **settings
    )
    listed = own.run("ansible-doc", "-t", "module", "-l", "pbx.core", **settings).stdout
    assert "pbx.core.kamailio_htables" in listed and "UNDOCUMENTED" not in listed
    own.lab.exec(HOST, "systemctl", "stop", "pbx-journal.service")
    for playbook, changed in (("pbx.core.site", True), ("pbx.core.drift", False)):
        said = own.run("ansible-playbook", "-i", "inventory/hosts.yml", playbook, **settings).stdout
        assert f"{HOST} " in said and str(CHECKOUT) not in said
        assert ("changed=0" not in said) == changed, said


def test_secrets_may_be_kept_by_sops(own: Own, tmp_path: Path) -> None:
    """As docs/how-to/secrets.md says, with an ssh key of CI's or a person's own."""
    key, clear = tmp_path / "key", tmp_path / "secrets.clear.yml"
    (tmp_path / "sops").symlink_to(Path(sys.executable).with_name("sops"))
    path = {"PATH": f"{tmp_path}:{own.environment['PATH']}", "SOPS_AGE_SSH_PRIVATE_KEY_FILE": str(key)}
    own.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    own.run("ansible-vault", "decrypt", "--output", str(clear), SECRETS)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    closed = own.folder / "inventory/secrets.sops.yml"
    own.run("sops", "encrypt", "--output", str(closed), str(clear), SOPS_AGE_RECIPIENTS=public, **path)
    before = own.run("pbx", "credentials", "bob", "-i", "inventory/hosts.yml").stdout
    try:
        page = (CHECKOUT / "docs/how-to/secrets.md").read_text()
        (own.folder / SECRETS).write_text(page.partition("<<'END'\n")[2].partition("END\n")[0])
        own.edit(SECRETS, "pbx_site_key:", BECOME + "pbx_site_key:")
        assert own.run("pbx", "credentials", "bob", "-i", "inventory/hosts.yml", **path).stdout == before
        assert own.pbx("plan", **path).stdout == "no differences\n"
        said = own.run("pbx", "credentials", "bob", "-i", "inventory/hosts.yml", expect=1, PATH=path["PATH"]).stderr
        assert "sops decrypt" in said and "Traceback" not in said
    finally:
        closed.unlink()
        own.run("git", "checkout", "-q", SECRETS)


@pytest.fixture
def runner(own: Own, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(own.folder, tmp_path_factory.mktemp("runner"), own.environment)


def _push(own: Own, runner: Runner) -> Github:
    commit = own.run("git", "rev-parse", "HEAD").stdout.strip()
    known = {"github.event_name": "push", **_secrets(own)}
    return Github(runner, own.folder / ".github/workflows/pbx.yml", commit, known)


def _secrets(own: Own) -> dict[str, str]:
    password = (own.folder / ".vault-password").read_text().strip()
    return {"secrets.PBX_SSH_KEY": own.key.read_text().strip(), "secrets.PBX_VAULT_PASSWORD": password}


def _files(own: Own) -> dict[str, str]:
    return {"PBX_SSH_KEY": str(own.key), "PBX_VAULT_PASSWORD": str(own.folder / ".vault-password")}


def _no_secret_in(own: Own, runner: Runner) -> None:
    values = [str(own.read_secrets()["pbx_site_key"]), *_secrets(own).values()]
    written = runner.said + runner.summary + "".join(path.read_text() for path in runner.artifacts.values())
    assert not [value for value in values if value in written]
