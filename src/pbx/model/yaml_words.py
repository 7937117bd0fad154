"""What libyaml says of a text that is no YAML, in plain words: what stands there wrongly and what to write instead."""

from __future__ import annotations

import yaml

# a part of libyaml's words → ours; {began} is the line where the list, mapping or text in question begins
_WORDS: dict[str, str] = {
    "mapping values are not allowed": (
        "this colon opens no key; put a space after the colon of the key before it, and quote a text that has a colon"
    ),
    "block sequence entries are not allowed": 'this - opens no item; put it on a new line, or quote the text: "- …"',
    "expected ',' or ']'": (
        "the list that begins with [ in line {began} needs a comma or a ] here; look at the commas and quotes before it"
    ),
    "expected ',' or '}'": (
        "the mapping that begins with {{ in line {began} needs a comma or a }} here; "
        "look at the commas and quotes before it"
    ),
    "expected key": (
        "here a key of the mapping that begins in line {began} is expected; indent the line as its keys are, "
        "and look at the quotes and brackets before it"
    ),
    "expected '-' indicator": (
        "here an item of the list that begins in line {began} is expected; begin the line with - and indent it as "
        "the others"
    ),
    "could not find expected ':'": "line {began} is no key: it has no colon with a space after it; write KEY: VALUE",
    "unknown escape character": "this \\ begins nothing that YAML knows; write \\\\, or put the text in '…'",
    "hexdecimal number": "after \\x, \\u or \\U stand too few hexadecimal digits; write \\\\, or put the text in '…'",
    "alphabetic or numeric character": 'a text may not begin with * or &; quote it: "*28"',
    "expected node content": "a value is missing here; write it, or take out the comma or bracket",
    "expected <document start>": "the text goes on after its end; indent this line as the others, or take it out",
    "tab character": "a tab indents this line; use spaces",
    "comment or line break": "after | or > the line ends; begin the text in the next one",
    "directive": "a line may not begin with %; take it out",
    "YAML document": "a line may not begin with %; take it out",
    "tag": 'a tag is not supported; if text is meant, quote it: "!…"',
    "expected '>'": 'a tag is not supported; if text is meant, quote it: "!<…"',
}
_CANNOT_START = "cannot start any token"
_NEVER_CLOSED = ("found unexpected end of stream", "found unexpected document indicator")


def explained(text: str, error: yaml.MarkedYAMLError) -> tuple[int, int, str]:
    """(line, column, message), both from 1."""
    problem = str(error.problem or "")
    mark = error.problem_mark or error.context_mark
    began = error.context_mark or mark
    if mark is None or began is None:
        return 1, 1, f"this is not YAML: {error}"
    if problem in _NEVER_CLOSED and "quoted scalar" in str(error.context):
        message = "this is not YAML: the quote that opens here is never closed; write it at the end of the text too"
        return began.line + 1, began.column + 1, message
    if _CANNOT_START in problem:
        words = _no_beginning(_character(text, mark.line, mark.column))
    else:
        found = next((words for part, words in _WORDS.items() if part in problem or part in str(error.context)), "")
        words = found.format(began=began.line + 1) or ", ".join(part for part in (error.context, problem) if part)
    return mark.line + 1, mark.column + 1, f"this is not YAML: {words}"


def _character(text: str, line: int, column: int) -> str:
    """The character at a place of libyaml; it counts lines by CR, LF and both."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[line][column : column + 1] if line < len(lines) else ""


def _no_beginning(character: str) -> str:
    if character == "\t":
        return "a tab indents this line; use spaces"
    return f'a text may not begin with {character}; quote it: "{character}…"'
