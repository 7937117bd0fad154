"""The engines by the name that the inventory gives. What a host does not use is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pbx.speech.recognition.heard import Engine, EngineError

NAMES = ("vosk", "sphinx", "cascade")


def made(settings: Mapping[str, Any]) -> Engine:
    """`{engine: vosk, url}`, `{engine: sphinx, words}` or `{engine: cascade, words, whisper}`; the last two are folders
    and files of the host. Raises EngineError."""
    match settings.get("engine"):
        case "vosk":
            from pbx.speech.recognition.vosk import Vosk

            return Vosk(str(settings["url"]))
        case "sphinx" | "cascade" as name:
            try:
                from pbx.speech.recognition.cascade import Cascade
                from pbx.speech.recognition.sphinx import Sphinx
            except ImportError as error:
                raise EngineError(f"the engine {name} needs {error.name}, which is not installed") from error
            words = Path(settings["words"]) if settings.get("words") else None
            sphinx = Sphinx(words)
            return sphinx if name == "sphinx" else Cascade(sphinx, Path(settings["whisper"]))
        case other:
            raise EngineError(f"there is no engine {other!r}; there are {', '.join(NAMES)}")
