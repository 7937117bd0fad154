"""State diagrams of docs/reference/sip.md: drawn from the rows that the tests of the machines play through the code.

`PYTHONPATH=tests:src python tests/unit/sip/state_pictures.py` writes them (needs Graphviz); test_sip_pictures.py fails
when one has other arrows than the code.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from unit.sip.sip_network import BOB
from unit.sip.test_sip_session_states import UAC, UAS, Leg
from unit.sip.test_sip_transactions import (
    CLIENT_INVITE,
    CLIENT_REQUEST,
    SERVER_INVITE,
    SERVER_REQUEST,
    Bench,
    response,
    serve,
)

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
Arrows = Mapping[tuple[str, str], list[str]]  # (state, next state) -> what leads there


def client(method: str, rows: list[tuple[list[int], str, object, list[str], object]]) -> Arrows:
    """Each row once more: from which state its event leads to which."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for path, event, _, sent, _ in rows:
        bench = Bench()
        transaction = bench.client(method, BOB)
        request = bench.layer.output[0][1]
        for status in path:
            transaction.receive(response(transaction, request, status))
        before = transaction.state.value
        if event == "timeout":
            bench.advance(32.1)
        elif event == "unreachable":
            transaction.unreachable()
        else:
            transaction.receive(response(transaction, request, int(event)))
        _note(arrows, before, transaction.state.value, event, sent)
    return arrows


def server(method: str, rows: list[tuple[list[int | str], str, object, list[str]]]) -> Arrows:
    arrows: dict[tuple[str, str], list[str]] = {}
    for path, event, _, sent in rows:
        bench = Bench()
        transaction = bench.server(method, "udp")
        for step in path:
            serve(bench, transaction, step)
        before = transaction.state.value
        serve(bench, transaction, event)
        _note(arrows, before, transaction.state.value, event, sent)
    return arrows


def leg(role: str, rows: list[tuple[list[str], str, object, list[str]]]) -> Arrows:
    """The states of a call leg (`test_sip_session_states.py`)."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for path, event, _, _ in rows:
        played = Leg(role)
        for step in path:
            played.play(step)
        before = played.session.state.value
        sent = played.play(event)
        told = f"{event} / {', '.join(sent)}" if sent and event not in " ".join(sent) else event
        arrows.setdefault((before, played.session.state.value), []).append(told)
    return arrows


def _note(arrows: dict[tuple[str, str], list[str]], before: str, after: str, event: str, sent: list[str]) -> None:
    named = event.removeprefix("respond ")
    named = {"again": "request again", "timeout": "time over", "accept": "200"}.get(named, named)
    told = f"{named} / {sent[-1]}" if sent and event != "timeout" and sent[-1] != named else named
    if before != after or sent:
        known = arrows.setdefault((before, after), [])
        if told not in known:
            known.append(told)


def machines() -> Mapping[str, Arrows]:
    return {
        "sip-client-invite": client("INVITE", CLIENT_INVITE),
        "sip-client-request": client("OPTIONS", CLIENT_REQUEST),
        "sip-server-invite": server("INVITE", SERVER_INVITE),
        "sip-server-request": server("OPTIONS", SERVER_REQUEST),
        "sip-leg-called": leg("uas", UAS),
        "sip-leg-calling": leg("uac", UAC),
    }


def dot(arrows: Arrows) -> str:
    lines = ["digraph states {", "rankdir=LR", 'node [shape=box style=rounded fontname="sans-serif"]']
    lines.append('edge [fontname="sans-serif" fontsize=10]')
    for (before, after), events in arrows.items():
        label = "\\n".join(events)
        lines.append(f'"{before}" -> "{after}" [label="{label}"]')
    return "\n".join([*lines, "}"]) + "\n"


def drawn(name: str) -> Mapping[tuple[str, str], set[str]]:
    """The arrows of a picture as it is in the repository, whatever version of Graphviz drew it."""
    found: dict[tuple[str, str], set[str]] = {}
    text = (PICTURES / f"{name}.svg").read_text("utf-8")
    for group in re.findall(r'<g id="edge\d+" class="edge">(.*?)</g>', text, re.DOTALL):
        before, _, after = unescape(re.findall(r"<title>(.*?)</title>", group)[0]).partition("->")
        found[before, after] = {unescape(label) for label in re.findall(r"<text [^>]*>(.*?)</text>", group)}
    return found


if __name__ == "__main__":
    for name, arrows in machines().items():
        subprocess.run(["dot", "-Tsvg", "-o", PICTURES / f"{name}.svg"], input=dot(arrows).encode(), check=True)
