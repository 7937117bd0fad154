"""What a call of the demo was expected to do and what it did: checks that become a line of a table, or of a test."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phones.tone import Heard

SILENCE = 0  # as an expected tone: proven silence


@dataclass(frozen=True)
class Check:
    what: str
    expected: str
    got: str
    ok: bool


@dataclass
class Report:
    """One call. A row fills it; `as_told` is true when it was finished and every check holds."""

    name: str
    rows: tuple[str, ...]
    checks: list[Check] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    trouble: str = ""
    seconds: float = 0.0
    created: float = field(default_factory=time.time)
    began: float = field(default_factory=time.time)
    over: float = float("inf")

    @property
    def as_told(self) -> bool:
        return not self.trouble and bool(self.checks) and all(check.ok for check in self.checks)

    def begin(self) -> None:
        """The call has its phones: from here on what happens to them is its own."""
        self.began, self.over = time.time(), float("inf")

    def end(self) -> None:
        self.over = time.time()

    def meanwhile(self, record: Mapping[str, Any]) -> bool:
        """Whether a call record began while this call had its phones."""
        return bool(self.began * 1000 - 1 <= record["started"] <= self.over * 1000)

    def check(self, what: str, expected: object, got: object) -> None:
        self.checks.append(Check(what, str(expected), str(got), expected == got))

    def holds(self, what: str, ok: bool, got: object = "") -> None:
        self.checks.append(Check(what, "yes", str(got) or ("yes" if ok else "no"), ok))

    def code(self, expected: int, got: int) -> None:
        self.check("code", expected, got)

    def hears(self, who: str, expected: float, heard: Heard, at_least: float = 0.25) -> None:
        """`expected` Hz for `at_least` seconds, or `SILENCE`."""
        self.heard[who] = f"{self.heard[who]}; {heard}" if who in self.heard else str(heard)
        if expected == SILENCE:
            self.checks.append(Check(f"{who} hears", "silence", str(heard), heard.silent))
            return
        ok = heard.tone(expected) >= at_least
        self.checks.append(Check(f"{who} hears", f"{expected:.0f} Hz", str(heard), ok))

    def said(self, who: str, prompt: str, heard: bool) -> None:
        """Whether a recording of the model was heard at this end."""
        self.heard[who] = f"{self.heard[who]}; {prompt}" if who in self.heard else prompt
        self.checks.append(Check(f"{who} hears", prompt, prompt if heard else "not that", heard))

    def cdr(self, record: Mapping[str, Any] | None, **expected: object) -> None:
        """The call's record: exactly one, with these values; a list is a path that must be equal."""
        self.record = record
        if record is None:
            self.checks.append(Check("CDR", "one", "none", False))
            return
        for name, value in expected.items():
            self.check(f"CDR {name}", value, record.get(name))
        revision = str(record.get("revision", ""))
        self.holds("CDR names the revision", len(revision) == 12, revision)
        self.holds("CDR says why", bool(record.get("reasons")), record.get("reasons"))

    def no_cdr(self, records: list[Mapping[str, Any]]) -> None:
        """A call that never was one leaves no record."""
        self.check("CDRs", 0, len(records))

    def document(self) -> dict[str, Any]:
        """For build/demo.json."""
        return {
            "name": self.name,
            "rows": list(self.rows),
            "as_told": self.as_told,
            "seconds": round(self.seconds, 1),
            "heard": self.heard,
            "trouble": self.trouble,
            "checks": [{"what": c.what, "expected": c.expected, "got": c.got, "ok": c.ok} for c in self.checks],
            "cdr": dict(self.record) if self.record else None,
        }
