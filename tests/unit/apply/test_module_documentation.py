"""DOCUMENTATION, EXAMPLES, RETURN and argument_spec of each module agree, and what it needs is on every target."""

import ast
import re
import sys

import pytest
import yaml
from unit.apply.module_contract import CONTRACT, MODULES, NAMES, ROOT, of_the_action, options, specification, told

pytestmark = pytest.mark.row("C01")

STATES = {"overridden", "merged", "replaced", "deleted", "gathered", "rendered"}
RESOURCES = [name for name in NAMES if "gathered" in options(name).get("state", {}).get("choices", [])]
#: A step of an apply that tells actions and yet is no kind of state.
STEPS = {"pbx_put_back", "pbx_release", "pbx_shredded"}
KEYWORDS = {"name", "register", "run_once", "when", "vars", "check_mode", "delegate_to", "become", "no_log", "loop"}


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_says_what_the_module_takes(name: str) -> None:
    documented = told(name, "DOCUMENTATION")
    assert documented["module"] == name
    assert documented["short_description"] and documented["description"] and documented["author"]
    given = specification(name)
    spec = given["argument_spec"] if given else {}
    assert set(options(name)) == set(spec) | (of_the_action(name) - set(spec)), "options"
    for option, says in options(name).items():
        assert says.get("description"), option
        assert says.get("type"), option
    for option, takes in spec.items():
        says = options(name)[option]
        for key, default in (
            ("type", "str"),
            ("elements", None),
            ("default", None),
            ("choices", None),
            ("required", False),
        ):
            assert says.get(key, default) == takes.get(key, default), f"{option}: {key}"


@pytest.mark.parametrize("name", NAMES)
def test_every_module_knows_check_mode(name: str) -> None:
    given = specification(name)
    assert given is None or given["supports_check_mode"] is True


@pytest.mark.parametrize("name", NAMES)
def test_examples_use_what_exists(name: str) -> None:
    examples = told(name, "EXAMPLES")
    assert isinstance(examples, list) and examples
    for task in examples:
        modules = set(task) - KEYWORDS
        assert modules == {f"pbx.core.{name}"}, "the full name of this module, and keywords of a task"
        assert task.get("name", "")[:1].isupper()
        arguments = task[f"pbx.core.{name}"]
        unknown = set(arguments) - set(options(name))
        assert not unknown, unknown
        for option, says in options(name).items():
            assert option in arguments or not says.get("required"), f"{option} is required"
            if option in arguments and "choices" in says:
                assert arguments[option] in says["choices"], option


@pytest.mark.parametrize("name", NAMES)
def test_returned_values_are_described(name: str) -> None:
    for key, says in told(name, "RETURN").items():
        assert says.get("description") and says.get("returned") and says.get("type"), key
        assert says["type"] != "list" or says.get("elements"), key


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_module_tells_the_contract_and_its_states(name: str) -> None:
    says = options(name)["state"]
    assert set(says["choices"]) <= STATES and says["choices"][0] == says["default"]
    returned = set(told(name, "RETURN"))
    assert returned >= CONTRACT
    assert {"gathered", "rendered"} & set(says["choices"]) == {"gathered", "rendered"} & returned
    text = yaml.safe_dump([told(name, "DOCUMENTATION")["description"], says["description"]], width=10000)
    for state in STATES - set(says["choices"]):
        assert f"V({state})" in text, f"{state} is missing and nothing says why"


def test_a_module_that_acts_keeps_state_or_is_a_step() -> None:
    acting = {name for name in NAMES if "actions" in told(name, "RETURN")}
    assert acting - set(RESOURCES) - STEPS == set()


@pytest.mark.parametrize("name", NAMES)
def test_modules_need_only_the_standard_library(name: str) -> None:
    """They run under the target's own Python."""
    tree = ast.parse((MODULES / f"{name}.py").read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {module.partition(".")[0] for module in plain | taken}
    assert roots <= {*sys.stdlib_module_names, "ansible", "ansible_collections"}


def test_the_contract_is_one_piece() -> None:
    """Each resource module reports through module_utils/actions.py, itself or by what it calls there."""
    for one in RESOURCES:
        source = (MODULES / f"{one}.py").read_text()
        assert "module_utils.actions import" in source or "run_list" in source, one


def test_the_page_of_the_modules_has_their_states() -> None:
    page = (MODULES.parent / "docs" / "reference" / "modules.md").read_text()
    rows = re.findall(r"(?m)^\| `(\w+_\w+)` \| ([a-z ]+) \|$", page)
    assert rows == [(name, " ".join(options(name)["state"]["choices"])) for name in RESOURCES]


def test_the_page_of_pitfalls_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "reference" / "pitfalls.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| pitfall")]
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, f"no test: {row}"
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(), f"{file} has no {test}"
