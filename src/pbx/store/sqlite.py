"""SQLite as the store of one host (decision 0001). WAL mode with synchronous=FULL: what was committed survives a power
cut, so a journal segment may be deleted after its commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pbx.store.database import ADDED, ADDED_INDEXES, ADDED_TABLES, SCHEMA, SCHEMA_VERSION, Database, Rows, WrongSchema

STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock


class Sqlite(Database):
    """One connection; threads take turns by a lock of their own."""

    def __init__(self, path: Path, *, create: bool = True, read_only: bool = False) -> None:
        if not create and not path.exists():
            raise FileNotFoundError(path)
        if read_only:
            self._db = sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1, isolation_level=None, check_same_thread=False
            )
            return
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in SCHEMA.split(";"):
                    if statement.strip():
                        self._create(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            if version <= SCHEMA_VERSION:
                self._add_columns()
                self._add_tables()
        if version > SCHEMA_VERSION:
            self._db.close()
            raise WrongSchema(path, version)

    def _add_tables(self) -> None:
        there = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table, statement in ADDED_TABLES.items():
            if table not in there:
                self._create(statement)
        indexes = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        for index, statement in ADDED_INDEXES.items():
            if index not in indexes:
                self._create(statement)

    def _create(self, statement: str) -> None:
        self._db.execute(statement.replace("BIGINT", "INTEGER") + " WITHOUT ROWID" * _table(statement))

    def _add_columns(self) -> None:
        there = {row[1] for row in self._db.execute("PRAGMA table_info(cdr)")}
        for column, statement in ADDED.items():
            if column not in there:
                self._db.execute(statement)

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> Rows:
        return self._db.execute(sql, values or {})

    @contextmanager
    def transaction(self, *, only_writes: bool = False) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite has rolled back by itself, when the disk is full
                self._db.execute("ROLLBACK")
            raise

    def now(self) -> int:
        return int(time.time() * 1000)

    def give_up_after(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._db.set_progress_handler(lambda: time.monotonic() > end, STEPS)

    def close(self) -> None:
        self._db.close()


def _table(statement: str) -> bool:
    return statement.lstrip().startswith("CREATE TABLE")
