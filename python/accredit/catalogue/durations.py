"""Durations and moments as the catalogue writes them: `30s 15m 24h 7d`, `2027-01-01`."""

import datetime as dt
import re
from typing import Final

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION_PATTERN: Final = "^[1-9][0-9]{0,8}[smhd]$"
MOMENT_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"


def parse_duration_s(text: str) -> int:
    """Returns the seconds of a duration: a whole number and one unit, `s`, `m`, `h` or `d`.

    Raises:
        ValueError: The text is no such duration.
    """
    if re.fullmatch(DURATION_PATTERN, text, re.ASCII) is None:
        msg = "is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"
        raise ValueError(msg)
    return int(text[:-1]) * _UNITS_S[text[-1]]


def format_duration_s(seconds: int) -> str:
    """Returns the shortest text from which `parse_duration_s` reads these seconds.

    Raises:
        ValueError: The number is not positive.
    """
    if seconds <= 0:
        msg = "a duration is positive"
        raise ValueError(msg)
    for unit in ("d", "h", "m"):
        if seconds % _UNITS_S[unit] == 0:
            return f"{seconds // _UNITS_S[unit]}{unit}"
    return f"{seconds}s"


def parse_moment_s(text: str) -> int:
    """Returns seconds since the Unix epoch of `2027-01-01` (its first second) or RFC 3339 with Z.

    Raises:
        ValueError: The text is no such moment.
    """
    if re.fullmatch(MOMENT_PATTERN, text, re.ASCII) is not None:
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            pass  # the 30th of February, the 25th hour
        else:
            return int(moment.replace(tzinfo=dt.UTC).timestamp())
    msg = "is no moment in UTC; write a date such as 2027-01-01 or 2027-01-01T12:00:00Z"
    raise ValueError(msg)


def format_moment_s(seconds: int) -> str:
    """Returns the moment as RFC 3339 in UTC, as a bare date where it is the first second of one."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.removesuffix("T00:00:00Z")
