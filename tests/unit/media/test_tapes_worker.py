"""The process in which an agent makes recordings ends with the agent, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

AGENT = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from pbx.server.tapes import _worker
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_worker)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


@pytest.mark.row("R17")
def test_no_worker_outlives_a_killed_agent(tmp_path: Path) -> None:
    program = tmp_path / "agent.py"
    program.write_text(AGENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, env=environment) as agent:
        assert agent.stdout is not None
        worker = int(agent.stdout.readline())
        agent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while runs(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(worker)


def runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
