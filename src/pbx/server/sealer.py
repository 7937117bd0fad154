"""From the spool, where sound lies in clear and in memory, to sealed letters on the disk.

A host has the public half of the key: what it has sealed it cannot read again. So the file is read back with the key
that it alone has, before the plain sound goes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from pbx.calls.live.state import ALERT
from pbx.media import recorded
from pbx.media.peaks import NoWav, peaks_of
from pbx.server.sealed_letters import Letter, Sums, Tray
from pbx.store import age
from pbx.store.places import sha256_of, sync

log = logging.getLogger("pbx-keeper")

GOES = ".goes"


class Sealer:
    """Of one host. `public`: the half of the key that seals."""

    def __init__(self, spools: Iterable[Path], tray: Tray, public: bytes) -> None:
        self._spools, self._tray, self._public = list(spools), tray, public
        self._told: set[str] = set()

    def round(self) -> int:
        """Seal what is whole; returns how many. What cannot be sealed now stays where it is, and is told once."""
        count = 0
        for spool in self._spools:
            if spool.is_dir():
                for left in spool.glob(f".*{GOES}"):  # by a killed process
                    shutil.rmtree(left, ignore_errors=True)
                count += sum(self._take(folder) for folder in recorded.whole(spool))
        return count

    def _take(self, folder: Path) -> bool:
        try:
            if not self._tray.holds(folder.name):  # else a killed process of ours had only to clear away
                self._tray.post(self._sealed(folder))
            clear(folder)
        except (OSError, ValueError, age.Unreadable) as error:
            if folder.name not in self._told:
                log.log(ALERT, "alarm: recording %s cannot be sealed, it stays in clear: %s", folder.name, error)
            self._told.add(folder.name)
            return False
        self._told.discard(folder.name)
        return True

    def _sealed(self, folder: Path) -> Letter:
        """Raises OSError, ValueError, Unreadable."""
        about = recorded.read(folder)
        if about.id != folder.name:
            raise recorded.NotARecording(f"it says that it is {about.id}")
        sound, partial = folder / recorded.SOUND, self._tray.partial(about.id)
        with sound.open("rb") as plain, partial.open("wb") as target:
            key = age.seal(plain, target, self._public)
        sync(partial)
        plain_sum = sha256_of(sound)
        if _read_back(partial, key) != plain_sum:
            raise age.Unreadable("what was written is not what was said")
        return Letter(
            about,
            Sums(
                size=partial.stat().st_size,
                sha256=sha256_of(partial),
                sound_size=sound.stat().st_size,
                sound_sha256=plain_sum,
                sealed_with=age.name_of(self._public),
                peaks=_peaks(sound),
            ),
        )


def clear(folder: Path) -> None:
    """Renamed first, so that a kill leaves nothing that could be taken for a recording that is being made. Raises
    OSError."""
    goes = folder.with_name(f".{folder.name}{GOES}")
    folder.rename(goes)
    shutil.rmtree(goes)


def _read_back(sealed: Path, key: bytes) -> str:
    digest = hashlib.sha256()
    with sealed.open("rb") as file:
        descriptor = file.fileno()
        for part in age.Opened(
            sealed.stat().st_size, lambda first, count: os.pread(descriptor, count, first), key
        ).parts():
            digest.update(part)
    return digest.hexdigest()


def _peaks(sound: Path) -> dict[str, object]:
    try:
        return peaks_of(sound)
    except NoWav as error:
        log.error("%s: no shape of its sound: %s", sound.parent.name, error)
        return {}
