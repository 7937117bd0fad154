"""Templates: what many objects have in common is written once, and each of them says `use: NAME`.

A template is a part of an object under `templates: {KIND: {NAME: {…}}}` of a tenant's or the site's folder. Its keys
hold where the object does not say otherwise: mappings are merged key by key, lists, scalars and destinations are
replaced as a whole. Of several templates the later wins; a template may use templates. Nothing of it is left in what
comes out: a model written with templates has the revision of one written out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pbx.model import shape
from pbx.model.folder import TEMPLATES, Entry, Folder, Layer
from pbx.model.problems import Path as ValuePath
from pbx.model.problems import did_you_mean
from pbx.model.schemas import Node, template_kinds

USE = "use"


def expand(site: Folder | None, tenants: list[Folder]) -> None:
    """Puts templates below the objects of all folders; a tenant sees the site's templates beside its own."""
    shelf = _Shelf(site) if site else None
    for each in [*([shelf] if shelf else []), *(_Shelf(tenant, shelf) for tenant in tenants)]:
        each.check()
        each.serve()


@dataclass(frozen=True, slots=True)
class _Made:
    """What comes out of an object or template and all that it uses; the stronger layers first."""

    value: dict[str, Any]
    layers: tuple[Layer, ...] = ()


@dataclass
class _Shelf:
    """The templates of one folder, each made once."""

    folder: Folder
    site: _Shelf | None = None
    _made: dict[tuple[str, str], _Made | None] = field(default_factory=dict)
    _open: list[tuple[str, str]] = field(default_factory=list)  # being made: the way that leads here

    def check(self) -> None:
        """Each template on its own: its name, its keys and values, what it uses."""
        for plural, named in self.folder.templates.items():
            for name, entry in named.items():
                path: ValuePath = (TEMPLATES, plural, name)
                if self.site is not None and (other := self.site.folder.templates.get(plural, {}).get(name)):
                    file, line, _ = other.place(()) or ("", 0, 0)
                    self.folder.report(path, f"the site has this template too ({file}:{line}); give it another name")
                wrong = list(shape.mistakes(template_kinds()[plural], entry.value))
                for rest, message in wrong:
                    self.folder.report((*path, *rest), message)
                entry.told = frozenset(rest for rest, _ in wrong)
                self._template(plural, name)

    def serve(self) -> None:
        """Every object that uses templates becomes what comes out of them."""
        for plural in template_kinds():
            kind = self.folder.kinds.get(plural)
            for entry_id, entry in self.folder.ids(plural).items():
                if kind is None or not isinstance(entry.value, dict) or USE not in entry.value:
                    continue
                path: ValuePath = (plural,) if kind.shape == "single" else (plural, entry_id)
                made = self._make(entry, path, kind.node)
                entry.unclear = made is None
                if made is not None:
                    entry.value, entry.layers = made.value, made.layers

    def _make(self, entry: Entry, path: ValuePath, node: Node) -> _Made | None:
        """None when something that it uses is not there or goes round; that has been told."""
        own = {key: value for key, value in entry.value.items() if key != USE}
        names = _names(entry.value.get(USE, []))
        if names is None:
            if path[0] != TEMPLATES:  # a template's own schema tells it
                self.folder.report((*path, USE), "use names a template, or a list of them; for example use: office")
            return None
        plural = str(path[1] if path[0] == TEMPLATES else path[0])
        below, layers = {}, []  # type: dict[str, Any], list[Layer]
        for index, name in enumerate(names):
            found = self._used(plural, name, (*path, USE) if isinstance(entry.value[USE], str) else (*path, USE, index))
            if found is None:
                return None
            below = _merged(node, below, found.value)
            layers = [*found.layers, *layers]
        return _Made(_merged(node, below, own), tuple(layers))

    def _used(self, plural: str, name: str, at: ValuePath) -> _Made | None:
        """A template that is named at a place, with itself as the first layer."""
        shelf = self if name in self.folder.templates.get(plural, {}) else self.site
        if shelf is None or name not in shelf.folder.templates.get(plural, {}):
            if not self.folder.broken and not (self.site and self.site.folder.broken):
                known = [*self.folder.templates.get(plural, {})]
                known += self.site.folder.templates.get(plural, {}) if self.site else []
                more = did_you_mean(name, known) or f"; write it under {TEMPLATES}.{plural}, or name one that is there"
                self.folder.report(at, f"there is no template {name} of {plural}{more}")
            return None
        if (plural, name) in shelf._open:
            way = [known for _, known in shelf._open[shelf._open.index((plural, name)) :]]
            self.folder.report(
                at, f"templates use one another in a circle, {' → '.join([*way, name])}; take a use: out of one"
            )
            return None
        return shelf._template(plural, name)

    def _template(self, plural: str, name: str) -> _Made | None:
        key = (plural, name)
        if key not in self._made:
            entry = self.folder.templates[plural][name]
            made = None
            if isinstance(entry.value, dict):
                self._open.append(key)
                made = self._make(entry, (TEMPLATES, plural, name), template_kinds()[plural].node)
                self._open.pop()
            self._made[key] = made and _Made(made.value, (Layer(name, entry), *made.layers))
        return self._made[key]


def _names(use: Any) -> list[str] | None:
    names = [use] if isinstance(use, str) else use
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _merged(node: Node | None, below: Any, above: Any) -> Any:
    """The stronger value over the weaker: key by key where both are mappings, but a destination is one thing."""
    if not isinstance(below, dict) or not isinstance(above, dict) or (node is not None and node.destination):
        return above
    out = dict(below)
    for key, value in above.items():
        inner = (node.properties.get(key) or node.extra) if node else None
        out[key] = _merged(inner, below[key], value) if key in below else value
    return out
