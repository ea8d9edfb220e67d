"""The guarded network: a name is resolved once, judged whole, and the connection pinned to it."""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpcore2

from accredit.trust.addresses import Address, Opening, is_loopback, judge
from accredit.trust.failure import CodedFetchError, FetchCode

__all__ = ["PUBLIC", "GuardedBackend", "Reach", "Resolver", "Target", "resolve", "target_of"]

Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""From a host name and a port to every address of it; raises `OSError` where there is none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one fetch may reach beyond the public network.

    It belongs to a URL that the operator wrote. A URL that came in a request, a statement or a
    document is fetched with `PUBLIC`, or with what `towards` leaves.

    Attributes:
        openings: Private ranges, each for one host.
        loopback_http: Whether a loopback literal or `localhost` may be asked without TLS.
    """

    openings: tuple[Opening, ...] = ()
    loopback_http: bool = False

    def towards(self, url: str, *, configured: str) -> "Reach":
        """Returns this reach where `url` has the origin of the URL that the operator wrote.

        Scheme, host and port must all be the same (RFC 6454, section 5), so that a document can
        choose another path at the server it came from, and nothing else inside the network.
        """
        return self if _origin(url) == _origin(configured) is not None else PUBLIC


PUBLIC: Final = Reach()


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked, as far as its text tells."""

    url: str
    host: str
    plaintext: bool


def target_of(url: str, reach: Reach) -> Target:
    """Judges the text of a URL.

    Raises:
        CodedFetchError: With `url_refused`; it names the part that is not accepted.
    """

    def refused(reason: str) -> CodedFetchError:
        return CodedFetchError(FetchCode.URL_REFUSED, url, reason)

    parts = _split(url)
    if parts is None:
        raise refused("the URL is not plain printable ASCII of at most 2048 characters")
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise refused("a URL with user information is never fetched")
    if parts.fragment or url.endswith("#"):
        raise refused("a URL with a fragment is never fetched")
    if not _is_host(host) or parts.netloc.endswith(":"):
        raise refused("the URL has no host name or address that could be resolved")
    if parts.scheme == "https":
        return Target(url, host, plaintext=False)
    if parts.scheme != "http":
        raise refused("only https is fetched")
    if not reach.loopback_http:
        raise refused("only https is fetched; http needs insecure.loopback_http and a loopback URL")
    literal = _literal(host)
    if host != "localhost" and (literal is None or not is_loopback(literal)):
        raise refused("http is for a loopback address or localhost alone; use https")
    return Target(url, host, plaintext=True)


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Asks the system's resolver, once, for every address of `host`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique = dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found)
    return tuple(unique)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects one fetch to an address that was judged, and to no other.

    The rules, in order: the name is resolved once; one refused address refuses the name, since a
    name that also points inside is how a rebinding attack begins; the connection is opened to the
    address itself, so that nothing resolves again; the peer of the connected socket must be that
    address, and is judged again.

    Args:
        target: What is fetched.
        reach: What the operator opened for it.
        resolver: Asked once, and not at all for an address literal.
        inner: Opens the sockets.
    """

    def __init__(
        self,
        target: Target,
        reach: Reach,
        *,
        resolver: Resolver,
        inner: httpcore2.AsyncNetworkBackend,
    ) -> None:
        self._target = target
        self._reach = reach
        self._resolver = resolver
        self._inner = inner
        self._opened: list[httpcore2.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolves, judges, connects and judges again; raises `CodedFetchError`."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
        except TimeoutError as error:
            reason = "the name did not resolve in time"
            raise self._failure(FetchCode.TIMED_OUT, reason) from error
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # Each address gets its share, so that a first one that is silent leaves time for the
            # next one.
            share = _share(deadline, left)
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            self._opened.append(stream)
            self._judge_peer(stream, address)
            return stream
        raise self._failure(FetchCode.CONNECT_FAILED, f"no connection to port {port} of the host")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuses: no fetch goes to a socket of this machine."""
        del path, timeout, socket_options
        raise self._failure(FetchCode.URL_REFUSED, "a Unix socket is never fetched from")

    async def sleep(self, seconds: float) -> None:
        """Sleeps; part of the interface of httpcore2."""
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        """Closes what was opened, also where the fetch was cut short in the handshake."""
        for stream in self._opened:
            with contextlib.suppress(OSError, httpcore2.NetworkError):
                await stream.aclose()

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        literal = _literal(host)
        try:
            found = await self._resolver(host, port) if literal is None else (literal,)
        except OSError as error:
            raise self._failure(FetchCode.NAME_UNKNOWN, "the name does not resolve") from error
        if not found:
            raise self._failure(FetchCode.NAME_UNKNOWN, "the name has no address")
        for address in found:
            use = self._refusal(address)
            if use is not None:
                # The address itself stays out of the message: a name may be a way to ask what
                # our resolver sees.
                reason = f"an address of the host is {use}, which is not opened for this issuer"
                raise self._failure(FetchCode.ADDRESS_REFUSED, reason)
        return found[:_MAX_ADDRESSES]

    def _judge_peer(self, stream: httpcore2.AsyncNetworkStream, address: Address) -> None:
        peer = stream.get_extra_info("server_addr")
        connected = _literal(str(peer[0])) if isinstance(peer, tuple) and peer else None
        if connected is None or connected != address or self._refusal(connected) is not None:
            reason = "the connection ended at another address than the one that was judged"
            raise self._failure(FetchCode.PEER_CHANGED, reason)

    def _refusal(self, address: Address) -> str | None:
        if self._target.plaintext:
            return None if is_loopback(address) else "not_loopback"
        return judge(address, host=self._target.host, openings=self._reach.openings)

    def _failure(self, code: FetchCode, reason: str) -> CodedFetchError:
        return CodedFetchError(code, self._target.url, reason)


def _share(deadline: float | None, left: int) -> float | None:
    if deadline is None:
        return None
    return max(0.0, deadline - asyncio.get_running_loop().time()) / left


def _split(url: str) -> SplitResult | None:
    if len(url) > _MAX_URL_CHARS or not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _origin(url: str) -> tuple[str, str, int] | None:
    parts = _split(url)
    if parts is None or not parts.hostname or parts.scheme not in _DEFAULT_PORTS:
        return None
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


def _is_host(host: str) -> bool:
    # A scope (RFC 6874) names a link of this machine.
    return "%" not in host and (_literal(host) is not None or _NAME.fullmatch(host) is not None)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


# A name with many addresses costs no more attempts than this; all of them are judged.
_MAX_ADDRESSES: Final = 4
_MAX_URL_CHARS: Final = 2048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# RFC 3986 without what needs no place in a URL that we fetch: quotes, `\`, `^`, braces, `<`, `>`.
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
