"""Load a model, all of its grammar, for a verb that asks no server; problems are told as `pbx validate` tells them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbx.model.load import Loaded


def load_or_tell(path: str) -> Loaded | None:
    """The model, or None when it is wrong: then each problem has been printed on stderr."""
    from pbx.model.load import load
    from pbx.model.problems import ModelErrors

    try:
        return load(path, whole=True)
    except ModelErrors as errors:
        for problem in errors.problems:
            print(problem, file=sys.stderr)
        return None
