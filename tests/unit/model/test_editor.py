"""What an editor with YAML support shows: completion of keys and words, no false error, and true ones."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "tests/fixtures/editor"
HEAD = "# yaml-language-server: $schema=../../schemas/tenant.schema.json\nversion: pbx/v1\n"

pytestmark = pytest.mark.row("C01")


def installed() -> Path:
    """The language server of the lock file, outside of the clone; downloaded once."""
    lock = (PACKAGE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pbx-as-code"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"editor-{hashlib.sha256(lock).hexdigest()[:12]}"
    with open(cache / "editor.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(PACKAGE, partial)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=partial, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"npm ci: {done.stderr[-600:]}"
            partial.rename(folder)
    return folder / "node_modules/yaml-language-server/bin/yaml-language-server"


class Editor:
    """An editor's half of the language server protocol: opens and changes one file after another, and asks."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._deadline = threading.Timer(120, self._process.kill)  # then reading ends with "the language server ended"
        self._deadline.start()
        self._number = 0
        text_document = {"publishDiagnostics": {}, "completion": {"completionItem": {}}, "hover": {}}
        self.ask(
            "initialize", {"processId": None, "rootUri": ROOT.as_uri(), "capabilities": {"textDocument": text_document}}
        )
        self._send({"method": "initialized", "params": {}})
        yaml = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": {"yaml": yaml}}})

    def close(self) -> None:
        self._deadline.cancel()
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path, text: str) -> list[str]:
        """What the editor underlines: `line: message`."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        found = self._until(
            lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == path.as_uri()
        )
        return [f"{d['range']['start']['line'] + 1}: {d['message']}" for d in found["params"]["diagnostics"]]

    def at_the_end(self, method: str, path: Path, text: str) -> Any:
        """Ask about the last character of the text."""
        self.open(path, text)
        lines = text.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": path.as_uri()}, "position": position})

    def ask(self, method: str, params: Any) -> Any:
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        return self._until(lambda m: m.get("id") == number and "method" not in m)["result"]

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server asks for its settings
                asked = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
                self._send({"id": message["id"], "result": asked and [{} for _ in asked]})
            elif wanted(message):
                return message

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        stream, length = self._process.stdout, 0
        assert stream is not None
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server ended"
        message: dict[str, Any] = json.loads(stream.read(length))
        return message


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor(installed())
    yield editor
    editor.close()


@pytest.fixture
def fresh() -> Callable[[], Path]:
    """Files that the editor has not seen; they need not be on the disk."""
    numbers = iter(range(1000))
    return lambda: ROOT / f"examples/romashka/unsaved{next(numbers)}-{os.urandom(3).hex()}.yml"


MODELS = [ROOT / "examples", ROOT / "tests/fixtures/reference"]


@pytest.mark.parametrize(
    "path", sorted(path for root in MODELS for path in root.glob("*/*.yml")), ids=lambda path: "/".join(path.parts[-3:])
)
def test_no_false_error_in_the_examples(editor: Editor, path: Path) -> None:
    assert editor.open(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("", {"users", "numbers", "flows", "ring_groups", "tests"}),
        ("ring_groups:\n  x:\n    ", {"members", "ring", "ring_timeout", "on_no_answer"}),
        ("ring_groups:\n  x:\n    ring: ", {"sequential", "simultaneous"}),
        ("users:\n  x:\n    devices:\n      desk:\n        type: ", {"desk_phone", "softphone", "outside"}),
        ('numbers:\n  "+74951000100":\n    ', {"to", "trunk", "state"}),
        ("tests:\n  - ", {"at", "from", "to", "through"}),
        ("", {"templates"}),
        ("users:\n  x:\n    ", {"use", "extension", "devices"}),
        ("users:\n  x:\n    use: office\n    ", {"extension", "devices"}),
        ("users:\n  x:\n    use: office\n    devices:\n      desk:\n        ", {"type", "mac"}),
        ("templates:\n  ", {"users", "trunks", "queues"}),
        ("templates:\n  users:\n    office:\n      ", {"use", "location", "devices"}),
        ("templates:\n  ring_groups:\n    quick:\n      ring: ", {"sequential", "simultaneous"}),
        ("queues:\n  x:\n    choose: ", {"longest_idle", "skills"}),
        ("users:\n  x:\n    forward:\n      ", {"always", "busy", "no_answer", "unavailable"}),
        ("users:\n  x:\n    role: ", {"role/supervisor"}),
        ("users:\n  x:\n    class_of_service: ", {"class_of_service/local", "class_of_service/international"}),
        ("ring_groups:\n  x:\n    members:\n      - ", {"user/ivanov", "+79220000002"}),
        ("announcements:\n  x:\n    to: ", {"voicemail/ivanov", "queue/sales", "flow/main"}),
        ("flows:\n  x:\n    - when:\n        ", {"closed", "override", "queue", "share", "not"}),
        ("flows:\n  x:\n    - when:\n        closed: ", {"schedule/office"}),
        ("flows:\n  x:\n    - when:\n        queue:\n          queue/sales: ", {"empty", "full", "busy", "free"}),
    ],
)
def test_keys_and_words_are_offered(editor: Editor, fresh: Callable[[], Path], text: str, offered: set[str]) -> None:
    answer = editor.at_the_end("completion", fresh(), HEAD + text)
    assert offered <= {item["label"] for item in answer["items"]}


@pytest.mark.parametrize(
    "text",
    [
        "ring_groups: {x: {use: office, ring_timeout: 5s}}\n",
        "users: {x: {use: [office, msk], devices: {desk: {mac: '80:5e:c0:00:00:01'}}}}\n",
        "templates: {ivrs: {x: {keys: {'1': {language: en-US}}}}, numbers: {y: {use: z, state: suspended}}}\n",
        "tenant: {use: russian, id: acme}\ntests: [{use: noon, to: '201'}]\n",
    ],
)
def test_what_a_template_gives_is_not_missing(editor: Editor, fresh: Callable[[], Path], text: str) -> None:
    assert editor.open(fresh(), HEAD + text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ring_groups: {x: {membres: [user/a]}}\n", "membres"),
        ("users: {x: {extension: 201}}\n", "string"),
        ("schedules: {x: {open: [{days: [MON]}]}}\n", "MO"),
        ("ring_groups: {x: {members: [user/a]}}\n", "on_no_answer"),
        ("ring_groups: {x: {use: office, membres: [user/a]}}\n", "membres"),
        ("templates: {ring_groups: {x: {ring: both}}}\n", "sequential"),
        ("templates: {flows: {x: {}}}\n", "flows"),
    ],
)
def test_a_mistake_is_underlined(editor: Editor, fresh: Callable[[], Path], text: str, message: str) -> None:
    assert any(one.startswith("3:") and message in one for one in editor.open(fresh(), HEAD + text))


def test_a_key_explains_itself(editor: Editor, fresh: Callable[[], Path]) -> None:
    answer = editor.at_the_end("hover", fresh(), HEAD + "ring_groups:\n  x:\n    ring_timeout: 20s")
    assert "for example 20s" in answer["contents"]["value"]
