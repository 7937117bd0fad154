"""One PostgreSQL cluster of Debian's packages (`main`): its files, its service, a role and a database in it.

Standard library only. Passwords are compared and set as SCRAM verifiers, so that none reaches a server log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from glob import glob
from typing import Any

from ansible_collections.pbx.core.plugins.module_utils.actions import SECRET, SECRET_CHANGED, Step
from ansible_collections.pbx.core.plugins.module_utils.files import Want, differences, write
from ansible_collections.pbx.core.plugins.module_utils.processes import read_unit, systemctl

__all__ = ["ITERATIONS", "Server", "fits", "verifier"]

ITERATIONS = 4096  # PostgreSQL's own
ADMINISTRATOR = "postgres"


class Server:
    """What is wanted of the cluster, and how it is."""

    def __init__(self, document: Mapping[str, Any], password: str) -> None:
        self.document = document
        self._password = password
        versions = sorted(glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: float(path.split("/")[4]))
        self.version = versions[-1].split("/")[4] if versions else ""
        self.unit = f"postgresql@{self.version}-main.service"
        folder = f"/etc/postgresql/{self.version or '*'}/main"
        self.files = [
            Want(f"{folder}/conf.d/10-pbx.conf", "file", self._settings().encode(), None, "root", "root", 0o644),
            Want(f"{folder}/pg_hba.conf", "file", self._who().encode(), None, "root", ADMINISTRATOR, 0o640),
        ]

    def _settings(self) -> str:
        return (
            "# Where call processes reach it; see pg_hba.conf for who they are.\n"
            f"listen_addresses = '127.0.0.1, {self.document['listen']}'\nport = {int(self.document['port'])}\n"
            "password_encryption = 'scram-sha-256'\n"
        )

    def _who(self) -> str:
        database, user = self.document["database"], self.document["user"]
        rows = [f"hostssl {database} {user} {address}/32 scram-sha-256" for address in self.document["clients"]]
        head = "# The administrator on this host, and call processes from theirs; nobody else.\n"
        return head + "\n".join([f"local all {ADMINISTRATOR} peer", *rows, ""])

    def plan(self) -> list[Step]:
        """Files, service, then what is in the database; a server that does not run has nothing in it."""
        return [*self._file_steps(), *self._service_steps(), *self._database_steps()]

    def _file_steps(self) -> Iterator[Step]:
        for want in self.files:
            fields = differences(want) if self.version else ["absent"]
            if fields:
                absent = "absent" in fields
                yield Step("create" if absent else "update", "file", want.path, fields=() if absent else tuple(fields))

    def _service_steps(self) -> Iterator[Step]:
        before = {"active": self.running(), "enabled": read_unit("postgresql.service").enabled}
        after = {"active": True, "enabled": True}
        if not before["enabled"]:
            yield Step("enable", "service", "postgresql.service", before, after)
        if not before["active"]:
            yield Step("start", "service", self.unit, before, after)
            return
        wanted = f"127.0.0.1, {self.document['listen']}"
        if self.sql("SHOW listen_addresses") != [wanted] or self.sql("SHOW port") != [str(self.document["port"])]:
            yield Step("restart", "service", self.unit, before, after, ("listen",))
        elif self._changed_since_load():
            yield Step("reload", "service", self.unit, before, after, ("pg_hba.conf",))

    def _changed_since_load(self) -> bool:
        loaded = float(self.sql("SELECT extract(epoch FROM pg_conf_load_time())")[0])
        return any(differences(want) or os.stat(want.path).st_mtime > loaded for want in self.files)

    def _database_steps(self) -> Iterator[Step]:
        user, database = self.document["user"], self.document["database"]
        have = self.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'") if self.running() else []
        if not have:
            yield Step("create", "role", user, after={"password": SECRET})
        elif not fits(have[0], self._password):
            yield Step("update", "role", user, {"password": SECRET_CHANGED}, {"password": SECRET}, ("password",))
        if not self.running() or not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            yield Step("create", "database", database, after={"owner": user})

    def take(self, steps: list[Step]) -> str:
        """Take the steps; returns what went wrong, or nothing."""
        for want in self.files:
            if differences(want):
                write(want)
        systemctl("daemon-reload")
        for one in steps:
            if one.kind == "service":
                code, text = systemctl(one.op, "postgresql.service" if one.op == "start" else one.id)
                if code:
                    return f"{one.op} {one.id}: {text}"
            elif one.kind == "role":
                word = "CREATE ROLE" if one.op == "create" else "ALTER ROLE"
                self.sql(f"{word} {one.id} LOGIN PASSWORD '{verifier(self._password)}'")
            elif one.kind == "database":
                made = f"CREATE DATABASE {one.id} OWNER {self.document['user']} TEMPLATE template0 ENCODING 'UTF8'"
                self.sql(f"{made} LC_COLLATE 'C' LC_CTYPE 'C'")
                self.sql(f"REVOKE ALL ON DATABASE {one.id} FROM PUBLIC")
        return ""

    def running(self) -> bool:
        return bool(self.version) and read_unit(self.unit).active

    def sql(self, statement: str) -> list[str]:
        """The rows of a statement, as the administrator over the server's own socket; it goes by standard input."""
        account = pwd.getpwnam(ADMINISTRATOR)
        words = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
        words += ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
        done = subprocess.run(words, input=statement, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.splitlines()


def verifier(password: str, salt: bytes = b"") -> str:
    """What PostgreSQL keeps of a password (RFC 5803)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


def fits(kept: str, password: str) -> bool:
    """Whether what the server keeps was made of this password."""
    head, _, rest = kept.partition(":")
    if head != f"SCRAM-SHA-256${ITERATIONS}":
        return False
    try:
        salt = base64.b64decode(rest.partition("$")[0], validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(verifier(password, salt), kept)
