"""The SQLite files of an edge: what Kamailio reads at start, made before its first start.

`pbx.sqlite`      one table `ht_<name>` an htable, written by apply, only read by Kamailio
`location.sqlite` registrations, written by Kamailio alone
Kamailio compares the row of each table in `version` with the number that its module expects and refuses to start
otherwise (htable 2, uacreg 5, location 9; Kamailio 5.6).
"""

from __future__ import annotations

import contextlib
import grp
import os
import sqlite3
from pathlib import Path

__all__ = ["HTABLES", "SECRET_HTABLES", "create_location", "create_tables", "tables_whole"]

#: The htables that apply owns. `ban`, `authfail`, `rate` belong to the running edge.
HTABLES = ("domain", "did", "owner", "token", "emergency", "trunk", "ha1")
#: Their values are secrets and never leave a module.
SECRET_HTABLES = frozenset({"ha1"})

_VERSION = """
CREATE TABLE IF NOT EXISTS version (
  id INTEGER PRIMARY KEY NOT NULL, table_name VARCHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT version_table_name_idx UNIQUE (table_name))"""

# Wider than Kamailio's own 64 and 128: an address of record is longer.
_HTABLE = """
CREATE TABLE IF NOT EXISTS ht_{name} (
  id INTEGER PRIMARY KEY NOT NULL, key_name VARCHAR(256) DEFAULT '' NOT NULL UNIQUE,
  key_type INTEGER DEFAULT 0 NOT NULL, value_type INTEGER DEFAULT 0 NOT NULL,
  key_value VARCHAR(512) DEFAULT '' NOT NULL, expires INTEGER DEFAULT 0 NOT NULL)"""

_REGISTRATIONS = """
CREATE TABLE IF NOT EXISTS uacreg (
  id INTEGER PRIMARY KEY NOT NULL, l_uuid VARCHAR(64) DEFAULT '' NOT NULL, l_username VARCHAR(64) DEFAULT '' NOT NULL,
  l_domain VARCHAR(64) DEFAULT '' NOT NULL, r_username VARCHAR(64) DEFAULT '' NOT NULL,
  r_domain VARCHAR(64) DEFAULT '' NOT NULL, realm VARCHAR(64) DEFAULT '' NOT NULL,
  auth_username VARCHAR(64) DEFAULT '' NOT NULL, auth_password VARCHAR(64) DEFAULT '' NOT NULL,
  auth_ha1 VARCHAR(128) DEFAULT '' NOT NULL, auth_proxy VARCHAR(255) DEFAULT '' NOT NULL,
  expires INTEGER DEFAULT 0 NOT NULL, flags INTEGER DEFAULT 0 NOT NULL, reg_delay INTEGER DEFAULT 0 NOT NULL,
  contact_addr VARCHAR(255) DEFAULT '' NOT NULL, socket VARCHAR(128) DEFAULT '' NOT NULL,
  CONSTRAINT uacreg_l_uuid_idx UNIQUE (l_uuid))"""

_LOCATION = """
CREATE TABLE IF NOT EXISTS location (
  id INTEGER PRIMARY KEY NOT NULL, ruid VARCHAR(64) DEFAULT '' NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL,
  domain VARCHAR(64) DEFAULT NULL, contact VARCHAR(512) DEFAULT '' NOT NULL, received VARCHAR(128) DEFAULT NULL,
  path VARCHAR(512) DEFAULT NULL, expires TIMESTAMP DEFAULT '2030-05-28 21:32:15' NOT NULL,
  q REAL DEFAULT 1.0 NOT NULL, callid VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL,
  cseq INTEGER DEFAULT 1 NOT NULL, last_modified TIMESTAMP DEFAULT '2000-01-01 00:00:01' NOT NULL,
  flags INTEGER DEFAULT 0 NOT NULL, cflags INTEGER DEFAULT 0 NOT NULL, user_agent VARCHAR(255) DEFAULT '' NOT NULL,
  socket VARCHAR(64) DEFAULT NULL, methods INTEGER DEFAULT NULL, instance VARCHAR(255) DEFAULT NULL,
  reg_id INTEGER DEFAULT 0 NOT NULL, server_id INTEGER DEFAULT 0 NOT NULL, connection_id INTEGER DEFAULT 0 NOT NULL,
  keepalive INTEGER DEFAULT 0 NOT NULL, partition INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT location_ruid_idx UNIQUE (ruid))"""

_LOCATION_INDEXES = (
    "CREATE INDEX IF NOT EXISTS location_account_contact_idx ON location (username, domain, contact)",
    "CREATE INDEX IF NOT EXISTS location_expires_idx ON location (expires)",
)


def create_tables(path: str | Path) -> None:
    """Make or complete `pbx.sqlite`; what is there stays. It holds HA1s: root writes, Kamailio reads, nobody else."""
    if not Path(path).exists():
        _make_private(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_VERSION)
        for name in HTABLES:
            connection.execute(_HTABLE.format(name=name))
            _state_version(connection, f"ht_{name}", 2)
        connection.execute(_REGISTRATIONS)
        _state_version(connection, "uacreg", 5)


def create_location(path: str | Path, wal: bool = True) -> None:
    """Make or complete `location.sqlite`. With WAL a commit costs 16 µs on tmpfs and readers do not wait."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            connection.execute(_VERSION)
            connection.execute(_LOCATION)
            for statement in _LOCATION_INDEXES:
                connection.execute(statement)
            _state_version(connection, "location", 9)


def tables_whole(path: str | Path) -> bool:
    """Whether every htable's table and its version are there (so that Kamailio would start)."""
    if not Path(path).exists():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            versions = dict(connection.execute("SELECT table_name, table_version FROM version"))
            for name in HTABLES:
                connection.execute(f"SELECT key_name FROM ht_{name} LIMIT 0")
            connection.execute("SELECT l_uuid FROM uacreg LIMIT 0")
        except sqlite3.DatabaseError:
            return False
    return versions.get("uacreg") == 5 and all(versions.get(f"ht_{name}") == 2 for name in HTABLES)


def _make_private(path: str | Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    with contextlib.suppress(KeyError, PermissionError):
        os.fchown(descriptor, -1, grp.getgrnam("kamailio").gr_gid)
    os.close(descriptor)


def _state_version(connection: sqlite3.Connection, table: str, version: int) -> None:
    connection.execute(
        "INSERT INTO version (table_name, table_version) VALUES (?, ?)"
        " ON CONFLICT (table_name) DO UPDATE SET table_version = excluded.table_version",
        (table, version),
    )
