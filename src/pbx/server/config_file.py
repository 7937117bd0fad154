"""The configuration files of our processes, written by the roles: what is wrong with one, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson


class ConfigError(Exception):
    """The file cannot be used; says which file and key."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What is wrong with a configuration, as ConfigError that names the file and the key."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{path}: key {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
