"""Callers who say what they want: their sound goes through relay, engine and pbx-calls to pbx-recogniser and a server
that speaks Vosk's protocol (behaviour R15); and what is left when one of these is killed or too slow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.local_stack import Stack
from phones.scripted.desk import Desk, Story, Tell, desk, office
from phones.scripted.edge import CallerLeg
from phones.scripted.live import address
from phones.scripted.voice import say

from pbx.calls.simulated.world import Person
from pbx.media import g711
from pbx.speech import sound

pytestmark = pytest.mark.row("R15")

MENU, PORT = "+74951000062", 27000
KNOWN = ("sales department", "technical support")
STAYS = Person(answers=0.1, talks=600.0)
SERVER = Path(__file__).parents[1] / "phones" / "vosk_server.py"


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Phrase → A-law, said by the house's English voice."""
    folder, said = tmp_path_factory.mktemp("voices"), {}
    for phrase in (*KNOWN, "good morning everybody"):
        file = folder / "said.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", phrase, "-o", str(file)], check=True, stdin=subprocess.DEVNULL)
        said[phrase] = sound.of([file.read_bytes()], phrase).narrow
    return said


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory, voices: dict[str, bytes]) -> Iterator[tuple[Stack, str, Path]]:
    """The processes, with a recogniser and a Vosk server whose templates are in this folder."""
    known = tmp_path_factory.mktemp("known")
    for phrase in KNOWN:
        with wave.open(str(known / f"{phrase}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(g711.ALAW_TO_PCM[np.frombuffer(voices[phrase], np.uint8)].astype("<i2").tobytes())
    server = subprocess.Popen([sys.executable, str(SERVER), str(PORT), str(known), address()])
    try:
        settings = {"engine": "vosk", "url": f"ws://{address()}:{PORT}"}
        with office(tmp_path_factory.mktemp("listening") / "stack", recogniser=settings) as (stack, host):
            yield stack, host, known
    finally:
        server.terminate()
        server.wait(5)


@pytest.fixture
def listen(listening: tuple[Stack, str, Path]) -> Tell:
    def run(story: Story) -> None:
        async def main() -> None:
            async with asyncio.timeout(40), desk(*listening[:2]) as made:
                await made.until(lambda: menus_listen(made), "menus listen")
                made.people |= {"anna": STAYS, "boris-desk": STAYS, "vera-desk": STAYS}
                await story(made)

        asyncio.run(main())

    return run


def menus_listen(desk: Desk) -> bool:
    status: dict[str, Any] = desk.stack.ask("status")
    return bool(status["recogniser"]["is_well"])


async def at_the_menu(desk: Desk) -> CallerLeg:
    leg = desk.call_in(MENU)
    await desk.up(leg)
    await desk.at("ivr/spoken", times=1)
    return leg


async def it_ends_at(desk: Desk, leg: CallerLeg, node: str) -> dict[str, Any]:
    """The record, once the call has come there."""
    await desk.at(node, times=1)
    leg.bye()
    (record,) = await desk.records(1)
    assert record["path"][-1] == node
    return record


@pytest.mark.parametrize(("phrase", "node"), [("sales department", "user/anna"), ("technical support", "user/boris")])
def test_a_phrase_leads_where_its_key_does(listen: Tell, voices: dict[str, bytes], phrase: str, node: str) -> None:
    async def story(desk: Desk) -> None:
        leg = await at_the_menu(desk)
        await say(leg, voices[phrase])  # the prompt lasts 3 s: a voice interrupts it
        record = await it_ends_at(desk, leg, node)
        assert f"ivr/spoken: “{phrase}” heard (0.97, vosk): to {node}" in record["reasons"]
        (answer,) = record["facts"]["inputs"]
        assert (answer["heard"], answer["engine"], answer["score"]) == (phrase, "vosk", 0.97)
        assert answer["spoke"] < 3000 and "welcome" not in record["facts"].get("prompts", {}), "it was interrupted"

    listen(story)


def test_what_is_not_understood_is_asked_once_more(listen: Tell, voices: dict[str, bytes]) -> None:
    async def story(desk: Desk) -> None:
        leg = await at_the_menu(desk)
        await say(leg, voices["good morning everybody"])
        await noted(desk, "ivr/spoken: what was said is none of its phrases (vosk) (try 1)")
        await desk.until(lambda: "not-understood" in prompts_of(desk), "told so")
        await say(leg, voices["technical support"])
        await it_ends_at(desk, leg, "user/boris")

    listen(story)


def test_a_key_wins_over_what_is_being_said(listen: Tell, voices: dict[str, bytes]) -> None:
    async def story(desk: Desk) -> None:
        leg = await at_the_menu(desk)
        saying = asyncio.ensure_future(say(leg, voices["sales department"]))
        leg.digit("2")
        record = await it_ends_at(desk, leg, "user/boris")
        await saying
        assert "ivr/spoken: 2 typed: to user/boris" in record["reasons"]

    listen(story)


def prompts_of(desk: Desk) -> str:
    """Those that the one call has heard whole."""
    return str(desk.stack.ask("calls")["calls"][0]["facts"].get("prompts", {}))


async def noted(desk: Desk, reason: str) -> None:
    await desk.until(lambda: reason in desk.stack.ask("calls")["calls"][0]["reasons"], reason)


@pytest.mark.row("R33")
def test_a_recogniser_that_is_killed_leaves_the_keys_and_comes_back(listen: Tell, voices: dict[str, bytes]) -> None:
    async def story(desk: Desk) -> None:
        leg = await at_the_menu(desk)
        saying = asyncio.ensure_future(say(leg, voices["sales department"]))
        process = desk.stack.processes["recogniser"]
        process.kill()
        await asyncio.to_thread(process.wait)
        await noted(desk, "ivr/spoken: speech is not understood now (the recogniser is away): keys alone")
        leg.digit("2")
        await it_ends_at(desk, leg, "user/boris")
        await saying
        assert "CRITICAL" in (log := (desk.stack.folder / "calls.log").read_text()) and "alarm: the recogniser" in log
        desk.stack.start("recogniser")
        await desk.until(lambda: menus_listen(desk), "menus listen again")
        desk.began = int(time.time() * 1000) / 1000  # records have milliseconds
        leg = await at_the_menu(desk)
        await say(leg, voices["sales department"])
        await it_ends_at(desk, leg, "user/anna")

    listen(story)


def test_a_server_that_is_too_slow_is_left_alone(
    listen: Tell, listening: tuple[Stack, str, Path], voices: dict[str, bytes]
) -> None:
    """It has 1.5 s from the end of the answer."""

    async def story(desk: Desk) -> None:
        stuck = listening[2] / "stuck"
        stuck.touch()
        try:
            leg = await at_the_menu(desk)
            await say(leg, voices["sales department"])
            await noted(desk, "ivr/spoken: speech is not understood now (not in 1.5 s): keys alone")
            leg.digit("1")
            await it_ends_at(desk, leg, "user/anna")
        finally:
            stuck.unlink()

    listen(story)
