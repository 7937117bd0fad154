"""PostgreSQL as the store of several hosts (decision 0006).

A connection that broke is opened again by the next transaction. Nothing here waits long: a server that does not answer
costs CONNECT_SECONDS, a slow statement ANSWER_SECONDS, one that hangs CUT_SECONDS, and the caller tries again later.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import psycopg

from pbx.store.database import (
    ADDED,
    ADDED_INDEXES,
    ADDED_TABLES,
    SCHEMA,
    SCHEMA_VERSION,
    Database,
    Rows,
    StoreUnavailable,
    WrongSchema,
)

CONNECT_SECONDS = 3
ANSWER_SECONDS = 5
CUT_SECONDS = 7  # the server ends a statement itself before that, unless it hangs
SCHEMA_LOCK = 0x706278  # any number that is ours: whoever makes the schema holds it, so two that start make it once


class PostgreSQL(Database):
    """`url`: postgresql://USER@HOST:PORT/DATABASE; the password is asked for at each new connection: it may change."""

    def __init__(self, url: str, password: Callable[[], str | None], *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._url = url
        self._password = password
        self._db: psycopg.Connection[Any] | None = None
        self._timed = False
        with _told(url):
            self._open()

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> Rows:
        with _told(self._url):
            db = self._open()
            with self._in_time(db):
                return db.execute(_translated(sql), values or {})

    @contextmanager
    def transaction(self, *, only_writes: bool = False) -> Iterator[None]:
        with _told(self._url):
            db = self._open()
            with self._in_time(db), db.pipeline() if only_writes else nullcontext(), db.transaction():
                yield

    def now(self) -> int:
        """By the server's clock, as several hosts compare it."""
        row = self.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)").fetchone()
        return int(row[0])

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

    @contextmanager
    def _in_time(self, db: psycopg.Connection[Any]) -> Iterator[None]:
        """A server that hangs acknowledges packets and answers nothing: after a while the connection is cut."""
        if self._timed:
            yield
            return
        timer = threading.Timer(CUT_SECONDS, _cut, (db.fileno(),))
        timer.daemon = True
        timer.start()
        self._timed = True
        try:
            yield
        finally:
            self._timed = False
            timer.cancel()

    def _open(self) -> psycopg.Connection[Any]:
        if self._db is not None and not (self._db.closed or self._db.broken):
            return self._db
        db = psycopg.connect(
            self._url,
            password=self._password(),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="pbx",
            options=f"-c statement_timeout={ANSWER_SECONDS}s -c lock_timeout={ANSWER_SECONDS}s"
            + " -c default_transaction_read_only=on" * self._read_only,
            keepalives_idle=ANSWER_SECONDS,
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=ANSWER_SECONDS * 1000,
        )
        try:
            if not self._read_only:
                _make_schema(db, self._url)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db


def _cut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _make_schema(db: psycopg.Connection[Any], url: str) -> None:
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        found = db.execute("SELECT to_regclass('store_version')").fetchone()
        if found is None or found[0] is None:
            db.execute(SCHEMA)
            db.execute("CREATE TABLE store_version (version INTEGER NOT NULL)")
            db.execute("INSERT INTO store_version VALUES (%s)", (SCHEMA_VERSION,))
        row = db.execute("SELECT version FROM store_version").fetchone()
        if row is not None and row[0] <= SCHEMA_VERSION:
            _add_columns(db)
            _add_tables(db)
    if row is not None and row[0] > SCHEMA_VERSION:
        raise WrongSchema(url, row[0])


def _add_columns(db: psycopg.Connection[Any]) -> None:
    """Looked up first: ALTER TABLE locks out whoever writes."""
    columns = db.execute("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('cdr')").fetchall()
    there = {row[0] for row in columns}
    for column, statement in ADDED.items():
        if column not in there:
            db.execute(statement)


def _add_tables(db: psycopg.Connection[Any]) -> None:
    for name, statement in (*ADDED_TABLES.items(), *ADDED_INDEXES.items()):
        found = db.execute("SELECT to_regclass(%s)", (name,)).fetchone()
        if found is None or found[0] is None:
            db.execute(statement.encode())


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(f"{url}: {str(error).strip() or type(error).__name__}") from error


@cache
def _translated(sql: str) -> str:
    """`:name` of our statements as `%(name)s`."""
    return re.sub(r":(\w+)", r"%(\1)s", sql.replace("%", "%%"))
