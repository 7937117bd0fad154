"""A plan as the comment of a pull request: found again by its first line, folded by server, cut to GitHub's size.

GitHub refuses a comment above 65,536 characters. What does not fit is left out and said so: first the items of the
largest servers are shortened, each with how many there are.
"""

from __future__ import annotations

import re

from pbx.desired.plan import Item, Plan, Server, counted
from pbx.desired.printers import words

MARKER = "<!-- pbx-plan -->"  # one comment a pull request: a job looks for it and edits that comment
LIMIT = 65_536
ROWS = (1000, 200, 50, 20, 5, 1)  # rows a server, tried in turn
COLUMNS = "| | kind | id | differs | live | wanted |\n|-|-|-|-|-|-|"


def printed(plan: Plan) -> str:
    for rows in ROWS:
        text = _whole(plan, rows)
        if len(text) <= LIMIT:
            return text
    return _hard_cut(text)


def _hard_cut(text: str) -> str:
    """Whole lines up to the limit; open blocks are closed and the cut is said."""
    end = "\n\n**Cut here: the rest does not fit into a comment. `pbx plan` prints all of it.**\n"
    kept = text[: LIMIT - len(end) - 100]
    kept = kept[: kept.rfind("\n")]
    kept += "\n\n</details>" * (kept.count("<details>") - kept.count("</details>"))
    return kept + end


def _whole(plan: Plan, rows: int) -> str:
    parts = [f"{MARKER}\n### {words.title(plan)}: {words.summary(plan)}"]
    if plan.items:
        parts.append(f"Touches **{words.reach(plan)}**.")
    told = [f"- {_cell(name)}: revision {_code(live)} → {_code(want)}" for name, live, want in words.revisions(plan)]
    parts += ["\n".join(told[:50]), _failures(plan), _refusals(plan), _warnings(plan)]
    parts += [_server(server, rows) for server in plan.servers if server.items or server.pending_restart]
    parts += [_own(plan, rows), _foot(plan)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _failures(plan: Plan) -> str:
    if not plan.failures:
        return ""
    lines = [f"- **{_cell(one.server)}** ({one.status}): {_cell(one.task)}: {_cell(one.message, 600)}"
             for one in plan.failures]  # fmt: skip
    return "\n".join(["**This is not whole: something failed.**\n", *lines])


def _refusals(plan: Plan) -> str:
    if not plan.refusals or plan.verb == "drift":
        return ""
    lines = [f"- **{_cell(one.server)}**: {_cell(one.text, 600)}. If that is meant: `{one.option}`"
             for one in plan.refusals]  # fmt: skip
    return "\n".join(["**An apply of this is refused:**\n", *lines])


def _warnings(plan: Plan) -> str:
    return "\n".join(f"- warning: {_cell(text, 600)}" for text in plan.warnings[:50])


def _own(plan: Plan, rows: int) -> str:
    if not plan.own_settings:
        return ""
    lines = [f"- {_cell(one)}" for one in words.own_settings(plan, min(rows, words.SHOWN))]
    return "\n".join([f"<details><summary>{_html(words.own_title(plan))}</summary>", "", *lines, "", "</details>"])


def _server(server: Server, rows: int) -> str:
    counts = {name: count for name, count in counted(server.items).items() if count}
    signs = {**words.SIGNS, "act": "!"}
    told = ", ".join(f"{signs[name]}{count}" for name, count in counts.items())
    if server.pending_restart:
        told += f"{', ' if told else ''}{len(server.pending_restart)} waiting for a restart"
    lines = [f"<details><summary><b>{_html(server.name)}</b>: {told}</summary>", ""]
    if server.items:
        shown = words.folded(server.items, min(rows, words.SHOWN)) if rows <= words.SHOWN else list(server.items)
        table = [_row(one) for one in shown[:rows]]
        left = len(shown) - len(table)
        lines += [COLUMNS, *table]
        if left > 0:
            lines += ["", f"… and {left} more rows of {len(server.items)} items are left out here."]
    if server.pending_restart:
        lines += ["", *(f"- {words.waits(_code(key))}" for key in server.pending_restart)]
    if server.applied:
        lines += ["", f"Last verified apply: {_cell(words.last_apply(server))}."]
    return "\n".join([*lines, "", "</details>"])


def _row(item: Item | str) -> str:
    if isinstance(item, str):
        return f"| | {_cell(item)} | | | | |"
    sign = words.SIGNS.get(item.op, "!")
    kind = item.kind if item.op in words.SIGNS else f"{item.op} {item.kind}"
    values = words.values_of(item)
    live = [_named(field, old, len(values)) for field, old, _new in values]
    live += [f"<i>{_cell(item.since)}</i>"] if item.since else []
    wanted = [_named(field, new, len(values)) for field, _old, new in values]
    cells = [_code(sign), _cell(kind), _code(item.id), _cell(", ".join(item.fields)), "<br>".join(live)]
    return f"| {' | '.join([*cells, '<br>'.join(wanted)])} |"


def _named(field: str, value: str, of: int) -> str:
    """A value; of several each with its field."""
    return f"{_cell(field)}: {_code(value)}" if field and of > 1 else _code(value)


def _code(text: str) -> str:
    """Text as code in a table's cell: nothing in it is taken for Markdown, HTML or the cell's end."""
    return f"<code>{_cell(text)}</code>"


_SPECIAL = re.compile(r"([\\`*\[\]#|~@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def _cell(text: str, most: int = 300) -> str:
    """Plain text inside a cell or a line: on one line, cut, no sign of it works."""
    line = " ".join(text.split())
    return _SPECIAL.sub(lambda found: f"&#{ord(found[1])};", _html(line if len(line) <= most else f"{line[:most]}…"))


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _foot(plan: Plan) -> str:
    wanted = plan.wanted
    parts = [f"wanted {wanted.digest or 'not compiled'}"]
    if commit := wanted.about.get("commit"):
        dirty = " with changes that are not committed" if wanted.about.get("dirty") else ""
        parts.append(f"commit {_cell(str(commit))}{dirty}")
    parts.append(plan.made)
    return f"<sub>{', '.join(parts)}</sub>"
