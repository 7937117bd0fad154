"""A model root or a tenant's folder → Loaded: checked, compiled to plain documents, built. Controller only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx.model import build, call_tests, folder, plain, rules
from pbx.model.objects import Model
from pbx.model.problems import ModelErrors, Problem, in_order
from pbx.model.recordings import SoundCheck
from pbx.model.yaml_events import collector_off

SITE = "site"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A whole valid model: the values, the documents they are made of, and their revisions."""

    model: Model
    site_plain: dict[str, Any]
    tenant_plain: dict[str, dict[str, Any]]
    site_revision: str
    revisions: dict[str, str]  # tenant → 12 hex digits
    folders: dict[str, Path]  # tenant → its folder, to which the files of its prompts are relative
    warnings: tuple[Problem, ...] = ()
    tests: dict[str, tuple[call_tests.CallTest, ...]] = field(default_factory=dict)  # tenant → its `tests:`
    sources: dict[str, folder.Folder] = field(default_factory=dict, repr=False)  # tenant, or "" for the site


def load(path: str | os.PathLike[str], sound: SoundCheck | None = None, *, whole: bool = False) -> Loaded:
    """Reads a model root (a folder of tenants and `site/`), or one tenant's folder with the `../site` beside it.

    `sound` looks at recordings and texts and says what is wrong with them; without it only a file's place is checked.
    With `whole` all of the grammar is taken, also what no server honours yet (`served`): for verbs
    that ask no server. Raises ModelErrors with every problem found.
    """
    root = Path(path)
    try:
        with collector_off():
            return _load(root, sound, whole)
    except OSError as error:  # a folder that may not be read, a file that went while it was
        place = str(error.filename or root)
        raise ModelErrors([Problem(place, 0, 0, "", f"cannot be read: {error.strerror}")]) from None


def _load(root: Path, sound: SoundCheck | None, whole: bool) -> Loaded:
    site_path, tenant_paths, problems = _folders(root)
    site_folder = folder.read(site_path, "site") if site_path else None
    tenants = [folder.read(each, "tenant") for each in tenant_paths]
    checked = rules.check(site_folder, tenants, sound, whole=whole)
    everything = [*problems, *(p for f in [site_folder, *tenants] if f for p in f.problems)]
    if any(problem.severity == "error" for problem in everything):
        raise ModelErrors(everything)
    return _loaded(site_folder, tenants, checked, everything)


def _loaded(
    site_folder: folder.Folder | None, tenants: list[folder.Folder], checked: rules.Checked, warnings: list[Problem]
) -> Loaded:
    site_plain = plain.site(checked.site)
    documents: dict[str, dict[str, Any]] = {}
    sources: dict[str, folder.Folder] = {"": site_folder} if site_folder else {}
    tests: dict[str, tuple[call_tests.CallTest, ...]] = {}
    for each, valid, scope in zip(tenants, checked.tenants, checked.scopes, strict=True):
        tenant_id = valid["tenant"]["id"]
        tests[tenant_id] = call_tests.read(scope)
        documents[tenant_id] = plain.tenant(valid, site_plain, each.path)
        sources[tenant_id] = each
    revisions = {tenant_id: plain.revision(document) for tenant_id, document in documents.items()}
    return Loaded(
        model=build.model(site_plain, documents, revisions),
        site_plain=site_plain,
        tenant_plain=documents,
        site_revision=plain.revision(site_plain),
        revisions=revisions,
        folders={tenant_id: source.path for tenant_id, source in sources.items() if tenant_id},
        warnings=tuple(in_order(warnings)),
        tests=tests,
        sources=sources,
    )


def _folders(root: Path) -> tuple[Path | None, list[Path], list[Problem]]:
    """The site's folder, the tenants' folders, and what is wrong with the path itself."""
    if not root.is_dir():
        what = "is a file; give the folder that holds it" if root.exists() else "is not there; give a folder"
        raise ModelErrors([Problem(str(root), 0, 0, "", what)])
    below = [each for each in sorted(root.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    if _holds_yaml(root):
        if stray := [each.name for each in below if _holds_yaml(each)]:
            message = (
                f"holds *.yml itself and folders with *.yml ({', '.join(stray)}); give each *.yml a tenant's folder"
            )
            raise ModelErrors([Problem(str(root), 0, 0, "", message)])
        if root.resolve().name == SITE:
            return root, [], []
        beside = root / ".." / SITE if root.name in ("", ".", "..") else root.parent / SITE
        return (beside if beside.is_dir() else None), [root], []
    tenants, problems = [], []
    for each in below:
        if each.name == SITE:
            continue
        if _holds_yaml(each):
            tenants.append(each)
        else:
            problems.append(Problem(str(each), 0, 0, "", "holds no *.yml; a tenant's folder holds some", "warning"))
    site = root / SITE
    if not tenants and not _holds_yaml(site):
        message = "holds no tenant: no folder in it holds *.yml; give a model root or a tenant's folder"
        raise ModelErrors([Problem(str(root), 0, 0, "", message)])
    return (site if site.is_dir() else None), tenants, problems


def _holds_yaml(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.yml"))
