"""What the example says, asked of the model: recordings, and which number leads where at this hour.

The demo and the tests run by the real clock, and `flow/main` by office hours: the expectation is what the PBX's own
pure decision says for now. (That the decision is right is the business of the unit tests and of `pbx test`.)
"""

from datetime import UTC, datetime
from functools import cache

from phones import tone
from phones.g711 import PCMA, Samples, decode
from phones.romashka.lab import CHECKOUT, LabTrouble

from pbx.desired.source import load_source
from pbx.model.load import load
from pbx.model.objects import Destination, Tenant
from pbx.routing import decide
from pbx.routing.decision import Facts
from pbx.routing.schedule import hours_to_tell
from pbx.speech.spoken import slots

FRAME, SILENCE = 160, 0xD5  # of A-law
EXAMPLES = CHECKOUT / "examples"
SYSTEM = CHECKOUT / "src/pbx/speech/prompts"


@cache
def tenant() -> Tenant:
    return load(EXAMPLES).model.tenants["romashka"]


@cache
def recording(name: str, language: str = "ru") -> Samples:
    """`welcome`, `closed` … of the tenant, or `system-barred` …, as samples."""
    if name.startswith("system-"):
        folder = {"ru": "ru-RU", "en": "en-US"}[language]
        return tone.read_wav(SYSTEM / folder / f"{name.removeprefix('system-')}.wav")
    return tone.read_wav(EXAMPLES / f"romashka/prompts/{name}_{language}.wav")


@cache
def spoken(prompt: str, language: str = "ru-RU") -> Samples:
    """What the PBX says of a text with hours now, piece after piece in whole frames, as the apply made it."""
    source = load_source(str(EXAMPLES))
    text = tenant().prompts[prompt].says[language]
    schedule = tenant().schedules["office"]
    hours = hours_to_tell(schedule, tenant().calendars, datetime.now(UTC), default_zone=tenant().timezone)
    assert hours is not None and hours.end is not None
    values = {"hours.open": f"{hours.start:%H:%M}", "hours.close": f"{hours.end:%H:%M}"}
    made = source.source.site["spoken"][language]
    pieces = [source.audio[made[piece]] for piece in slots.filled(language, text, values)]
    return decode(b"".join(piece + bytes([SILENCE]) * (-len(piece) % FRAME) for piece in pieces), PCMA)


def leads_to(number: str, caller: str = "+79161234567") -> list[str]:
    """The path that an outside call to this number takes now, up to its first voice service or person."""
    path, to = [f"number/{number}"], tenant().numbers[number].to
    while to.kind == "flow":
        path.append(str(to))
        facts = Facts(at=datetime.now(UTC), caller=caller, number=number, language=tenant().languages[0])
        to = decide.flow(tenant(), tenant().flows[to.value], facts).to
    return [*path, str(to)]


def number_for(destination: str) -> tuple[str, list[str]]:
    """A number whose calls come to `destination` at this hour, and the path to there.

    LabTrouble when there is none: outside office hours `flow/main` has no way to `ivr/main`.
    """
    assert Destination(*destination.split("/"))
    for number in tenant().numbers:
        path = leads_to(number)
        if path[-1] == destination:
            return number, path
    raise LabTrouble(f"at this hour no number of the example leads to {destination}")
