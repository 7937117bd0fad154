"""For tests: before each task, say its name into one FIFO and wait for a word from another. Nothing goes by time."""

import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: pbx_boundaries
type: notification
short_description: Stop at the boundary of every task until told to go on; found by E(ANSIBLE_CALLBACK_PLUGINS)
description: Needs the environment variables PBX_SAYS and PBX_HEARS, the paths of two FIFOs.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible has no types
    """One line a boundary: `play: task`."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "pbx_boundaries"

    def __init__(self) -> None:
        super().__init__()
        self._says = os.open(os.environ["PBX_SAYS"], os.O_WRONLY)
        self._hears = os.open(os.environ["PBX_HEARS"], os.O_RDONLY)
        self._play = ""

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play.get_name()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._boundary(task.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._boundary("the end")

    def _boundary(self, name: str) -> None:
        os.write(self._says, f"{self._play}: {name}\n".encode())
        os.read(self._hears, 1)
