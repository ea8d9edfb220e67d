"""The last good key set of each issuer, on disk, so that a restart does not need the network.

The folder is made 0700, its files 0600. Whoever can write here can mint tokens for every issuer,
so a folder or a file that others can write is refused, and so is a link in the place of a file.
"""

import contextlib
import hashlib
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from accredit.errors import StateError
from accredit.trust.strict_json import Json, parse_object

__all__ = ["KeyStore", "StoredKeys"]


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """A key set that the core accepted.

    Attributes:
        issuer: Whose keys.
        source: `IssuerSource.digest()` of where they came from.
        jwks: The bytes as fetched.
        requested_at_ms: Milliseconds since the epoch when the fetch began.
        fetched_at_s: Seconds since the epoch when the fetch ended; ages count from here.
    """

    issuer: str
    source: str
    jwks: bytes = field(repr=False)
    requested_at_ms: int
    fetched_at_s: int


class KeyStore:
    """Reads and writes `FOLDER/SHA-256(issuer).json`; blocking, for a thread.

    Args:
        folder: Made if missing; its parent too.

    Raises:
        StateError: The folder cannot be made, belongs to another user, or others can write to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for place in (folder.parent, folder):
            _make_private(place)

    def read(self, issuer: str) -> StoredKeys | None:
        """Returns the stored keys of `issuer`; None where there are none.

        Raises:
            StateError: The file is damaged, or others can write to it. It is left as it is; the
                next `write` replaces it.
        """
        path = self._path(issuer)
        try:
            body = _read_private(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            stored = _decode(body)
        except ValueError as error:
            raise StateError(f"{path}: damaged, so it is ignored: {error}") from error
        if stored.issuer != issuer:
            raise StateError(f"{path}: damaged, so it is ignored: it names another issuer")
        return stored

    def write(self, keys: StoredKeys) -> None:
        """Replaces the stored keys of one issuer; after a crash the old or the new ones stand.

        Raises:
            StateError: The file cannot be written.
        """
        path = self._path(keys.issuer)
        try:
            _replace(path, _encode(keys))
        except OSError as error:
            raise StateError(f"{path}: cannot be written: {error.strerror}") from error

    def _path(self, issuer: str) -> Path:
        return self._folder / f"{hashlib.sha256(issuer.encode()).hexdigest()}.json"


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise StateError(f"{folder}: cannot be used as state folder: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise StateError(f"{folder}: is not a folder")
    _refuse_others(folder, status)


def _refuse_others(path: Path, status: os.stat_result) -> None:
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        remedy = "take the permission away, for example with chmod go-w"
        raise StateError(f"{path}: others can write to it; {remedy}")
    if status.st_uid not in {os.geteuid(), 0}:
        raise StateError(f"{path}: belongs to another user; give it to the user that serves")


def _read_private(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StateError(f"{path}: is not a plain file")
        _refuse_others(path, status)
        return file.read(_MAX_BYTES + 1)


def _replace(path: Path, body: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _encode(keys: StoredKeys) -> bytes:
    text = keys.jwks.decode("utf-8")
    document = {
        "format": _FORMAT,
        "issuer": keys.issuer,
        "source": keys.source,
        "requested_at_ms": keys.requested_at_ms,
        "fetched_at_s": keys.fetched_at_s,
        "jwks_sha256": hashlib.sha256(keys.jwks).hexdigest(),
        "jwks": text,
    }
    return json.dumps(document).encode()


def _decode(body: bytes) -> StoredKeys:
    if len(body) > _MAX_BYTES:
        raise ValueError("it is too long")
    document = parse_object(body)
    if document.get("format") != _FORMAT:
        raise ValueError("its format is unknown")
    jwks = _text(document, "jwks").encode()
    if hashlib.sha256(jwks).hexdigest() != document.get("jwks_sha256"):
        raise ValueError("its digest does not fit")
    return StoredKeys(
        issuer=_text(document, "issuer"),
        source=_text(document, "source"),
        jwks=jwks,
        requested_at_ms=_moment(document, "requested_at_ms"),
        fetched_at_s=_moment(document, "fetched_at_s"),
    )


def _text(document: dict[str, Json], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ValueError(f"its {name} is not a string")  # noqa: TRY004 - the input is wrong
    return value


def _moment(document: dict[str, Json], name: str) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"its {name} is not a moment")
    return value


_FORMAT: Final = "accredit-keys/1"
# A key set is at most 256 KiB; escaped in a JSON string it can grow sixfold.
_MAX_BYTES: Final = 2 * 1024 * 1024
