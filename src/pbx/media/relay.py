"""One media session on rtpengine: the model "one call-id, our own tags, every command written as *A offers*".

Tags are opaque names of legs: `A` is who called, `E1` the engine, `B1`, `C1` … those who are rung. A leg that never
answered is a branch, known to rtpengine by the `via-branch` of its offer; its first answer makes the name its tag, and
from then on both tags go into each offer. (rtpengine 10.5 also made a branch of an unknown to-tag; 12.5 gives such a
to-tag to whatever branch was offered before.) A's SDP is the offer of every branch, whether A sent it as offer or
as answer; once A is answered the caller passes A's SDP narrowed to the answered codec.

- ring: `offer(A, B1)`, `offer(A, C1)`, … ; each takes A's audio away from the engine, one more `offer(A, E1)` gives it
  back
- win: `answer(A, B1)` with B's SDP, `delete_branch(A, C1)` for each loser
- swap: `offer(A, E1)` and `answer(A, E1)` with the SDPs known; then `delete_branch(A, B1)` or `block(B1)`: A hears
  every peer that goes on sending
- re-INVITE from B: `offer(B1, A)` with B's SDP, `answer(B1, A)` with A's
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pbx.media.ng import NgClient

Toward = Literal["plain", "engine", "srtp", "either", "browser", "fax"]
"""What a leg speaks: RTP in clear, our engine (the same, in G.711), SRTP with keys by SDES (RFC 4568), RTP with keys
that the peer may take or leave (RFC 8643), or what browsers speak: DTLS-SRTP (RFC 5764), ICE, RTCP on the same port.
A `fax` is what a leg speaks for a while, as it stands in the SDP: T.38 over UDPTL, or sound again."""

# `port-latching` keeps the port that a leg was told when its peer changes; without it A's media dies at a NAT.
FLAGS = ("trust-address", "port-latching")
REPLACE = ("origin", "session connection")

# One suite, the one that every implementation of RFC 4568 has: all twelve would make an INVITE too long for UDP.
_SUITES = (
    "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
    "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80",
    "F8_128_HMAC_SHA1_32", "NULL_HMAC_SHA1_80", "NULL_HMAC_SHA1_32",
)  # fmt: skip
_KEYS = {"DTLS": "off", "SDES": [f"no-{suite}" for suite in _SUITES]}
_PHONE = {"rtcp-mux": ["demux"], "ICE": "remove"}
_DTLS = {"transport protocol": "UDP/TLS/RTP/SAVPF", "SDES": ["off"], "ICE": "force"}
_OFFERS: dict[Toward, dict[str, Any]] = {
    "plain": {"transport protocol": "RTP/AVP", "SDES": ["off"], **_PHONE},
    "engine": {"transport protocol": "RTP/AVP", "SDES": ["off"], **_PHONE},
    "srtp": {"transport protocol": "RTP/SAVP", **_KEYS, **_PHONE},
    "either": {"transport protocol": "RTP/AVP", "OSRTP": ["offer"], **_KEYS, **_PHONE},
    "fax": {"ICE": "remove"},
    "browser": {**_DTLS, "rtcp-mux": ["offer", "require"]},
}
# Whoever is answered gets the transport that it offered, which rtpengine remembers; keys that we may leave are taken.
_ANSWER = {"ICE": "remove", "OSRTP": ["accept"]}
_ANSWER_BROWSER = {**_DTLS, "rtcp-mux": ["require"]}

_PROFILE = re.compile(rb"^m=audio +\S+ +(\S+)", re.MULTILINE)
_OF_BROWSERS = re.compile(
    rb"a=(?:extmap|extmap-allow-mixed|group|mid|msid|msid-semantic|rtcp-fb|rtcp-rsize|ssrc)[:\r\n ]"
)
_RTPMAP = re.compile(r"^a=rtpmap:(\d+) +([^/\s]+)/(\d+)", re.MULTILINE)
_AUDIO = re.compile(r"^m=audio +\d+(?:/\d+)? +\S+ +([\d ]+)", re.MULTILINE)
_STATIC = {"0": "PCMU/8000", "8": "PCMA/8000", "13": "CN/8000"}
_ENGINE_SPEAKS = {"PCMA/8000", "PCMU/8000", "TELEPHONE-EVENT/8000", "CN/8000"}


class RelaySession:
    """The commands of one call-id. Each method is one NG command and raises `NgError` or `NgTimeout`."""

    def __init__(self, client: NgClient, call_id: str) -> None:
        self.client = client
        self.call_id = call_id
        self._offerers: list[str] = []
        self._known: set[str] = set()  # tags that rtpengine knows; the others that were offered to are branches
        self._offered: dict[str, str] = {}  # branch → who offered
        self._speaks: dict[str, Toward] = {}  # by the SDP that each sent last
        self.injects = False  # digits are put among the packets (`press`): 2.8 times the relay's work for the call

    def snapshot(self) -> dict[str, Any]:
        """What another process needs to go on with the session, as plain values."""
        return {
            "call_id": self.call_id,
            "offerers": self._offerers,
            "known": sorted(self._known),
            "offered": self._offered,
            "speaks": self._speaks,
            "injects": self.injects,
        }

    @classmethod
    def resumed(cls, client: NgClient, kept: Mapping[str, Any]) -> RelaySession:
        """The session of a snapshot."""
        session = cls(client, kept["call_id"])
        session._offerers, session._known = list(kept["offerers"]), set(kept["known"])
        session._offered, session._speaks = dict(kept["offered"]), dict(kept.get("speaks", {}))
        session.injects = kept.get("injects", False)
        return session

    async def offer(
        self, from_tag: str, to_tag: str, sdp: bytes, *, toward: Toward | None = None, codecs: Sequence[str] = ()
    ) -> bytes:
        """Offer `from_tag`'s SDP to `to_tag`; returns the SDP to send there.

        `toward` is what the receiver is to speak; None: as it does already. `codecs` are names (`PCMA`, `PCMU`, `opus`)
        that rtpengine adds to the offer and transcodes if the receiver picks one of them.
        """
        toward = toward or self._speaks.get(to_tag, "plain")
        flags = [*self._flags(), *(f"codec-transcode-{name}" for name in codecs)]
        if toward == "engine":
            flags += engine_codecs(sdp)
        if toward == "browser":
            flags.append("generate-mid")
        if from_tag in self._offered and from_tag not in self._known:
            await self.answer(self._offered[from_tag], from_tag, sdp)  # or it would be a second leg of that name
        if from_tag in self._offered and to_tag not in self._known:
            await self._introduce(to_tag, from_tag, sdp)
        if from_tag not in self._offerers:
            self._offerers.append(from_tag)
        self._known.add(from_tag)
        self._offered.setdefault(to_tag, from_tag)
        sent = await self._sdp("offer", from_tag, to_tag, sdp, flags, _OFFERS[toward])
        if b"m=image" not in sdp:
            self._speaks[from_tag] = spoken(sdp)
        return _for_browsers(sent) if toward == "browser" else _for_phones(sent)

    async def answer(self, from_tag: str, to_tag: str, sdp: bytes, *, branch: str = "") -> bytes:
        """Give `to_tag`'s answer; returns the SDP for `from_tag`, who gets the transport that its own SDP asked for.

        A leg may have been offered to as another `branch`.
        """
        browser = self._speaks.get(from_tag) == "browser"
        flags = [*self._flags(), "generate-mid"] if browser else self._flags()
        sent = await self._sdp("answer", from_tag, to_tag, sdp, flags, _ANSWER_BROWSER if browser else _ANSWER, branch)
        self._known.add(to_tag)
        if b"m=image" not in sdp:
            self._speaks[to_tag] = spoken(sdp)
        if branch:
            self._offered[to_tag] = self._offered.pop(branch, from_tag)
        return _for_browsers(sent) if browser else _for_phones(sent)

    async def delete_branch(self, from_tag: str, to_tag: str) -> None:
        """Take `to_tag`'s ports away, answered or not; the others of the session go on."""
        # never both tags: rtpengine 12.5 ends the whole session then
        names = {"from-tag": to_tag} if to_tag in self._known else {"from-tag": from_tag, "via-branch": to_tag}
        await self._command("delete", **names, **{"delete-delay": 0})

    async def block(self, tag: str) -> None:
        """Drop what `tag` sends: a held party goes on sending and would be a second stream at the other's ear."""
        await self._command("block media", **{"from-tag": tag})

    async def unblock(self, tag: str) -> None:
        await self._command("unblock media", **{"from-tag": tag})

    async def press(self, tag: str, digit: str, milliseconds: int) -> None:
        """Send a digit (RFC 4733, or in-band where the other side has no events) as if the leg `tag` had.

        The offer and the answer that joined the two must have been made with `injects`: else nothing is sent.
        """
        await self._command("play DTMF", **{"from-tag": tag, "code": digit, "duration": milliseconds})

    async def hide_digits(self, tag: str, hides: bool) -> None:
        """Keep the digits of `tag` (RFC 4733) from the others, who hear its sound; they are told of all the same."""
        await self._command("block DTMF" if hides else "unblock DTMF", **{"from-tag": tag})

    async def record(self, on: bool) -> None:
        """Write down all packets of the session as they come, or no more; each begin makes a file of its own. Said
        again it changes nothing."""
        await self._command("start recording" if on else "stop recording")

    async def query(self) -> dict[str, Any]:
        """Live state: `tags[leg].medias[0].streams[0]`, `tags[leg].subscriptions`. It costs rtpengine 180 µs of CPU."""
        return await self._command("query")

    async def delete(self) -> dict[str, Any]:
        """End the session at once, all branches. An unknown call-id is no error.

        The reply bears `totals`, `tags` and `SSRC` (the RTCP quality). rtpengine 10.5 gives them only to a delete that
        names a tag, and that one ends everything only when the tag offered to all the others: else a second one makes
        sure. 12.5 ends everything at either and gives them only to a delete without a tag: the first reply tells.
        """
        reply: dict[str, Any] = {}
        if self._offerers and not self.client.sums_without_tag:
            reply = await self._command("delete", **{"from-tag": self._offerers[0], "delete-delay": 0})
            self.client.sums_without_tag = reply.get("tags") == {}
        if len(self._offerers) != 1 or not reply.get("tags"):
            last = await self._command("delete", **{"delete-delay": 0})
            if not reply:
                self.client.sums_without_tag = "totals" in last
            reply = {**last, **reply}
        return reply

    def _flags(self) -> list[str]:
        return [*FLAGS, "inject-DTMF"] if self.injects else list(FLAGS)

    async def _sdp(
        self,
        command: str,
        from_tag: str,
        to_tag: str,
        sdp: bytes,
        flags: list[str],
        profile: dict[str, Any],
        branch: str = "",
    ) -> bytes:
        reply = await self._command(
            command,
            **profile,
            **self._names(command, from_tag, to_tag, branch or to_tag),
            **{"flags": flags, "replace": list(REPLACE)},
            # Latin-1 brings every byte through JSON and back, whatever a phone wrote into its s= line.
            sdp=sdp.decode("latin-1"),
        )
        return str(reply["sdp"]).encode("latin-1")

    async def _introduce(self, tag: str, to_tag: str, sdp: bytes) -> None:
        """Make a tag known by an offer from nowhere, to a leg that was once a branch itself: at a `via-branch` in an
        offer of that leg rtpengine 10.5 would take its first peer for the branch."""
        nowhere = re.sub(rb"^(c=IN IP4) \S+", rb"\1 0.0.0.0", sdp, flags=re.MULTILINE)
        self._known.add(tag)
        await self._sdp("offer", tag, to_tag, nowhere, list(FLAGS), _OFFERS[spoken(sdp)])

    def _names(self, command: str, from_tag: str, to_tag: str, branch: str) -> dict[str, str]:
        """How rtpengine is told whom a command is about."""
        if to_tag in self._known:
            return {"from-tag": from_tag, "to-tag": to_tag}
        if command == "offer":
            return {"from-tag": from_tag, "via-branch": branch}
        return {"from-tag": from_tag, "to-tag": to_tag, "via-branch": branch}

    async def _command(self, command: str, **fields: Any) -> dict[str, Any]:
        return await self.client.command(command, **{"call-id": self.call_id}, **fields)


def spoken(sdp: bytes) -> Toward:
    """What whoever sent this SDP speaks."""
    found = _PROFILE.search(sdp)
    profile = found.group(1).upper() if found else b""
    if profile.startswith(b"UDP/TLS/"):
        return "browser"
    if b"SAVP" in profile:
        return "srtp"
    return "either" if b"\na=crypto:" in sdp else "plain"


def _for_phones(sdp: bytes) -> bytes:
    """Without the lines that only browsers read, of which rtpengine passes on 2 KB: too much for UDP."""
    if b"\na=extmap" not in sdp and b"\na=mid" not in sdp:
        return sdp
    return b"".join(line for line in sdp.splitlines(keepends=True) if not _OF_BROWSERS.match(line))


def _for_browsers(sdp: bytes) -> bytes:
    """Without the SSRC of who sends now: what rtpengine transcodes has another, so has the next peer, and Chromium
    plays none but those that were told."""
    if b"\na=ssrc:" not in sdp:
        return sdp
    return b"".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(b"a=ssrc:"))


def engine_codecs(sdp: bytes) -> list[str]:
    """The codec flags that make any audio SDP into one the engine speaks: PCMA or PCMU, and telephone-event/8000.

    None are needed when the SDP holds nothing else: it passes untouched, with no transcoding. PCMU alone stays PCMU.
    """
    text = sdp.decode("latin-1")
    named = {number: f"{name}/{rate}".upper() for number, name, rate in _RTPMAP.findall(text)}
    audio = _AUDIO.search(text)
    offered = {named.get(number, _STATIC.get(number, number)) for number in (audio.group(1).split() if audio else ())}
    if offered <= _ENGINE_SPEAKS and "TELEPHONE-EVENT/8000" in offered and len(offered) > 1:
        return []
    native = "PCMU" if "PCMU/8000" in offered and "PCMA/8000" not in offered else "PCMA"
    return ["codec-mask-all", f"codec-transcode-{native}", "codec-transcode-telephone-event"]
