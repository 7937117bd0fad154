"""The drainer against a real PostgreSQL that is killed and that hangs: each record comes in, once."""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from throwaway import CHECKOUT, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.row("R33")]

SQL = """CREATE ROLE pbx LOGIN PASSWORD 'for-this-test-only';
CREATE DATABASE pbx OWNER pbx TEMPLATE template0 ENCODING 'UTF8';
"""
HBA = "local all postgres peer\nhostssl pbx pbx 10.77.0.1/32 scram-sha-256\n"
UNIT = "postgresql@15-main.service"
PROGRAM = """
import itertools, sys, tempfile, threading, time
from pathlib import Path
from pbx.store import database
from pbx.store.drain import Drainer
from pbx.store.journal import Journal

stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
folder = Path(tempfile.mkdtemp())
url = "postgresql://pbx@10.77.0.31:5432/pbx?sslmode=require"
db = database.connect(url, password=lambda: "for-this-test-only")
journal, drainer = Journal(folder, node="calls1.1", boot="000000000001"), Drainer(folder, db)
record = dict(tenant="romashka", direction="internal", caller="201", dialled="202", number=None, source="device a",
              revision="r", answered=None, ended=2, disposition="answered", code=200, answered_by=None,
              hung_up_by="caller", path=["user/petrova"], reasons=["50 %", "it's :so"])
failing = False
for number in itertools.count():
    if stop.is_set():
        break
    journal.append("start", {**record, "id": str(number), "started": number})
    journal.append("end", {**record, "id": str(number), "started": number})
    try:
        drainer.drain()
    except database.FAILURES as error:
        if not failing:
            print("away", flush=True)
        failing = True
    else:
        if failing or number % 50 == 0:
            print("drained", flush=True)
        failing = False
    time.sleep(0.005)
while True:
    try:
        drainer.drain()
        break
    except database.FAILURES:
        time.sleep(0.1)
(count, whole), = db.execute("SELECT count(*), count(ended) FROM cdr").fetchall()
kept = database.last_calls(db, last=1)[0]
same = kept["path"] == record["path"] and kept["reasons"] == record["reasons"]
print("end", count == whole == number, same, flush=True)
"""

MESSAGES = """
import tempfile
from pathlib import Path
from pbx.store import database, messages, outbox, sealed
from pbx.store.drain import Drainer
from pbx.store.journal import Journal

url = "postgresql://pbx@10.77.0.31:5432/pbx?sslmode=require"
db = database.connect(url, password=lambda: "for-this-test-only")
folder, key, now = Path(tempfile.mkdtemp()), sealed.key_of("a secret of this test alone"), 1_796_000_000_000
journal = Journal(folder, node="calls1.1", boot="000000000001")
sound = bytes(range(256)) * 60
for name in "ab":
    file = folder / f"{name}.message"
    row = dict(id=name, tenant="t", box="anna", caller=None, name="50 %", origin="c", born=now, length=1920,
               state="new", author="c", changed=now, sealed_with=sealed.name_of(key))
    for _ in range(2):  # the second time by a process that came after a kill
        file.write_bytes(sealed.Seal(key, name).piece(sound))
        tasks = {"mails": [{"to": "anna@t.example"}, {"to": "boris@t.example"}], "transcribe": {"language": "en"}}
        journal.append("message", {"message": row, "file": str(file), **tasks})
journal.append("message_is", {"id": "a", "state": "saved", "author": "user/anna", "changed": now + 5})
journal.append("message_is", {"id": "a", "state": "new", "author": "late", "changed": now + 3})
journal.append("message_is", {"id": "b", "state": "deleted", "author": "user/anna", "changed": now + 5})
journal.close()
Drainer(folder, db).drain()
known = {row["id"]: row["state"] for row in messages.since(db)}
heard = sealed.opened(key, "a", messages.sound_of(db, "a")) == sound
waiting = outbox.take(db, "mail", now)
messages.write_text(db, "a", messages.sealed_text(key, "a", "good day"))
messages.mail_now(db, "a", now)
due = sorted(job["id"] for job in outbox.take(db, "mail", now))
draft = messages.opened_text(key, "a", messages.text_of(db, "a"))
swept = messages.sweep(db, now + 6 + messages.KEPT_DELETED), messages.one(db, "b"), messages.sound_of(db, "b")
print(known, heard, swept)
print(waiting, due, draft)
"""


@pytest.fixture
def store() -> Iterator[Lab]:
    """A host with PostgreSQL, reached from the router."""
    lab = Lab(f"q{secrets.token_hex(3)}")
    lab.run("up", "--hosts", "store1", timeout=900)
    folder = lab.status()["state_folder"]
    lab.exec("store1", "sh", "-c", "cat > /etc/postgresql/15/main/pg_hba.conf", input=HBA)
    lab.exec("store1", "sh", "-c", "echo \"listen_addresses = '*'\" > /etc/postgresql/15/main/conf.d/test.conf")
    lab.exec("store1", "systemctl", "start", "postgresql.service")
    lab.exec("store1", "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "-q", input=SQL)
    yield lab
    lab.run("down")
    shutil.rmtree(folder)


def test_each_record_comes_in_once_through_kills_and_a_hang(store: Lab) -> None:
    environment = {"env": {**store.environment, "PYTHONPATH": str(CHECKOUT / "src"), "HOME": "/nonexistent"}}
    words = [str(CHECKOUT / "lab/lab"), "exec", "lab", sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **environment) as drain:  # type: ignore[call-overload]
        assert drain.stdout is not None and drain.stdin is not None
        said = iter(drain.stdout)

        def wait(word: str) -> str:
            return next(line for line in said if line.startswith(word))

        for _ in range(3):
            wait("drained")
            store.exec("store1", "systemctl", "kill", "--signal=KILL", UNIT)
            wait("away")
            store.exec("store1", "systemctl", "restart", UNIT)
        wait("drained")
        store.exec("store1", "systemctl", "kill", "--signal=STOP", UNIT)
        wait("away")
        store.exec("store1", "systemctl", "kill", "--signal=CONT", UNIT)
        wait("drained")
        drain.stdin.close()  # ends it
        assert wait("end") == "end True True\n"
    assert drain.returncode == 0


@pytest.mark.row("R12")
def test_messages_and_their_sound_are_kept_and_swept(store: Lab) -> None:
    environment = {"env": {**store.environment, "PYTHONPATH": str(CHECKOUT / "src"), "HOME": "/nonexistent"}}
    words = [str(CHECKOUT / "lab/lab"), "exec", "lab", sys.executable, "-c", MESSAGES]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **environment)  # type: ignore[call-overload]
    kept, mailed = done.stdout.splitlines() or (done.stderr, "")
    assert kept == "{'a': 'saved', 'b': 'deleted'} True (1, None, None)"
    assert mailed == "[] ['mail/a', 'mail/a/1'] good day"
