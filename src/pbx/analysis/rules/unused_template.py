from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.folder import TEMPLATES
from pbx.model.problems import pointer

RULE = Rule(
    "unused-template",
    "warning",
    "a template that no object uses",
    reason="What stands in it is nowhere in force. Either it is left over, or `use:` is missing where it was meant, "
    "and whoever changes the template believes to have changed objects.",
    wrong="""
templates:
  users: {office: {location: location/msk}}
users:
  vera: {extension: "209", location: location/msk}
""",
    right="""
templates:
  users: {office: {location: location/msk}}
users:
  vera: {use: office, extension: "209"}
""",
)


def check(context: Context) -> Iterator[Finding]:
    sources = context.loaded.sources
    used = {
        id(layer.entry)
        for folder in sources.values()
        for entries in folder.entries.values()
        for entry in entries.values()
        for layer in entry.layers
    }
    for owner, folder in sources.items():
        if not owner and not context.whole:
            continue  # a tenant that is not looked at may use what the site has
        for plural, named in folder.templates.items():
            for name, entry in named.items():
                if id(entry) not in used:
                    path = (TEMPLATES, plural, name)
                    message = "is used by nothing; take it out, or write use: where it was meant"
                    yield Finding(*folder.place(path), pointer(path), message)
