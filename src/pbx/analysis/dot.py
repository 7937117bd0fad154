"""A graph in the language of Graphviz. Flows and menus are tables, a row for each way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from pbx.analysis.graph import Branch, Graph, Node, Reached

# fill and border by kind: what talks to the caller, what rings people, what ends a call
COLOURS = {
    "number": ("#1f3a5f", "#1f3a5f"),
    "flow": ("#eef3fa", "#5b7aa6"),
    "ivr": ("#fff4dc", "#c08a1e"),
    "announcement": ("#fff4dc", "#c08a1e"),
    "ring_group": ("#e6f4ea", "#3c8a57"),
    "user": ("#e6f4ea", "#3c8a57"),
    "outside": ("#f1eafa", "#7a5aa6"),
    "queue": ("#e6f4ea", "#3c8a57"),
    "voicemail": ("#fff4dc", "#c08a1e"),
    "conference": ("#fff4dc", "#c08a1e"),
    "lookup": ("#f1eafa", "#7a5aa6"),
    "fact": ("#f1eafa", "#7a5aa6"),
    "override": ("#eef0f2", "#6b7280"),
}
END = ("#f6e3e3", "#a64b4b")
WIDTH = 34  # characters of a line before it is broken


def dot(graph: Graph, reached: Reached | None, title: str) -> str:
    """`reached` says how many tests take a branch; None when there are no tests to speak of."""
    lines = [
        "digraph pbx {",
        '  rankdir=LR; bgcolor="white"; nodesep=0.25; ranksep=0.7; labelloc=t; labeljust=l; fontname="Helvetica";',
        f"  label=<{escape(title)}>; fontsize=16;",
        '  node [shape=plain, fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=10, color="#5f6b7a", arrowsize=0.7];',
    ]
    for node in graph.nodes.values():
        lines.append(f"  {_quoted(node.name)} [label=<{_table(node, reached)}>];")
    for node in graph.nodes.values():
        lines += [f"  {line}" for line in _edges(node, reached)]
    lines += _unreached(graph.unreached)
    return "\n".join([*lines, "}"]) + "\n"


def _table(node: Node, reached: Reached | None) -> str:
    fill, border = COLOURS.get(node.kind, END)
    colour = "white" if node.kind == "number" else "black"
    head = f"<B>{escape(node.name.removeprefix('number/'))}</B>"
    small = "".join(f'<BR/><FONT POINT-SIZE="9">{_broken(line)}</FONT>' for line in node.lines)
    filled = f'BGCOLOR="{fill}" ' if _rows(node) else ""
    rows = [f'<TR><TD {filled}PORT="in" ALIGN="LEFT"><FONT COLOR="{colour}">{head}{small}</FONT></TD></TR>']
    if _rows(node):
        for index, branch in enumerate(node.branches):
            text = f"{_broken(branch.label)}{_count(branch, reached)}"
            shade = "#9a9a9a" if branch.dead else "black"
            rows.append(f'<TR><TD PORT="b{index}" ALIGN="LEFT"><FONT COLOR="{shade}">{text}</FONT></TD></TR>')
    whole = "" if _rows(node) else f' BGCOLOR="{fill}"'  # else square corners stand out of the rounded border
    return (
        f'<TABLE{whole} BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5" COLOR="{border}" STYLE="ROUNDED">'
        f"{''.join(rows)}</TABLE>"
    )


def _rows(node: Node) -> bool:
    return node.kind in ("flow", "ivr", "queue") or (node.kind == "user" and bool(node.branches))


def _edges(node: Node, reached: Reached | None) -> Iterator[str]:
    for index, branch in enumerate(node.branches):
        source = f"{_quoted(node.name)}:b{index}:e" if _rows(node) else _quoted(node.name)
        style = []
        if not _rows(node):
            style.append(f"label=<{escape(branch.label)}{_count(branch, reached)}>")
        if branch.dead:
            style.append('style=dashed, color="#b5b5b5"')
        elif branch.label == "rings":
            style.append('color="#3c8a57"')
        elif branch.to.startswith("lookup/") or node.kind == "override":  # the call itself does not go there
            style.append('color="#7a5aa6", style=dotted')
        elif reached is not None and branch.place is not None and not reached.get(branch.place):
            style.append('color="#c2410c", style=dashed')
        yield f"{source} -> {_quoted(branch.to)}:in:w [{', '.join(style)}];"


def _count(branch: Branch, reached: Reached | None) -> str:
    """How many tests take it; said of what a test can take."""
    if reached is None or branch.place is None or branch.dead:
        return " <I>never</I>" if branch.dead else ""
    count = reached.get(branch.place, 0)
    if not count:
        return ' <FONT COLOR="#c2410c" POINT-SIZE="9">no test</FONT>'
    return f' <FONT COLOR="#6b7280" POINT-SIZE="9">{count} test{"s" if count > 1 else ""}</FONT>'


def _unreached(names: Iterable[str]) -> list[str]:
    """What no number leads to, by itself and grey."""
    found = list(names)
    if not found:
        return []
    rows = "".join(f'<TR><TD ALIGN="LEFT"><FONT COLOR="#8a8a8a">{escape(name)}</FONT></TD></TR>' for name in found)
    head = '<TR><TD ALIGN="LEFT"><FONT COLOR="#8a8a8a"><B>no number leads to</B></FONT></TD></TR>'
    table = f'<TABLE BORDER="1" CELLBORDER="0" CELLPADDING="4" COLOR="#c4c4c4" STYLE="ROUNDED">{head}{rows}</TABLE>'
    return [f"  unreached [label=<{table}>];"]


def _broken(text: str) -> str:
    """HTML with a line break before a word that would be too far to the right."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return '<BR ALIGN="LEFT"/>'.join(escape(line) for line in lines)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
