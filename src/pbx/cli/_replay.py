"""`pbx explain CALL_ID`: a real call at its own revision, and whether today's model would treat it otherwise."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbx.analysis.language import Language
from pbx.cli import _replay_told
from pbx.cli._replay_told import Answer, Told

if TYPE_CHECKING:
    from pbx.model.load import Loaded
    from pbx.model.objects import Tenant


class NotExplained(ValueError):
    """Why there is nothing to tell; for people."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the call hosts know: the record, and the tenant's model of that day when it is kept."""

    host: str
    record: dict[str, Any]
    plain: dict[str, Any] | None


def run(arguments: argparse.Namespace, language: Language) -> int:
    """Look the call up, replay it twice, tell. Exit code 0, or 1: it cannot be told."""
    from pbx.cli import _inventory
    from pbx.desired.hosts import InventoryError

    try:
        variables = _inventory.read(arguments.inventory, arguments.vault_password_file).variables
        root = arguments.model or (Path(found) if (found := variables.get("pbx_model_root")) else None)
        if root is None:
            raise NotExplained("give --model, or set pbx_model_root in the inventory")
        loaded = _load(root)
        answer = explain(fetch(arguments), root, loaded, language)
    except (InventoryError, NotExplained) as error:
        print(f"pbx explain: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(_replay_told.document(answer, language), ensure_ascii=False, default=str))
    else:
        print("\n".join(_replay_told.lines(answer, language)))
    return 0


def _load(root: Path) -> Loaded:
    from pbx.cli._models import load_or_tell

    loaded = load_or_tell(str(root))
    if loaded is None:
        raise NotExplained(f"{root} is no valid model: see above")
    return loaded


def fetch(arguments: argparse.Namespace) -> Kept:
    """Ask the call hosts; the one that keeps the model of that day wins. Raises NotExplained."""
    from pbx.cli import _playbook, _report

    what = _playbook.Run(
        playbook="call.yml",
        inventory=arguments.inventory,
        model=arguments.model,
        variables={"pbx_call_id": arguments.what},
        vault=_playbook.from_arguments("call.yml", arguments, check=False).vault,
    )
    outcome = _playbook.run(what)
    found = [Kept(one["host"], one["call"]["record"], one["call"]["plain"]) for one in outcome.results if "call" in one]
    if found:
        return next((one for one in found if one.plain is not None), found[0])
    if outcome.failed:
        raise NotExplained("\n".join(_report.failures(outcome.failures)) or "ansible-playbook failed, see above")
    raise NotExplained(f"no call host has a record of {arguments.what}")


def explain(kept: Kept, root: Path, loaded: Loaded, language: Language) -> Answer:
    """Both replays. The model of that day comes from the hosts, else from Git."""
    record = kept.record
    plain, place = _that_day(kept, root, language)
    tenant_id = record["tenant"]
    answer = Answer(record, place, zone=(plain or {}).get("tenant", {}).get("timezone", "UTC"))
    if plain is not None:
        answer.then = _replayed(_built(plain, record["revision"]), record, language)
    if tenant_id in loaded.model.tenants:
        answer.revision_today = loaded.revisions[tenant_id]
        answer.zone = loaded.model.tenants[tenant_id].timezone if plain is None else answer.zone
        answer.today = _replayed(loaded.model.tenants[tenant_id], record, language)
    return answer


def _built(plain: Mapping[str, Any], revision: str) -> Tenant:
    from pbx.model import build

    try:
        return build.tenant(dict(plain), revision)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotExplained(f"the model of revision {revision} is of another release: {error!r}") from error


def _that_day(kept: Kept, root: Path, language: Language) -> tuple[dict[str, Any] | None, str]:
    """The tenant's model of the record's revision, and words for where it is from."""
    from pbx.desired import commits, revisions

    record = kept.record
    if kept.plain is not None:
        return kept.plain, language.replay["kept"].format(host=kept.host)
    try:
        found = revisions.find(root, record["tenant"], record["revision"], record["started"] // 1000)
    except commits.CommitError as error:
        return None, language.replay["no_git"].format(why=error)
    if found is None:
        return None, language.replay["nowhere"].format(most=revisions.MOST, root=root)
    return found.plain, language.replay["commit"].format(commit=found.commit[:12])


def _replayed(tenant: Tenant, record: Mapping[str, Any], language: Language) -> Told:
    from pbx.calls.simulated.replay import NotReplayable, replay
    from pbx.features.story import story

    try:
        return replay(tenant, record, story)
    except NotReplayable as error:
        return language.replay[error.code].format(**error.arguments)
