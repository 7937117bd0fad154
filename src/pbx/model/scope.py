"""What the rules of one tenant look at: its folder, its valid objects, and what the site shares with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pbx.model.folder import Entry, Folder
from pbx.model.problems import Path, pointer
from pbx.model.schemas import Found


@dataclass
class Scope:
    """`plain` holds the valid objects of `folder` with defaults; `found` the values in them that rules look at."""

    folder: Folder
    plain: dict[str, Any]
    found: Found
    site: Folder | None = None
    languages: tuple[str, ...] = ()
    owner: str = ""  # tenant id, for messages to others
    whole: bool = False  # of the grammar, also what no server honours yet
    tenants: list[Scope] = field(default_factory=list)  # all that are loaded together, for what is said of others
    numbers: dict[str, str] = field(default_factory=dict)  # E.164 → the key that names it

    def objects(self, plural: str) -> dict[str, Any]:
        found: dict[str, Any] = self.plain.get(plural, {})
        return found

    def entry(self, plural: str, name: str) -> Entry | None:
        """The object as it is written, here or in the site's folder; also when it is not valid."""
        here = self.folder.ids(plural).get(name)
        if here is None and self.site is not None and plural in self.site.kinds:
            return self.site.ids(plural).get(name)
        return here

    def known(self, plural: str) -> list[str]:
        names = list(self.folder.ids(plural))
        if self.site is not None and plural in self.site.kinds:
            names += self.site.ids(plural)
        return names

    @property
    def incomplete(self) -> bool:
        """A file could not be read, so what seems to be missing may stand in it."""
        return self.folder.broken or (self.site is not None and self.site.broken)

    def report(self, path: Path, message: str, severity: str = "error") -> None:
        self.folder.report(path, message, severity)

    def where(self, path: Path) -> str:
        """`file:line` of something, to name it in the message about another."""
        file, line, _ = self.folder.place(path)
        return f"{pointer(path)} in {file}:{line}"
