"""docs/reference/lint.md, made from the rules and their fixtures.

`python tests/unit/analysis/lint_page.py` writes it; test_lint_page.py fails when it is stale.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from pbx.analysis.discover import built_in
from pbx.analysis.lint import OF_COMMENTS
from pbx.analysis.rule import Rule

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "lint.md"
FIXTURES = ROOT / "tests" / "fixtures" / "lint"
HEAD = """\
# The rules of `pbx lint`

What is valid and yet hardly meant. Each message is `file:line:column: severity: pointer: message (rule)`; the exit code
is 1 when there is an error, 0 otherwise. `# pbx: allow RULE why it is right here` on the line of a finding, or on a
comment line above it, silences it. How to use it and how to write rules of your own: `docs/how-to/lint.md`.
This page is made from `src/pbx/analysis/rules/` by `python tests/unit/analysis/lint_page.py`.

What `pbx validate` refuses is no rule here, and `pbx lint` tells it as `(model)`: a caller id that the tenant does not
own, a prompt without one of the tenant's languages, a person with telephones and no way out for emergency calls, an
extension that is an emergency number, a flow whose last step has a condition.

| rule | severity | what is found |
|-|-|-|
"""


def page() -> str:
    rules = [rule for rule, _ in built_in().values()]
    rows = [f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {rule.title} |" for rule in [*rules, *OF_COMMENTS]]
    chapters = [line for rule in [*rules, *OF_COMMENTS] for line in _chapter(rule)]
    return HEAD + "\n".join([*rows, *chapters]) + "\n"


def _chapter(rule: Rule) -> list[str]:
    lines = ["", f"## {rule.id}", "", *wrap(f"*{rule.title[0].upper()}{rule.title[1:]}.* {rule.reason}", 120)]
    if rule.wrong:
        lines += ["", "Found:", "", "```yaml", rule.wrong.strip("\n"), "```"]
        lines += ["", "Right:", "", "```yaml", rule.right.strip("\n"), "```"]
    expected = FIXTURES / rule.id / "expected.txt"
    if expected.exists():
        said = [line.removeprefix("wrong/") for line in expected.read_text("utf-8").splitlines()]
        lines += ["", f"What it says of `tests/fixtures/lint/{rule.id}/wrong/case.yml`:", "", "```", *said, "```"]
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
