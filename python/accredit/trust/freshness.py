"""When a fetched document should be fetched again, from what its headers say (RFC 9111)."""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

__all__ = ["Bounds", "lifetime_s", "refresh_after_s"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How soon and how late a document is fetched again, whatever its headers say.

    Attributes:
        min_s: At least this many seconds after the fetch.
        max_s: At most this many; also where the headers say nothing.

    Raises:
        ValueError: Not 0 < min_s <= max_s.
    """

    min_s: float
    max_s: float

    def __post_init__(self) -> None:
        if not 0 < self.min_s <= self.max_s:
            raise ValueError("refresh bounds must hold 0 < min_s <= max_s")


def refresh_after_s(headers: httpx2.Headers, bounds: Bounds, *, now_s: float, dice: float) -> float:
    """Says in how many seconds to fetch again.

    Args:
        headers: Those of the answer that was just received.
        bounds: The answer lies within them, both ends included.
        now_s: Seconds since the epoch, when the answer arrived.
        dice: A random number in [0, 1), so that replicas that started together drift apart.

    Returns:
        The document's remaining lifetime within the bounds, less up to a tenth; at the lower
        bound plus up to a tenth.
    """
    lifetime = lifetime_s(headers, now_s=now_s)
    wanted = bounds.max_s if lifetime is None else min(max(lifetime, bounds.min_s), bounds.max_s)
    low = max(bounds.min_s, wanted * (1 - _JITTER))
    high = wanted if wanted > bounds.min_s else min(bounds.max_s, wanted * (1 + _JITTER))
    return min(max(low + (high - low) * dice, bounds.min_s), bounds.max_s)


def lifetime_s(headers: httpx2.Headers, *, now_s: float) -> float | None:
    """Returns how many seconds an answer stays fresh (RFC 9111, section 4.2).

    `no-store`, `no-cache` and whatever cannot be read count as stale already. Of two values of one
    directive the smaller holds. `s-maxage` speaks to shared caches and is not read.

    Returns:
        0 or more; None where the headers say nothing.
    """
    directives = _directives(headers.get("cache-control", ""))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    if "max-age" in directives:
        ages = [_seconds(value) for value in directives["max-age"]]
        return max(0.0, min(ages) - _age_s(headers))
    if "expires" not in headers:
        return None
    expires_s = _date_s(headers["expires"])
    if expires_s is None:
        return 0.0
    # The other side's clock, where it tells it, since its `Expires` stands on that clock.
    sent_s = _date_s(headers.get("date", ""))
    return max(0.0, expires_s - (now_s if sent_s is None else sent_s) - _age_s(headers))


def _directives(value: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for match in _DIRECTIVE.finditer(value):
        found.setdefault(match["name"].lower(), []).append((match["value"] or "").strip('"'))
    return found


def _age_s(headers: httpx2.Headers) -> float:
    value = headers.get("age")
    return 0.0 if value is None else _seconds(value.partition(",")[0].strip(), unreadable=_FOREVER)


def _seconds(text: str, *, unreadable: float = 0.0) -> float:
    if not (text.isascii() and text.isdecimal()):
        return unreadable
    return float(text) if len(text) <= _MAX_DIGITS else _FOREVER


def _date_s(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


_JITTER: Final = 0.1
_MAX_DIGITS: Final = 10
# RFC 9111, section 1.2.2: what a value that is too large counts as.
_FOREVER: Final = float(2**31)
_DIRECTIVE: Final = re.compile(
    r'(?P<name>[A-Za-z0-9!#$%&\'*+.^_`|~-]+)(?:\s*=\s*(?P<value>"[^"]*"|[^\s,;]*))?'
)
