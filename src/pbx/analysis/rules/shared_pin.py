from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.context import View
from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.problems import Path, pointer

RULE = Rule(
    "shared-pin",
    "warning",
    "one PIN for several boxes or rooms",
    reason="Whoever knows the PIN of one opens the others: a colleague's messages, or the board's conference. And it "
    "cannot be changed for one of them alone. Several people who are meant to hear the same messages share one box "
    "(shared_with). Only the names of secrets are looked at, never their values.",
    wrong="""
voicemails:
  anna: {owner: user/anna, first_pin: {secret: everybody}}
  boris: {owner: user/boris, first_pin: {secret: everybody}}
""",
    right="""
voicemails:
  anna: {owner: user/anna, first_pin: {secret: voicemail_anna}}
  boris: {owner: user/boris, first_pin: {secret: voicemail_boris}}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        first: dict[str, Path] = {}
        for path, secret in _pins(tenant):
            known = first.setdefault(secret, path)
            if known != path:
                message = f"{secret} is the PIN of {pointer(known[:2])} too; give each a secret of its own"
                yield tenant.finding(path, message)


def _pins(tenant: View) -> Iterator[tuple[Path, str]]:
    for box in tenant.model.services.voicemails.values():
        if box.first_pin is not None:
            yield ("voicemails", box.id, "first_pin"), box.first_pin
    for room in tenant.model.services.conferences.values():
        for key, secret in (("pin", room.pin), ("moderator_pin", room.moderator_pin)):
            if secret is not None:
                yield ("conferences", room.id, key), secret
