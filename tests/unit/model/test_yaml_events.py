"""The loader of YAML events: what is typed, what is refused, and where things stand."""

import pytest

from pbx.model import yaml_events
from pbx.model.yaml_events import YamlError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: true", True),
        ("a: false", False),
        ("a: null", None),
        ("a: ~", None),
        ("a:", None),
        ("a: 12", 12),
        ("a: -3", -3),
        ("a: 0", 0),
        ("a: '12'", "12"),
        ('a: "true"', "true"),
        # text in YAML 1.2's JSON sense, though YAML 1.1 makes numbers, times or booleans of these
        ("a: no", "no"),
        ("a: on", "on"),
        ("a: 0101", "0101"),
        ("a: +74951000100", "+74951000100"),
        ("a: 18:00", "18:00"),
        ("a: 2026-11-07", "2026-11-07"),
        ("a: 1.5", "1.5"),
        ("a: 1e3", "1e3"),
        ("a: 0x10", "0x10"),
        ("a: True", "True"),
        ("a: " + "9" * 5000, "9" * 5000),
        ("a: |\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    document = parse(text.encode())
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


def test_keys_are_text() -> None:
    assert parse(b"1: x\nno: y\n2026-01-01: z\n").value == {"1": "x", "no": "y", "2026-01-01": "z"}


def test_places_of_keys_and_items() -> None:
    document = parse("users:\n  иван: {a: 1, b: [x, {c: 2}]}\n".encode())
    top = document.value
    user = top["users"]["иван"]
    assert document.place(top, "users") == (1, 1)
    assert document.place(top["users"], "иван") == (2, 3)
    assert document.place(user, "b") == (2, 16)
    assert document.place(user["b"], 0) == (2, 20)
    assert document.place(user["b"], 1) == (2, 23)
    assert document.place(user["b"][1], "c") == (2, 24)
    assert document.place(user["b"], 2) is None
    assert document.place(user, "z") is None


def test_byte_order_mark_and_line_ends() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").value == {"a": 1, "b": 2}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only words\n", b"---\n"])
def test_nothing(data: bytes) -> None:
    assert parse(data).value is None


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        (b"a: *b", 1, 4, '"*b"'),
        (b"a: &b 1", 1, 4, '"&b"'),
        (b"a: &b [1]", 1, 4, '"&b"'),
        (b"a: !!str 1", 1, 4, "!!str"),
        (b"a: !new {b: 1}", 1, 4, "!new"),
        (b"b: 1\n<<: {a: 1}", 2, 1, "merge keys"),
        (b"a: 1\nb: 2\na: 3", 3, 1, "first in line 1"),
        (b"{a: 1}: 2", 1, 1, "a key must be text"),
        (b"a: {x}: 2", 1, 7, "YAML"),
        (b"true: 1", 1, 1, 'quote it: "true"'),
        (b"? \n: 1", 1, 2, "nothing is no key"),
        (b"a: 1\n---\nb: 1", 2, 1, "second document"),
        (b"a: [1", 2, 1, "YAML"),
        (b"a: 1\nb: \xff", 2, 4, "UTF-8"),
        (b"a: 1\nb: \x01", 2, 4, "may not stand in YAML"),
        (b"\xff\xfea\x00", 1, 1, "UTF-8"),
        (b"[" * 200, 1, 65, "levels"),
    ],
)
def test_refused(data: bytes, line: int, column: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse(data)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.message


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_events, "MAX_BYTES", 10)
    with pytest.raises(YamlError, match="more than 10 bytes; split it"):
        parse(b"a: 12345678")
