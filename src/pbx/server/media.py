"""`pbx-media --config /etc/pbx/media.json`: the media engine as a service of systemd."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import sys

from pbx.server.notify import notify


def main(argv: list[str] | None = None) -> int:
    """Runs until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pbx-media", description="The media engine of the PBX.")
    parser.add_argument("--config", default="/etc/pbx/media.json", help="its configuration (JSON)")
    parser.add_argument("--instance", type=int, default=1, help="its number on this host: ports and socket count on")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: its threads would fight the tick
    from pbx.media.engine_server import EngineServer, read_config

    try:
        server = EngineServer(read_config(arguments.config, arguments.instance))
    except (OSError, ValueError) as error:
        logging.error("pbx-media does not start: %s", error)
        return 1
    _be_prompt()
    engine = server.engine
    logging.info("media engine on %s:%d", engine.address, engine.port)
    _tell("READY=1")
    server.run(each_second=lambda: _tell("WATCHDOG=1"))
    _tell("STOPPING=1")
    return 0


def _tell(state: str) -> None:
    """To systemd, which may be restarting: calls go on without it."""
    with contextlib.suppress(OSError):
        notify(state)


def _be_prompt() -> None:
    """No collector pauses (the engine makes no cycles), and ahead of other processes where that is allowed."""
    gc.collect()
    gc.freeze()
    gc.disable()
    if os.nice(0) < 0:
        return  # the unit has said how much ahead
    try:
        os.nice(-10)
    except PermissionError:
        logging.info("no permission for a better priority")


if __name__ == "__main__":
    sys.exit(main())
