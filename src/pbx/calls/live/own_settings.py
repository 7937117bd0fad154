"""What people have set themselves, as a call process knows it: in memory, so that no call waits for the store.

The newest word on a setting counts, whoever brings it: a star code here, the API, or another process through the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pbx.model.services import Setting

Row = dict[str, Any]
"""A word on one setting: `tenant`, `user`, `key`, `value`, `author`, `changed` (ms); the value None takes it back."""

NONE: Mapping[str, Setting] = {}


class OwnSettings:
    """By tenant, user and key. `write` is given each word that is said here, before it counts (the journal)."""

    def __init__(self, write: Callable[[Row], None], now: Callable[[], int]) -> None:
        """`now` are milliseconds of UTC."""
        self._write = write
        self._now = now
        self.version = 0  # another one when something has changed
        self._of: dict[tuple[str, str], dict[str, Setting]] = {}

    def of(self, tenant: str, user: str) -> Mapping[str, Setting]:
        return self._of.get((tenant, user), NONE)

    def of_tenant(self, tenant: str) -> dict[str, Mapping[str, Setting]]:
        """By user, those that were not taken back."""
        found: dict[str, Mapping[str, Setting]] = {}
        for (name, user), settings in self._of.items():
            if name == tenant and (said := {key: one for key, one in settings.items() if one.value is not None}):
                found[user] = said
        return found

    def set(self, tenant: str, user: str, key: str, value: Any, author: str) -> Setting:
        """A checked word (`routing.own.checked`), said here: later than any that is known, whatever the clocks."""
        known = self.of(tenant, user).get(key)
        changed = max(self._now(), known.changed + 1 if known is not None else 0)
        row = {"tenant": tenant, "user": user, "key": key, "value": value, "author": author, "changed": changed}
        self._write(row)
        self.learn([row])
        return self._of[tenant, user][key]

    def learn(self, rows: Iterable[Row]) -> None:
        """Words of the store, of the journal and of the file; older ones than we know change nothing."""
        for row in rows:
            settings = self._of.setdefault((row["tenant"], row["user"]), {})
            known = settings.get(row["key"])
            if known is None or known.changed < row["changed"]:
                self.version += 1
                settings[row["key"]] = Setting(row["value"], row["author"], row["changed"])

    def rows(self) -> list[Row]:
        """All that is known, for the file; another thread may ask."""
        return [
            {"tenant": tenant, "user": user, "key": key} | {name: getattr(one, name) for name in _SAID}
            for (tenant, user), settings in list(self._of.items())
            for key, one in list(settings.items())
        ]


_SAID = ("value", "author", "changed")
