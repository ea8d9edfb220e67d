"""Why a fetch failed, as a stable code beside a sentence."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from accredit.errors import FetchError

__all__ = ["CodedFetchError", "FetchCode", "masked"]


class FetchCode(StrEnum):
    """The closed list of reasons; a value is never reworded and never reused."""

    URL_REFUSED = "url_refused"
    """The URL is not https, or has a part that no fetch needs."""
    NAME_UNKNOWN = "name_unknown"
    """The name did not resolve."""
    ADDRESS_REFUSED = "address_refused"
    """An address of the name has a special use that is not opened for this issuer."""
    PEER_CHANGED = "peer_changed"
    """The connected socket ends at another address than the one that was judged."""
    CONNECT_FAILED = "connect_failed"
    """No connection to any address."""
    TLS_FAILED = "tls_failed"
    """The other side's certificate or handshake was refused."""
    TIMED_OUT = "timed_out"
    """The time for connecting, or for the whole fetch, was used up."""
    PROTOCOL = "protocol"
    """What arrived is not HTTP, or the connection broke."""
    REDIRECT = "redirect"
    """The answer points elsewhere; redirects are never followed."""
    STATUS = "status"
    """The answer's status is not 200."""
    CONTENT_TYPE = "content_type"
    """The answer's media type is not one that was asked for."""
    CONTENT_ENCODING = "content_encoding"
    """The answer is encoded in a way that was not asked for and is not understood."""
    TOO_LARGE = "too_large"
    """The body, as sent or as decoded, is over its cap."""
    NOT_JSON = "not_json"
    """The body is not strict JSON of the expected shape."""
    ISSUER_MISMATCH = "issuer_mismatch"
    """The document speaks for another issuer than the configured one."""
    METADATA = "metadata"
    """A member of the document is missing or cannot be used."""


class CodedFetchError(FetchError):
    """A `FetchError` with its code.

    Args:
        code: Why.
        url: What was asked for; its query, fragment and user information are dropped here.
        reason: One clause for the operator; holds nothing of the body.
    """

    def __init__(self, code: FetchCode, url: str, reason: str) -> None:
        super().__init__(masked(url), reason)
        self.code = code

    def __reduce__(self) -> tuple[type, tuple[FetchCode, str, str]]:  # type: ignore[override]
        """Rebuilds the error from its arguments."""
        return type(self), (self.code, self.url, self.reason)


def masked(url: str) -> str:
    """Returns scheme, host, port and path of `url`: what may stand in a log."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _UNREADABLE
    if not parts.scheme or not parts.netloc:
        return _UNREADABLE
    place = parts.netloc.rpartition("@")[2]
    text = f"{parts.scheme}://{place}{parts.path}"
    if len(text) > _MAX_CHARS:
        text = text[:_MAX_CHARS] + "..."
    return text if text.isascii() and text.isprintable() else _UNREADABLE


_UNREADABLE: Final = "(unreadable URL)"
_MAX_CHARS: Final = 300
