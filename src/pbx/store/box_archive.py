"""Boxes as a file: their messages, greetings, drafts and settings, to be put into another store (behaviours R12, R32).

A tar of plain files, everything sealed as it is in the store, and last the manifest with the size and SHA-256 of each:
an archive that was cut off has none. It is checked whole, down to whether this host's key opens each sound, before
anything is written; what the store has already stays as it is, so the same archive twice changes nothing.

    messages/ID.json  messages/ID.sound  [messages/ID.text]  …  settings.json  manifest.json
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from pbx.store import messages, sealed, settings
from pbx.store.database import Database

FORMAT = "pbx-boxes/1"
MANIFEST, SETTINGS = "manifest.json", "settings.json"
MOST = 64 * 1024 * 1024  # bytes of one file in it
KEPT = ("new", "saved", "greeting")  # states
WORD = {"tenant", "user", "key", "value", "author", "changed"}  # of a setting
_NAME = re.compile(r"messages/([0-9a-z]{1,64})\.(json|sound|text)")
_HAS = "SELECT 1 FROM message WHERE id = :id"
_ROWS = f"SELECT {', '.join(messages.COLUMNS)} FROM message WHERE tenant = :tenant ORDER BY id"


class BadArchive(Exception):
    """Nothing was written; the text says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages and settings are in it, or were new to the store."""

    messages: int
    settings: int


def export(db: Database, tenant: str, boxes: Collection[str], file: Path) -> Counted:
    """Writes these boxes of a tenant; the file is there whole (0600), or not at all. Raises OSError, FAILURES."""
    new = file.with_name(f"{file.name}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:
            counted = _write(db, tenant, boxes, out)
            out.flush()
            os.fsync(out.fileno())
        new.rename(file)
    finally:
        new.unlink(missing_ok=True)
    return counted


def _write(db: Database, tenant: str, boxes: Collection[str], out: IO[bytes]) -> Counted:
    listed: dict[str, dict[str, Any]] = {}
    told = 0
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for row in _rows(db, tenant, boxes):
            sound, text = messages.sound_of(db, row["id"]), messages.text_of(db, row["id"])
            if sound is None:  # deleted for good meanwhile
                continue
            told += 1
            _add(tar, listed, f"messages/{row['id']}.json", orjson.dumps(row))
            _add(tar, listed, f"messages/{row['id']}.sound", sound)
            if text is not None:
                _add(tar, listed, f"messages/{row['id']}.text", text)
        people = {f"voicemail/{box}" for box in boxes}
        words = [word for word in settings.said(db) if word["tenant"] == tenant and word["user"] in people]
        _add(tar, listed, SETTINGS, orjson.dumps(words))
        manifest = {"format": FORMAT, "tenant": tenant, "boxes": sorted(boxes), "files": listed}
        _add(tar, {}, MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return Counted(told, len(words))


def _rows(db: Database, tenant: str, boxes: Collection[str]) -> Iterator[dict[str, Any]]:
    for row in db.execute(_ROWS, {"tenant": tenant}).fetchall():
        found = dict(zip(messages.COLUMNS, row, strict=True))
        if found["box"] in boxes and found["state"] in KEPT:
            yield found


def _add(tar: tarfile.TarFile, listed: dict[str, dict[str, Any]], name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))
    listed[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def load(db: Database, file: Path, key: bytes, has_box: Callable[[str, str], bool], now: int) -> Counted:
    """Puts what the store lacks of an archive into it, each message in a transaction of its own: cut off, it is begun
    again. What comes counts as changed now (ms of UTC), so that call processes learn of it. `has_box(tenant, box)`:
    does the model have it? Raises BadArchive, OSError, FAILURES."""
    tenant, boxes = _check(file, key)
    if missing := [box for box in boxes if not has_box(tenant, box)]:
        raise BadArchive(f"{tenant}: there is no voicemails/{missing[0]} here; apply a model that has it first")
    found = words = 0
    with _opened(file) as tar:
        row: dict[str, Any] = {}
        for name, data in _files(tar):
            if name == SETTINGS:
                words = _say(db, orjson.loads(data), now)
            elif name.endswith(".json") and name != MANIFEST:
                row = orjson.loads(data)
            elif name.endswith(".sound"):
                with db.transaction():
                    found += _put(db, {**row, "changed": now}, data)
            elif name.endswith(".text") and messages.text_of(db, row["id"]) is None:
                with db.transaction():
                    messages.write_text(db, row["id"], data)
    return Counted(found, words)


def _put(db: Database, row: Mapping[str, Any], sound: bytes) -> bool:
    if db.execute(_HAS, {"id": row["id"]}).fetchone() is not None:
        return False
    messages.put(db, row, sound)
    return True


def _say(db: Database, words: list[dict[str, Any]], now: int) -> int:
    known = {(word["tenant"], word["user"], word["key"]) for word in settings.said(db)}
    new = [word for word in words if (word["tenant"], word["user"], word["key"]) not in known]
    with db.transaction():
        for word in new:
            settings.say(db, {**word, "changed": now})
    return len(new)


# --- what is checked before anything is written -----------------------------------------------------------------------


def _check(file: Path, key: bytes) -> tuple[str, list[str]]:
    """Tenant and boxes of a whole archive. Raises BadArchive."""
    seen: dict[str, dict[str, Any]] = {}
    rows: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    words: list[Any] = []
    with _opened(file) as tar:
        for name, data in _files(tar):
            if name in seen or manifest is not None:
                raise BadArchive(f"{name} is in it twice, or behind the manifest")
            if name == MANIFEST:
                manifest = _plain(name, data, dict)
                continue
            seen[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if name == SETTINGS:
                words = _plain(name, data, list)
            else:
                _check_one(name, data, key, rows)
    if manifest is None:
        raise BadArchive("has no manifest: it was cut off; make it again")
    if manifest.get("format") != FORMAT:
        raise BadArchive(f"is of the format {manifest.get('format')!r}, and this release reads {FORMAT}")
    return _agree(manifest, seen, rows, words)


def _check_one(name: str, data: bytes, key: bytes, rows: dict[str, dict[str, Any]]) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadArchive(f"{name} is no file of such an archive")
    message, kind = match.groups()
    if kind == "json":
        row = rows[message] = _plain(name, data, dict)
        if set(row) != set(messages.COLUMNS) or row["id"] != message or row["state"] not in KEPT:
            raise BadArchive(f"{name} does not describe this message")
        return
    if message not in rows:
        raise BadArchive(f"{name} stands before what describes it")
    try:
        sealed.opened(key, message if kind == "sound" else f"{message}/text", data)
    except sealed.Unreadable:
        mine = sealed.name_of(key)
        theirs = rows[message]["sealed_with"]
        why = "is damaged" if mine == theirs else f"is sealed with the key {theirs}, and this host has {mine}"
        raise BadArchive(f"{name} {why}; sound_key in pbx_secrets has to be the one of where it was made") from None


def _agree(
    manifest: Mapping[str, Any], seen: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], words: list[Any]
) -> tuple[str, list[str]]:
    """What the manifest lists is what is there, and all of it is of its boxes."""
    listed, tenant, boxes = manifest.get("files"), manifest.get("tenant"), manifest.get("boxes")
    if not isinstance(listed, dict) or not isinstance(tenant, str) or not isinstance(boxes, list):
        raise BadArchive("has a manifest that says not what is in it")
    for name in sorted({*listed, *seen}):
        if listed.get(name) != seen.get(name):
            raise BadArchive(f"{name} is not what the manifest says; make the archive again")
    if SETTINGS not in seen:
        raise BadArchive(f"has no {SETTINGS}")
    for message, row in rows.items():
        if f"messages/{message}.sound" not in seen or row["tenant"] != tenant or row["box"] not in boxes:
            raise BadArchive(f"messages/{message}.json is of no box of this archive, or without its sound")
    people = {f"voicemail/{box}" for box in boxes}
    for word in words:
        if not isinstance(word, dict) or set(word) != WORD or word["tenant"] != tenant or word["user"] not in people:
            raise BadArchive(f"{SETTINGS} says something of no box of this archive")
    return tenant, boxes


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, mode="r:")
    except tarfile.TarError as error:
        raise BadArchive(f"is no archive of boxes: {error}") from error


def _files(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Each file with what is in it; nothing is ever written by its name."""
    try:
        for entry in tar:
            if not entry.isreg() or entry.size > MOST:
                raise BadArchive(f"{entry.name} is no file of such an archive")
            stream = tar.extractfile(entry)
            data = stream.read() if stream is not None else b""
            if len(data) != entry.size:
                raise BadArchive(f"{entry.name} was cut off; make the archive again")
            yield entry.name, data
    except (tarfile.TarError, EOFError) as error:
        raise BadArchive(f"is damaged: {error}") from error


def _plain(name: str, data: bytes, kind: type) -> Any:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BadArchive(f"{name} is no JSON") from None
    if not isinstance(found, kind):
        raise BadArchive(f"{name} is not as it should be")
    return found
