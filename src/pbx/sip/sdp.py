"""Session descriptions: read what a call needs, cut and write them (RFC 8866, offer/answer by RFC 3264).

Lines that nobody asks about are kept as they came, in their order. All functions take and return bytes; a body that is
no SDP raises SdpError.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

_STATIC = {  # RFC 3551 §6: payloads that need no rtpmap
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
}
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}
_NOT_SPEECH = frozenset({"TELEPHONE-EVENT", "CN", "RED", "RTX", "ULPFEC"})
_NUMBERED = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")


# Stands for the SDP of a caller who leaves the offer to us until its answer comes: G.711, both ways, at the relay's own
# discard port, since rtpengine would tell the peer of a 0.0.0.0 as of a hold.
LATE = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    b"a=sendrecv\r\n"
)


class SdpError(ValueError):
    """Not a session description that can be used."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One format of an audio stream; `name` in capitals, `rate` the RTP clock in Hz."""

    payload: int
    name: str
    rate: int
    channels: int = 1
    fmtp: str = ""

    def is_same(self, other: Codec) -> bool:
        """The same encoding, whatever its payload number."""
        return (self.name, self.rate, self.channels) == (other.name, other.rate, other.channels)


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` section. `address` is its own or the session's connection address; `lines` all that follows `m=`."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]
    address: str
    direction: str
    lines: tuple[str, ...]

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """All formats in order of preference, telephone-event among them."""
        maps = {}
        fmtp = {}
        for line in self.lines:
            if line.startswith("a=rtpmap:"):
                number, _, encoding = line[9:].partition(" ")
                maps[number.strip()] = encoding.strip()
            elif line.startswith("a=fmtp:"):
                number, _, text = line[7:].partition(" ")
                fmtp[number.strip()] = text.strip()
        found = (_codec(number, maps.get(number, ""), fmtp.get(number, "")) for number in self.formats)
        return tuple(codec for codec in found if codec is not None)

    @property
    def speech(self) -> Codec | None:
        """The preferred codec that carries speech."""
        return next((codec for codec in self.codecs if codec.name not in _NOT_SPEECH), None)

    @property
    def event_payload(self) -> int | None:
        """The payload number of telephone-event (RFC 4733); of several, the one of the preferred codec's clock."""
        events = [codec for codec in self.codecs if codec.name == "TELEPHONE-EVENT"]
        speech = self.speech
        fitting = [event for event in events if speech is not None and event.rate == speech.rate] or events
        return fitting[0].payload if fitting else None

    @property
    def is_held(self) -> bool:
        """The sender wants to hear nothing: sendonly, inactive, or the old 0.0.0.0 (RFC 3264 §8.4)."""
        return self.direction in ("sendonly", "inactive") or self.address == "0.0.0.0"

    def text(self) -> list[str]:
        return [f"m={self.kind} {self.port} {self.profile} {' '.join(self.formats)}", *self.lines]


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole SDP; `lines` are those before the first `m=`."""

    lines: tuple[str, ...]
    media: tuple[Media, ...]

    @property
    def audio(self) -> Media | None:
        """The first audio stream, rejected (port 0) or not."""
        return next((media for media in self.media if media.kind == "audio"), None)

    def serialise(self) -> bytes:
        lines = [*self.lines, *(line for media in self.media for line in media.text())]
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def parse(sdp: bytes) -> SessionDescription:
    """Raises SdpError."""
    lines = sdp.decode("utf-8", "surrogateescape").replace("\r\n", "\n").strip("\n").split("\n")
    if lines[0].strip() != "v=0" or any(len(line) < 2 or line[1] != "=" or "\r" in line for line in lines):
        raise SdpError("not an SDP")
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    session = lines[: starts[0]] if starts else lines
    address = _address(session) or ""
    direction = _direction(session) or "sendrecv"
    ends = [*starts[1:], len(lines)]
    media = [_media(lines[start:end], address, direction) for start, end in zip(starts, ends, strict=False)]
    return SessionDescription(tuple(session), tuple(media))


def audio(sdp: bytes) -> Media:
    """The audio stream of an SDP; raises SdpError when there is none."""
    found = parse(sdp).audio
    if found is None:
        raise SdpError("no audio")
    return found


def is_hold(sdp: bytes) -> bool:
    """True when the sender of this SDP puts us on hold."""
    return audio(sdp).is_held


def is_fax(sdp: bytes) -> bool:
    """T.38 (`m=image … udptl`) and no sound; a stream of port 0 is none."""
    kinds = {media.kind for media in parse(sdp).media if media.port}
    return "image" in kinds and "audio" not in kinds


def transport_profile(sdp: bytes) -> str:
    """`RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF` … of the audio stream, in capitals."""
    return audio(sdp).profile.upper()


def is_secret(sdp: bytes | None) -> bool:
    """The sound is encrypted whoever answers: RTP/SAVP (RFC 3711) or DTLS, not keys that may be left (RFC 8643)."""
    if sdp is None or b"SAVP" not in sdp.upper():  # of nearly all: spares the reading
        return False
    try:
        return "SAVP" in transport_profile(sdp)
    except SdpError:
        return False


def with_direction(sdp: bytes, direction: str) -> bytes:
    """The same SDP with another direction of its audio stream."""
    if direction not in _DIRECTIONS:
        raise ValueError(direction)
    session = parse(sdp)

    def turned(media: Media) -> Media:
        if media.kind != "audio":
            return media
        kept = tuple(line for line in media.lines if line[2:] not in _DIRECTIONS)
        return replace(media, direction=direction, lines=(*kept, f"a={direction}"))

    return replace(session, media=tuple(turned(media) for media in session.media)).serialise()


def next_version(sdp: bytes) -> bytes:
    """The same SDP with the session version of its `o=` one higher, as a changed one must have (RFC 3264 §8)."""
    session = parse(sdp)

    def counted(line: str) -> str:
        words = line.split(" ")
        if not line.startswith("o=") or len(words) != 6 or not words[2].isdecimal():
            return line
        return " ".join([*words[:2], str(int(words[2]) + 1), *words[3:]])

    return replace(session, lines=tuple(counted(line) for line in session.lines)).serialise()


def mirrored(direction: str) -> str:
    """The direction of the answer to an offer of `direction` (RFC 3264 §6.1)."""
    return _MIRRORED.get(direction, direction)


def narrow(offer_sdp: bytes, answer_sdp: bytes) -> bytes:
    """A's SDP cut to the codec that A was answered with, and telephone-event of its clock.

    Payload numbers stay A's own. Streams that were rejected get port 0. An answer whose codec A never offered leaves
    A's codecs as they are.
    """
    offer, answer = parse(offer_sdp), parse(answer_sdp)
    answered = answer.audio.speech if answer.audio is not None else None
    media = []
    for index, section in enumerate(offer.media):
        refused = index >= len(answer.media) or answer.media[index].port == 0
        if section.kind == "audio" and answered is not None and section is offer.audio:
            section = _cut(section, answered)
        elif refused:
            section = replace(section, port=0)
        media.append(section)
    return replace(offer, media=tuple(media)).serialise()


def only(sdp: bytes, names: Collection[str]) -> bytes | None:
    """The SDP with no other speech codecs than `names` (`pcma`, `opus` …; telephone-event stays), in the SDP's own
    order; None when it has none of them."""
    wanted = {name.upper() for name in names} | _NOT_SPEECH
    session = parse(sdp)

    def cut(media: Media) -> Media:
        if media.kind != "audio":
            return media
        kept = {str(codec.payload) for codec in media.codecs if codec.name in wanted}
        return _keep(media, kept)

    found = session.audio
    if found is None or not any(codec.name in wanted - _NOT_SPEECH for codec in found.codecs):
        return None
    return replace(session, media=tuple(cut(media) for media in session.media)).serialise()


def engine_offer(address: str, port: int, codec: str = "PCMA", event_payload: int | None = 101) -> bytes:
    """The SDP of our media engine at `address`:`port`: one G.711 codec (PCMA or PCMU) and telephone-event."""
    payload = {"PCMA": 8, "PCMU": 0}[codec]
    family = "IP6" if ":" in address else "IP4"
    formats = f"{payload}" if event_payload is None else f"{payload} {event_payload}"
    lines = [
        "v=0",
        f"o=pbx 1 1 IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {formats}",
        f"a=rtpmap:{payload} {codec}/8000",
    ]
    if event_payload is not None:
        lines += [f"a=rtpmap:{event_payload} telephone-event/8000", f"a=fmtp:{event_payload} 0-15"]
    lines += ["a=ptime:20", "a=sendrecv"]
    return ("\r\n".join(lines) + "\r\n").encode()


def engine_answer(address: str, port: int, codec: str = "PCMA", event_payload: int | None = 101) -> bytes:
    """The engine's answer has the shape of its offer: it names only what was chosen."""
    return engine_offer(address, port, codec, event_payload)


def _media(lines: list[str], address: str, direction: str) -> Media:
    words = lines[0][2:].split()
    if len(words) < 4:
        raise SdpError("broken m=")
    kind, port, profile, *formats = words
    number = port.partition("/")[0]
    if not (number.isascii() and number.isdecimal() and int(number) < 65536):
        raise SdpError("broken port")
    rest = lines[1:]
    return Media(
        kind.lower(),
        int(number),
        profile,
        tuple(formats),
        _address(rest) or address,
        _direction(rest) or direction,
        tuple(rest),
    )


def _address(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith("c="):
            words = line[2:].split()
            if len(words) != 3:
                raise SdpError("broken c=")
            return words[2].partition("/")[0]
    return None


def _direction(lines: list[str]) -> str | None:
    return next((line[2:].strip() for line in lines if line.startswith("a=") and line[2:].strip() in _DIRECTIONS), None)


def _codec(number: str, encoding: str, fmtp: str) -> Codec | None:
    if not (number.isascii() and number.isdecimal() and int(number) < 128):
        return None  # a format of another kind of stream (T.38, data channel)
    payload = int(number)
    if not encoding:
        static = _STATIC.get(payload)
        return Codec(payload, *static, fmtp=fmtp) if static else None
    name, _, rest = encoding.partition("/")
    rate, _, channels = rest.partition("/")
    if not (rate.isascii() and rate.isdecimal() and len(rate) < 8):
        return None
    many = int(channels) if channels.isascii() and channels.isdecimal() and len(channels) < 3 else 1
    return Codec(payload, name.upper(), int(rate), many, fmtp)


def _cut(media: Media, answered: Codec) -> Media:
    codecs = media.codecs
    chosen = next((codec for codec in codecs if codec.is_same(answered)), None)
    if chosen is None:
        return media
    events = [codec for codec in codecs if codec.name == "TELEPHONE-EVENT"]
    events = [event for event in events if event.rate == chosen.rate] or events
    return _keep(media, {str(codec.payload) for codec in (chosen, *events)})


def _keep(media: Media, kept: Collection[str]) -> Media:
    """The stream with these payload numbers only, and their lines."""

    def stays(line: str) -> bool:
        if not line.startswith(_NUMBERED):
            return True
        number = line.partition(":")[2].split(" ", 1)[0]
        return number in kept or number == "*"

    lines = tuple(line for line in media.lines if stays(line))
    return replace(media, formats=tuple(number for number in media.formats if number in kept), lines=lines)
