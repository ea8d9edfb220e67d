"""Loads the key set of one issuer from its source, once each time it is asked."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from accredit.errors import KeySetError, StateError
from accredit.trust.clock import Clock
from accredit.trust.discovery import Discovered, discover
from accredit.trust.freshness import Bounds, refresh_after_s
from accredit.trust.http import Fetched, GuardedClient
from accredit.trust.network import Reach
from accredit.trust.sources import Discovery, File, Inline, IssuerSource, JwksUri

__all__ = ["Loaded", "Loader"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A key set as it arrived.

    Attributes:
        jwks: Its bytes.
        refresh_after_s: In how many seconds to load it again; None for never.
    """

    jwks: bytes = field(repr=False)
    refresh_after_s: float | None


class Loader:
    """Remembers what it discovered, and which file it read.

    Args:
        source: The issuer and where its keys come from.
        client: Fetches.
        clock: Tells when what was discovered is stale.
        refresh: Bounds of the time between two loads, in seconds.
        max_bytes: The cap on a key set.
    """

    def __init__(
        self,
        source: IssuerSource,
        *,
        client: GuardedClient,
        clock: Clock,
        refresh: Bounds,
        max_bytes: int,
    ) -> None:
        self._source = source
        self._client = client
        self._clock = clock
        self._refresh = refresh
        self._max_bytes = max_bytes
        self._discovered: tuple[Discovered, float] | None = None
        self._read: _Mark | None = None

    async def load(self) -> Loaded:
        """Loads the set.

        Raises:
            CodedFetchError: It could not be fetched.
            StateError: Its file cannot be read.
            KeySetError: Its file is too long.
        """
        match self._source.keys:
            case Inline(jwks):
                return Loaded(jwks, None)
            case File(path):
                # The mark before the content: a change in between is then seen as one.
                self._read = await asyncio.to_thread(_mark, path)
                jwks = await asyncio.to_thread(_read_file, path, self._max_bytes)
                return Loaded(jwks, self._refresh.max_s)
            case JwksUri(url):
                fetched = await self._fetch(url, self._source.reach)
            case Discovery():
                found = await self._discover(self._source.keys)
                fetched = await self._fetch(found.jwks_uri, found.reach)
        return Loaded(fetched.body, self._after_s(fetched.headers))

    def forget(self) -> None:
        """Forgets what was discovered, since it may be why a load failed."""
        self._discovered = None

    async def changed(self) -> bool:
        """Whether the file is another one than was read; for other sources never."""
        match self._source.keys:
            case File(path):
                return await asyncio.to_thread(_mark, path) != self._read
            case _:
                return False

    async def _discover(self, keys: Discovery) -> Discovered:
        if self._discovered is None or self._discovered[1] <= self._clock.monotonic_s():
            found = await discover(
                self._client, self._source.issuer, keys.flavour, reach=self._source.reach
            )
            stale_s = self._clock.monotonic_s() + self._after_s(found.headers)
            self._discovered = (found, stale_s)
        return self._discovered[0]

    async def _fetch(self, url: str, reach: Reach) -> Fetched:
        return await self._client.get_json(
            url, accept=_MEDIA_TYPES, reach=reach, max_bytes=self._max_bytes
        )

    def _after_s(self, headers: httpx2.Headers) -> float:
        dice = random.random()  # noqa: S311 - spreads load, protects nothing
        return refresh_after_s(headers, self._refresh, now_s=self._clock.now_s(), dice=dice)


_Mark = tuple[int, int, int]
"""What changes when a file does: time, size and inode."""


def _mark(path: Path) -> _Mark | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_file(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(max_bytes + 1)
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    if len(body) > max_bytes:
        raise KeySetError(f"the key file is longer than {max_bytes} bytes")
    return body


_MEDIA_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})
