"""Where the sound of recordings is kept: a folder of this host, or a bucket that speaks S3. Objects are sealed before
they come here.

Putting the same object twice is putting it once. What went wrong is `PlaceUnavailable`: later is right.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


class PlaceUnavailable(Exception):
    """The place did not take or give it, now."""


class NotThere(PlaceUnavailable):
    """There is no such object."""


class Place(Protocol):
    """Objects by name; all methods raise PlaceUnavailable."""

    def put(self, name: str, file: Path) -> None:
        """It is there, whole, when this returns."""

    def sha256(self, name: str) -> str:
        """Of what is there, read back."""

    def read(self, name: str, first: int, count: int) -> bytes:
        """A part."""

    def delete(self, name: str) -> None:
        """It is not there any more, if it was."""


class Folder:
    """`local`: files of this host's disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, file: Path) -> None:
        target = self._file(name)
        with _told():
            target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.part")
            partial.unlink(missing_ok=True)
            _link_or_copy(file, partial)
            os.replace(partial, target)  # nothing, when both are one file already
            partial.unlink(missing_ok=True)
            for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
                sync(folder)

    def sha256(self, name: str) -> str:
        with _told():
            return sha256_of(self._file(name))

    def read(self, name: str, first: int, count: int) -> bytes:
        with _told(), self._file(name).open("rb") as file:
            file.seek(first)
            return file.read(count)

    def delete(self, name: str) -> None:
        with _told():
            self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or ".." in name.split("/"):
            raise PlaceUnavailable(f"{name!r} is no name of an object")
        return self._path / name


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where an S3 bucket is. Without an access key everything is asked for unsigned."""

    endpoint: str
    bucket: str
    region: str
    access_key: str = ""
    secret_key: str = ""
    within: float = 30.0  # seconds for each request


class S3:
    """A bucket. The library retries by itself for a few seconds; whoever keeps tries again for as long as it takes."""

    def __init__(self, bucket: Bucket) -> None:
        from obstore.store import S3Store  # loaded only where there is a bucket: 16 MB

        signed: Any = (
            {"access_key_id": bucket.access_key, "secret_access_key": bucket.secret_key}
            if bucket.access_key
            else {"skip_signature": True}
        )
        self._store = S3Store(
            bucket.bucket,
            endpoint=bucket.endpoint,
            region=bucket.region,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=bucket.within),
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=bucket.within)},
            **signed,
        )

    def put(self, name: str, file: Path) -> None:
        import obstore

        with _told():
            obstore.put(self._store, name, file)  # in parts, when it is large; whole at the end or not at all

    def sha256(self, name: str) -> str:
        import obstore

        digest = hashlib.sha256()
        with _told():
            for piece in obstore.get(self._store, name).stream(min_chunk_size=CHUNK):
                digest.update(piece)
        return digest.hexdigest()

    def read(self, name: str, first: int, count: int) -> bytes:
        import obstore

        if count <= 0:
            return b""
        with _told():
            return bytes(obstore.get_range(self._store, name, start=first, length=count))

    def delete(self, name: str) -> None:
        import obstore

        with contextlib.suppress(NotThere), _told():
            obstore.delete(self._store, name)


def place_of(
    kind: str, folder: Path, s3: Mapping[str, Any] | None, access_key: str | None, secret_key: str | None
) -> Place:
    """Raises PlaceUnavailable for a bucket that nobody told of."""
    if kind == "local":
        return Folder(folder)
    if kind != "s3" or s3 is None:
        raise PlaceUnavailable("the site says no S3 bucket: write object_storage there")
    return S3(Bucket(s3["endpoint"], s3["bucket"], s3["region"], access_key or "", secret_key or ""))


def sha256_of(path: Path) -> str:
    """Of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """What was written to a file or folder survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_or_copy(file: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        os.link(file, target)
        return
    with file.open("rb") as source, target.open("wb") as copy:  # another disk
        while piece := source.read(CHUNK):
            copy.write(piece)
    sync(target)


@contextlib.contextmanager
def _told() -> Any:
    """Every error of the place as ours. Those of the library are all `obstore` exceptions and OSError's kin."""
    try:
        yield
    except PlaceUnavailable:
        raise
    except FileNotFoundError as error:
        raise NotThere(str(error).splitlines()[0][:300]) from error
    except Exception as error:
        raise PlaceUnavailable(f"{type(error).__name__}: {str(error).splitlines()[0][:300]}") from error
