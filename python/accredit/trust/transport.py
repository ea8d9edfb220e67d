"""Between httpx2 and a pool of httpcore2: a transport, and one list of what can go wrong in it."""

import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

import httpcore2
import httpx2

from accredit.trust.failure import CodedFetchError, FetchCode

__all__ = ["GuardedTransport", "failures_of"]


class GuardedTransport(httpx2.AsyncBaseTransport):
    """httpx2 over a pool with our own network."""

    def __init__(self, pool: httpcore2.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request over the pool."""
        raw = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = await self._pool.handle_async_request(raw)
        if not isinstance(answer.stream, AsyncIterable):
            raise httpx2.ProtocolError("an answer without a stream")
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Stream(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Closes the pool."""
        await self._pool.aclose()


@contextlib.contextmanager
def failures_of(url: str) -> Iterator[None]:
    """Turns what the HTTP library raises into `CodedFetchError`, without the library's text."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise CodedFetchError(FetchCode.TIMED_OUT, url, "the other side is too slow") from error
    except httpx2.TransportError as error:
        handshake = _tls_cause(error)
        if handshake is not None:
            reason = getattr(handshake, "verify_message", "") or "the handshake failed"
            raise CodedFetchError(FetchCode.TLS_FAILED, url, f"TLS: {reason}") from error
        reason = "the connection broke, or what arrived is not HTTP"
        raise CodedFetchError(FetchCode.PROTOCOL, url, reason) from error
    except httpx2.InvalidURL as error:
        raise CodedFetchError(FetchCode.URL_REFUSED, url, "the URL cannot be read") from error


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None or isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


class _Stream(httpx2.AsyncByteStream):
    """The body as it arrives, with the errors of httpcore2 as those of httpx2."""

    def __init__(self, parts: AsyncIterable[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._parts:
                yield part

    async def aclose(self) -> None:
        close = getattr(self._parts, "aclose", None)
        if close is not None:
            await close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.TimeoutException("timed out") from error
    except (
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise httpx2.NetworkError("the connection broke") from error


_MAX_CAUSES: Final = 8
