"""Where speech is understood, as the inventory says it."""

from typing import Any

import pytest

from pbx.desired import calls, recogniser
from pbx.desired.hosts import Host, InventoryError, host_of

pytestmark = pytest.mark.row("R15")


def host(**settings: Any) -> Host:
    given = {"pbx_recogniser_settings": settings} if settings else {}
    return host_of("calls1", ["calls", "media"], {"sip_address": "192.0.2.1", **given})


def test_an_engine_is_named_where_a_menu_listens_and_nowhere_else() -> None:
    one = host(engine="vosk", url="ws://192.0.2.9:2700", deadline="1.5")
    found = calls.process(one, [one], listens=True)["recogniser"]
    assert found["engine"] == {"engine": "vosk", "url": "ws://192.0.2.9:2700"}
    assert (found["deadline"], found["at_once"]) == (1.5, 16)
    assert "recogniser" not in calls.process(one, [one])
    for none in (host(), host(engine="keys")):
        assert "recogniser" not in calls.process(none, [none], listens=True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"engine": "siri"}, "engine is 'siri'; it may be keys, vosk, sphinx, cascade"),
        ({"engine": "vosk"}, "has no url; the engine vosk needs it"),
        ({"engine": "vosk", "url": "ws://a", "words": "b"}, "has words, which the engine vosk does not know"),
        ({"engine": "sphinx", "deadline": "soon"}, "deadline is 'soon'; it is a number from 0.2 to 10"),
        ({"engine": "cascade", "whisper": "/opt/whisper", "at_once": 0}, "at_once is 0; it is a number from 1 to 200"),
    ],
)
def test_what_cannot_be_is_told(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(InventoryError, match=f"host calls1: pbx_recogniser_settings.*{why}"):
        recogniser.process(host(**settings))
