from __future__ import annotations

from collections.abc import Iterator

from pbx.analysis.rule import Context, Finding, Rule
from pbx.model.objects import Trunk

RULE = Rule(
    "keys-in-clear",
    "warning",
    "a trunk with SRTP whose signalling is not encrypted",
    reason="With SDES the keys of the sound stand in the SDP. Over UDP or TCP whoever can listen reads them there, and "
    "then the sound: it is encrypted for nothing. A proxy over TLS hides them.",
    wrong="""
trunks:
  carrier: {proxy: "sip:carrier.example", addresses: ["198.51.100.99"], media: srtp}
""",
    right="""
trunks:
  carrier: {proxy: "sip:carrier.example;transport=tls", addresses: ["198.51.100.99"], media: srtp}
""",
)


def check(context: Context) -> Iterator[Finding]:
    for tenant in context.tenants:
        for trunk in tenant.model.trunks.values():
            if trunk.media == "srtp" and not _hidden(trunk):
                message = "the keys of the sound travel in clear; write transport=tls at the proxy, or media: rtp"
                yield tenant.finding(("trunks", trunk.id, "media"), message)


def _hidden(trunk: Trunk) -> bool:
    return trunk.proxy.startswith("sips:") or "transport=tls" in trunk.proxy
