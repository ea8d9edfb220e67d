"""The one HTTP client: every fetch that Accredit makes goes through `GuardedClient`.

What it refuses, and why, is the list of `accredit.trust.failure.FetchCode`. It follows no redirect,
keeps no cookie and no connection, and reads no proxy variable and no netrc.
"""

import asyncio
import logging
import ssl
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpcore2
import httpx2

from accredit import __version__
from accredit.trust.failure import CodedFetchError, FetchCode
from accredit.trust.network import (
    PUBLIC,
    GuardedBackend,
    Reach,
    Resolver,
    Target,
    resolve,
    target_of,
)
from accredit.trust.strict_json import Json, parse_object
from accredit.trust.transport import GuardedTransport, failures_of

__all__ = ["FetchLimits", "Fetched", "GuardedClient"]

# At `info` httpx2 logs each URL with its query, at `debug` httpcore2 logs headers.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that passed every check.

    Attributes:
        status: The HTTP status: 200.
        headers: The answer's headers; names compare without case.
        body: The body without its content coding, at most as long as the cap.
        document: The body as a JSON object, where JSON was asked for, else empty.
    """

    status: int
    headers: httpx2.Headers
    body: bytes = field(repr=False)
    document: dict[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may cost.

    Attributes:
        connect_s: For resolving, connecting and the TLS handshake, each.
        total_s: For the whole fetch, from the name to the last byte.
        body_bytes: The cap on a body, where a fetch sets no lower one.
    """

    connect_s: float = 3.0
    total_s: float = 5.0
    body_bytes: int = 262_144


class GuardedClient:
    """Fetches a URL that may lie, from a server that may be hostile, inside a network with secrets.

    Args:
        limits: What one fetch may cost.
        ca_file: PEM certificates to trust instead of the system's.
        resolver: From a name to its addresses; the system's by default.
        backend: Opens sockets; asyncio's by default.

    Raises:
        OSError: `ca_file` cannot be read.
        ssl.SSLError: `ca_file` holds no certificate.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        ca_file: Path | None = None,
        resolver: Resolver = resolve,
        backend: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._limits = limits
        self._resolver = resolver
        self._backend = backend or httpcore2.AnyIOBackend()
        self._tls = _tls(ca_file)

    async def get_json(
        self,
        url: str,
        *,
        accept: Collection[str] = frozenset({"application/json"}),
        reach: Reach = PUBLIC,
        max_bytes: int | None = None,
    ) -> Fetched:
        """Fetches one JSON object, by the rules of `get` and of strict JSON.

        Raises:
            CodedFetchError: Also with `not_json`.
        """
        fetched = await self.get(url, accept=accept, reach=reach, max_bytes=max_bytes)
        try:
            document = parse_object(fetched.body)
        except ValueError as error:
            raise CodedFetchError(
                FetchCode.NOT_JSON, url, f"the body is refused: {error}"
            ) from None
        return Fetched(fetched.status, fetched.headers, fetched.body, document)

    async def get(
        self,
        url: str,
        *,
        accept: Collection[str],
        reach: Reach = PUBLIC,
        max_bytes: int | None = None,
    ) -> Fetched:
        """Fetches one document with GET.

        Args:
            url: An https URL; http as `reach` says.
            accept: Media types in lower case, without parameters; any other is refused.
            reach: What the operator opened for this URL.
            max_bytes: A lower cap on the body than the client's.

        Raises:
            CodedFetchError: With the code that says why.
        """
        target = target_of(url, reach)
        cap = (
            self._limits.body_bytes
            if max_bytes is None
            else min(max_bytes, self._limits.body_bytes)
        )
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await self._get(target, accept, reach, cap)
        except TimeoutError as error:
            reason = f"the fetch took longer than {self._limits.total_s:g} s"
            raise CodedFetchError(FetchCode.TIMED_OUT, url, reason) from error

    async def _get(
        self, target: Target, accept: Collection[str], reach: Reach, cap: int
    ) -> Fetched:
        headers = {
            "accept": ", ".join(sorted(accept)),
            "accept-encoding": "identity",
            "user-agent": f"accredit/{__version__}",
        }
        timeout = httpx2.Timeout(self._limits.total_s, connect=self._limits.connect_s)
        network = GuardedBackend(target, reach, resolver=self._resolver, inner=self._backend)
        # A pool of its own for each fetch: a connection that one issuer's opening allowed must
        # never carry another issuer's fetch.
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=network,
        )
        try:
            async with httpx2.AsyncClient(
                transport=GuardedTransport(pool),
                trust_env=False,
                follow_redirects=False,
                timeout=timeout,
            ) as client:
                with failures_of(target.url):
                    async with client.stream("GET", target.url, headers=headers) as response:
                        _judge_head(response, target.url, accept, cap)
                        body = await _read(response, target.url, cap)
                        return Fetched(response.status_code, response.headers, body)
        finally:
            await network.aclose()


def _judge_head(response: httpx2.Response, url: str, accept: Collection[str], cap: int) -> None:
    if httpx2.codes.is_redirect(response.status_code):
        reason = f"status {response.status_code} redirects; configure the final URL"
        raise CodedFetchError(FetchCode.REDIRECT, url, reason)
    if response.status_code != httpx2.codes.OK:
        raise CodedFetchError(
            FetchCode.STATUS, url, f"status {response.status_code} instead of 200"
        )
    types = response.headers.get_list("content-type")
    media_type = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
    if media_type not in accept:
        wanted = ", ".join(sorted(accept))
        raise CodedFetchError(FetchCode.CONTENT_TYPE, url, f"the content type is not {wanted}")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _MAX_DIGITS or int(announced) > cap):
        raise _too_large(url, cap)


async def _read(response: httpx2.Response, url: str, cap: int) -> bytes:
    """Reads the body, never holding more than the cap and one chunk, before or after decoding."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _WINDOW_BITS:
        reason = "the body has a content coding although none was asked for"
        raise CodedFetchError(FetchCode.CONTENT_ENCODING, url, reason)
    received = bytearray()
    async for chunk in response.aiter_raw():
        if len(received) + len(chunk) > cap:
            raise _too_large(url, cap)
        received += chunk
    window_bits = _WINDOW_BITS[coding]
    if window_bits is None:
        return bytes(received)
    decoder = zlib.decompressobj(window_bits)
    try:
        body = decoder.decompress(bytes(received), cap + 1)
    except zlib.error:
        body = b""
    if len(body) > cap:
        raise _too_large(url, cap)
    if not decoder.eof or decoder.unused_data:
        raise CodedFetchError(
            FetchCode.CONTENT_ENCODING, url, f"the body is not one {coding} stream"
        )
    return body


def _too_large(url: str, cap: int) -> CodedFetchError:
    return CodedFetchError(FetchCode.TOO_LARGE, url, f"the body is longer than {cap} bytes")


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    # Not `ssl.create_default_context`: it writes session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cafile=ca_file)
    return context


# What zlib calls each coding (RFC 9110, section 8.4.1); None: as it is.
_WINDOW_BITS: Final[dict[str, int | None]] = {
    "": None,
    "identity": None,
    "gzip": zlib.MAX_WBITS | 16,
    "x-gzip": zlib.MAX_WBITS | 16,
    "deflate": zlib.MAX_WBITS,
}
_MAX_DIGITS: Final = 18
