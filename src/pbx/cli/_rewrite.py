"""A file of the model is rewritten whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replaced(file: Path, data: bytes) -> None:
    """The file has either its old or its new bytes, whatever happens; mode and owner stay, and a link stays a link."""
    target = file.resolve()
    state = target.stat()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, state.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(name, state.st_uid, state.st_gid)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
