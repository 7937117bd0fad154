"""The boxes of a process: messages known in memory, their sound sealed in files until the drainer has it in the store.

A draft is a file that grows while somebody speaks, so a kill leaves what was said until then: the next start makes a
message of it, or forgets what was too short. A message is confirmed when its file is on the disk (fsync, then renamed)
and its line is in the journal; the drainer ships both in one transaction and only then removes the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from pbx.calls.leg import Audio
from pbx.calls.mailbox import DELETED, LEAST, NEW, RATE, SAVED, Draft, Mailbox, Message, NoRoom
from pbx.model.objects import Tenant
from pbx.store import messages as stored
from pbx.store import sealed
from pbx.store.database import FAILURES, Database

log = logging.getLogger(__name__)

SOUND_KEY = "sound_key"
"""Its name among the secrets of the process."""
LEAST_FREE = 16 * 1024 * 1024  # bytes of the disk that are left to the journal
PIECE = 32_000  # bytes of sound in a sealed piece at most
FORGOTTEN = 900.0  # seconds after which nobody plays a file any more
DRAFT, MESSAGE, PLAYED = ".draft", ".message", ".alaw"

Row = dict[str, Any]


class Boxes:
    """Owns the messages of all tenants that this process knows. `spool` is on the disk of this host, `heard` is a
    folder in memory that the engine reads; `write` is the journal; `key` the secret that sound is sealed with."""

    def __init__(
        self,
        spool: Path,
        heard: Path,
        *,
        write: Callable[[str, Row], None],
        connect: Callable[[], Database],
        key: Callable[[], str | None],
        now: Callable[[], int],
    ) -> None:
        self.spool, self.heard = spool, heard
        self.write, self.connect, self.now = write, connect, now
        self._key = key
        self._of: dict[str, dict[str, Message]] = {}  # by tenant and id
        self._in: dict[tuple[str, str], dict[str, Message]] = {}  # by tenant and box, those that are not deleted
        self._owned: dict[str, tuple[object, dict[str, list[str]]]] = {}
        self.tasks_of: Callable[[str, str], Row] = lambda tenant, box: {}  # what is to be done about a new one
        self.places: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by tenant and box: who is leaving one
        self._forgot = 0  # when those deleted long ago were forgotten
        self.newest = 0  # of what the store has told
        self.on_change: Callable[[str, str], None] = lambda tenant, box: None

    def of(self, tenant: str) -> LiveMailbox:
        return LiveMailbox(self, tenant)

    def key(self) -> bytes:
        """Raises NoRoom without one."""
        secret = self._key()
        if not secret:
            log.error("alarm: there is no %s to seal messages with: none is taken; apply the site", SOUND_KEY)
            raise NoRoom("no key")
        return sealed.key_of(secret)

    def boxes_of(self, tenant: Tenant, user: str) -> Sequence[str]:
        """The boxes of a person, shared ones among them."""
        known = self._owned.get(tenant.id)
        if known is None or known[0] is not tenant.services:
            boxes: dict[str, list[str]] = {}
            for box in tenant.services.voicemails.values():
                for person in box.users:
                    boxes.setdefault(person, []).append(box.id)
            known = self._owned[tenant.id] = (tenant.services, boxes)
        return known[1].get(user, ())

    # --- what is known ------------------------------------------------------------------------------------------------

    def all_of(self, tenant: str) -> Mapping[str, Message]:
        return self._of.get(tenant, {})

    def in_box(self, tenant: str, box: str) -> Iterable[Message]:
        return self._in.get((tenant, box), {}).values()

    def put(self, tenant: str, message: Message) -> None:
        """It is so from now on."""
        self._of.setdefault(tenant, {})[message.id] = message
        inside = self._in.setdefault((tenant, message.box), {})
        if message.state == DELETED:
            inside.pop(message.id, None)
        else:
            inside[message.id] = message
        self.on_change(tenant, message.box)

    def learn(self, rows: Iterable[Row]) -> None:
        """What the store or a journal says; older words than we know change nothing."""
        self._forget_old()
        for row in rows:
            if "tenant" not in row:  # a word on a message that is known already, or comes with the store
                continue
            known = self.all_of(row["tenant"]).get(row["id"])
            if known is None or known.changed < row["changed"]:
                self.put(row["tenant"], message_of(row))

    def _forget_old(self) -> None:
        """Deleted ones are known as long as the store may still tell of them, and not for ever."""
        now = self.now()
        if now - self._forgot < stored.OVERLAP:
            return
        self._forgot = now
        for tenant, known in self._of.items():
            before = now - stored.KEPT_DELETED - stored.OVERLAP
            self._of[tenant] = {
                name: one for name, one in known.items() if one.state != DELETED or one.changed >= before
            }

    def read(self, db: Database) -> list[Row]:
        """Rows of the store that may be news."""
        rows = stored.since(db, max(0, self.newest - stored.OVERLAP))
        self.newest = max([self.newest, *(row["changed"] for row in rows)])
        return rows

    def confirm(self, tenant: str, message: Message, file: Path) -> None:
        """Its sound is on the disk: it is in the journal from now on, and known."""
        self._write(row_of(tenant, message), file)
        self.put(tenant, message)

    def _write(self, row: Row, file: Path) -> None:
        tasks = self.tasks_of(row["tenant"], row["box"]) if row["state"] == NEW else {}
        self.write("message", {"message": row, "file": str(file), **tasks})

    # --- after a kill -------------------------------------------------------------------------------------------------

    def recover(self) -> int:
        """What a process before left in the spool: messages are told to the journal again, drafts become messages or
        are forgotten; returns how many of them became one."""
        self.spool.mkdir(parents=True, exist_ok=True)
        for file in [*self.spool.glob(f"*{MESSAGE}")]:
            with _told(file):
                row = orjson.loads(file.with_suffix(".json").read_bytes())
                self._write(row, file)
                self.learn([row])
        made = 0
        for file in [*self.spool.glob(f"*{DRAFT}")]:
            with _told(file):
                made += self._finish(file)
        for file in self.heard.glob(f"*{PLAYED}"):
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < self.now() / 1000 - FORGOTTEN:  # another process of this host plays some too
                    file.unlink()
        return made

    def _finish(self, file: Path) -> bool:
        row = orjson.loads(file.with_suffix(".json").read_bytes())
        length = sum(len(piece) - sealed.TAG for piece in sealed.whole_pieces(file.read_bytes())) / RATE
        if row["state"] != NEW or length < LEAST:  # a greeting, or a comment on a message, is spoken anew
            _forget(file)
            return False
        row["length"] = round(length * 1000)
        write_whole(file.with_suffix(".json"), orjson.dumps(row))
        message = file.rename(file.with_suffix(MESSAGE))
        sync_folder(self.spool)
        self._write(row, message)
        self.learn([row])
        return True


class LiveDraft(Draft):
    """The sound is here to be cut and copied, and sealed in a file in case we are killed."""

    def __init__(self, message: Message, tenant: str, boxes: Boxes) -> None:
        """Raises NoRoom."""
        super().__init__(message)
        self._tenant, self._boxes = tenant, boxes
        self._key = boxes.key()
        self.message = replace(message, sealed_with=sealed.name_of(self._key))
        self._seal = sealed.Seal(self._key, message.id)
        self.file = boxes.spool / f"{message.id}{DRAFT}"
        try:
            space = os.statvfs(boxes.spool)
            if space.f_bavail * space.f_frsize < LEAST_FREE:
                raise OSError("less than 16 MiB are left")
            write_whole(self.file.with_suffix(".json"), orjson.dumps(row_of(tenant, self.message)))
            self._fd = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            _forget(self.file)
            raise _no_room(error) from error

    def write(self, sound: bytes) -> None:
        super().write(sound)
        piece = b"".join(self._seal.piece(sound[at : at + PIECE]) for at in range(0, len(sound), PIECE))
        try:
            if os.write(self._fd, piece) < len(piece):
                raise OSError("the disk is full")
        except OSError as error:
            raise _no_room(error) from error

    def drop(self) -> None:
        super().drop()
        self._close()
        _forget(self.file)

    def finish(self, message: Message) -> Path:
        """All of it, as it is now, on the disk under its last name; not in the thread of calls: a disk takes its time.
        Raises OSError."""
        self._close()
        seal = sealed.Seal(self._key, message.id, again=True)
        pieces = (bytes(self.sound[at : at + PIECE]) for at in range(0, len(self.sound), PIECE))
        final = self.file.with_suffix(MESSAGE)
        write_whole(self.file.with_suffix(".json"), orjson.dumps(row_of(self._tenant, message)))
        write_whole(final, b"".join(seal.piece(piece) for piece in pieces))
        sync_folder(self.file.parent)
        self.file.unlink(missing_ok=True)
        return final

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class LiveMailbox(Mailbox):
    """One tenant's, as a call sees it."""

    def __init__(self, boxes: Boxes, tenant: str) -> None:
        super().__init__(boxes.now)
        self._boxes, self._tenant = boxes, tenant
        self._places = boxes.places[tenant]

    def messages(self, box: str) -> Sequence[Message]:
        mine = [one for one in self._boxes.in_box(self._tenant, box) if one.state in (NEW, SAVED)]
        return sorted(mine, key=lambda one: (one.left, one.id))

    def find(self, message: str) -> Message | None:
        found = self._boxes.all_of(self._tenant).get(message)
        return found if found is not None and found.state != DELETED else None

    def draft(self, box: str, *, caller: str | None, name: str, origin: str, state: str = NEW) -> Draft:
        now = self._now()
        message = Message(f"{now:012x}{secrets.token_hex(6)}", box, caller, name, now, 0, state, origin, origin, now)
        return LiveDraft(message, self._tenant, self._boxes)

    async def keep(self, draft: Draft) -> Message | None:
        assert isinstance(draft, LiveDraft)
        if draft.seconds < LEAST:
            draft.drop()
            return None
        return await asyncio.shield(asyncio.ensure_future(self._keep(draft)))  # the caller has hung up, perhaps

    async def _keep(self, draft: LiveDraft) -> Message:
        message = replace(draft.message, length=round(draft.seconds * 1000))
        try:
            file = await asyncio.to_thread(draft.finish, message)
        except OSError as error:
            raise _no_room(error) from error
        self._boxes.confirm(self._tenant, message, file)
        return message

    def mark(self, message: Message, state: str, author: str) -> Message:
        marked = replace(message, state=state, author=author, changed=max(self._now(), message.changed + 1))
        row = row_of(self._tenant, marked)
        self._boxes.write("message_is", {name: row[name] for name in ("id", "state", "author", "changed")})
        self._boxes.put(self._tenant, marked)
        return marked

    async def sound(self, message: Message) -> bytes | None:
        try:
            return await asyncio.to_thread(self._sound, message)
        except (sealed.Unreadable, NoRoom, *FAILURES) as error:
            log.error("message %s cannot be heard: %r", message.id, error)
            return None

    def _sound(self, message: Message) -> bytes | None:
        """From the spool, or where the drainer has brought it."""
        key = self._boxes.key()
        try:
            return sealed.opened(key, message.id, (self._boxes.spool / f"{message.id}{MESSAGE}").read_bytes())
        except FileNotFoundError:
            pass
        db = self._boxes.connect()
        try:
            data = stored.sound_of(db, message.id)
        finally:
            db.close()
        return None if data is None else sealed.opened(key, message.id, data)

    @asynccontextmanager
    async def audio(self, message: Message) -> AsyncIterator[Audio]:
        sound = await self.sound(message)
        if sound is None:
            raise NoRoom(message.id)
        name = f"{secrets.token_hex(12)}{PLAYED}"
        file = self._boxes.heard / name
        try:
            await asyncio.to_thread(_lay_out, file, sound)
            yield Audio(recording=name, prompt=f"message {message.id}")
        except OSError as error:
            raise _no_room(error) from error
        finally:
            file.unlink(missing_ok=True)


def row_of(tenant: str, message: Message) -> Row:
    """As the store has it."""
    return {
        "id": message.id,
        "tenant": tenant,
        "box": message.box,
        "caller": message.caller,
        "name": message.name,
        "origin": message.origin,
        "born": message.left,
        "length": message.length,
        "state": message.state,
        "author": message.author,
        "changed": message.changed,
        "sealed_with": message.sealed_with,
    }


def message_of(row: Row) -> Message:
    return Message(
        id=row["id"],
        box=row["box"],
        caller=row["caller"],
        name=row["name"],
        left=row["born"],
        length=row["length"],
        state=row["state"],
        origin=row["origin"],
        author=row["author"],
        changed=row["changed"],
        sealed_with=row["sealed_with"],
    )


def write_whole(file: Path, data: bytes) -> None:
    """On the disk whole, or not under this name. Raises OSError."""
    new = file.with_name(f"{file.name}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        new.rename(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _lay_out(file: Path, sound: bytes) -> None:
    """For the engine, which is of our group. Raises OSError."""
    file.parent.mkdir(mode=0o750, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640), "wb") as out:
        out.write(sound)


def sync_folder(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _forget(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
        file.with_suffix(".json").unlink(missing_ok=True)


def _no_room(error: OSError) -> NoRoom:
    log.error("alarm: a message could not be kept: %s", error)
    return NoRoom(str(error))


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    """One that cannot be read is left where it is, for whoever looks at the alarm."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("alarm: %s of a process before is not understood: %r", file, error)
