"""Files that a model names: they lie in the folder of the tenant, or of the site, that names them."""

from __future__ import annotations

from pathlib import Path

from pbx.model.folder import Folder
from pbx.model.problems import did_you_mean


def found(folder: Folder, name: str) -> tuple[Path, str]:
    """The file, and what is wrong with its place; "" when it is there. `name` is relative to the folder."""
    file, owner = folder.path / name, folder.role
    try:
        inside = file.resolve().is_relative_to(folder.path.resolve())
        there = file.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, a link that goes round
        return file, f"cannot be read; name a file in the {owner}'s folder"
    if not inside:
        return file, f"lies outside the {owner}'s folder; copy it into the folder"
    if not there:
        alike = [str(each.relative_to(folder.path)) for each in folder.path.rglob(f"*{file.suffix}")]
        return file, f"is not there{did_you_mean(name, alike) or '; put the file there'}"
    return file, ""
