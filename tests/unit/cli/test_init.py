"""`pbx init`: what it writes is valid, closed where it must be, and in the shape of the CI systems; else nothing."""

import importlib.resources
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from pbx.cli import main

SECRETS = "inventory/group_vars/all/secrets.yml"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "repository"
    assert main.run(["init", str(folder), "--tenant", "beta"]) == 0
    return folder


def test_the_model_is_valid_and_its_tests_pass(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["validate", str(repository / "pbx")]) == 0
    assert main.run(["test", str(repository / "pbx")]) == 0
    assert main.run(["fmt", "--check", str(repository / "pbx")]) == 0
    assert capsys.readouterr().out.startswith(f"{repository / 'pbx'}: valid: 1 tenant, 2 users, 1 number\n")


def test_no_placeholder_is_left(repository: Path) -> None:
    for path in repository.rglob("*"):
        if path.is_file() and path.suffix != ".wav":
            assert not re.search(r"TENANT|==VERSION|dot-", path.read_text("utf-8")), path
            assert "TENANT" not in str(path.relative_to(repository))


def test_the_site_key_is_random_encrypted_and_its_password_ignored(repository: Path, tmp_path: Path) -> None:
    def opened(folder: Path) -> dict[str, object]:
        password = (folder / ".vault-password").read_bytes().strip()
        library = VaultLib([("default", VaultSecret(password))])
        found: dict[str, object] = yaml.safe_load(library.decrypt((folder / SECRETS).read_bytes()))
        return found

    assert main.run(["init", str(tmp_path / "other")]) == 0
    mine, other = opened(repository), opened(tmp_path / "other")
    assert len(str(mine["pbx_site_key"])) == 64 and mine["pbx_site_key"] != other["pbx_site_key"]
    assert (repository / SECRETS).read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert stat.S_IMODE((repository / ".vault-password").stat().st_mode) == 0o600
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    ignored = subprocess.run(["git", "-C", str(repository), "check-ignore", ".vault-password", SECRETS],
                             capture_output=True, text=True, check=False).stdout  # fmt: skip
    assert ignored == ".vault-password\n"
    example = yaml.safe_load((repository / f"{SECRETS}.example").read_text())
    assert example.keys() == mine.keys() and example["pbx_secrets"].keys() == dict(mine["pbx_secrets"]).keys()  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "name, schema",
    [
        (".github/workflows/pbx.yml", "github-workflows"),
        (".github/workflows/pbx-drift.yml", "github-workflows"),
        (".gitlab-ci.yml", "gitlab-ci"),
    ],
)
def test_ci_files_are_as_their_published_schemas_say(repository: Path, name: str, schema: str) -> None:
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor" / f"{schema}.json"
    document = yaml.load((repository / name).read_text(), Loader=yaml.BaseLoader)  # `on` is a word here
    typed = yaml.safe_load((repository / name).read_text())
    typed = {("on" if key is True else key): value for key, value in typed.items()}
    assert set(document) == set(typed)
    jsonschema.Draft7Validator(json.loads(vendored.read_text())).validate(typed)


def test_github_jobs_may_little_and_run_what_is_pinned(repository: Path) -> None:
    for path in (repository / ".github/workflows").iterdir():
        text = path.read_text()
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"] == {"contents": "read"}
            checkout = next(step for step in job["steps"] if "checkout" in step.get("uses", ""))
            assert checkout["with"]["persist-credentials"] is False
            secret = "secrets." in json.dumps(job)
            assert secret == ("environment" in job)  # only a job behind an environment has a secret
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in re.findall(r"uses: (.*)", text))
        assert not re.search(r"run: .*\$\{\{", text)  # no expression inside a shell's text


@pytest.mark.parametrize("ci, there", [("github", {".github"}), ("gitlab", {".gitlab-ci.yml"}), ("none", set())])
def test_only_the_ci_that_was_asked_for(ci: str, there: set[str], tmp_path: Path) -> None:
    assert main.run(["init", str(tmp_path / "own"), "--ci", ci]) == 0
    assert {each.name for each in (tmp_path / "own").iterdir() if each.name.startswith(".git")} == there | {
        ".gitignore"
    }


def test_a_clone_that_is_empty_but_for_git_will_do(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert main.run(["init", str(tmp_path)]) == 0
    assert (tmp_path / "README.md").is_file()


@pytest.mark.parametrize(
    "words, said",
    [
        (["{there}"], "is not empty (mine.txt)"),
        (["{there}/mine.txt"], "is a file"),
        (["{there}/mine.txt/below"], "File exists"),
        (["{new}", "--tenant", "site"], "the folder all tenants share"),
        (["{new}", "--tenant", "Beta"], "small Latin letters"),
        (["{new}", "--tenant", "a_b"], "first word of a domain"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(words: list[str], said: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine")
    given = [word.format(there=there, new=tmp_path / "new") for word in words]
    command = [sys.executable, "-c", "from pbx.cli.main import main; main()", "init", *given]
    environment = {**os.environ, "PYTHONPATH": str(Path(main.__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr and "Traceback" not in done.stderr
    assert [str(each.relative_to(tmp_path)) for each in sorted(tmp_path.rglob("*"))] == ["there", "there/mine.txt"]
