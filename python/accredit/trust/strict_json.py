"""Strict JSON for the documents that issuers publish (RFC 8259).

The core reads key sets and tokens by its own parser; this one serves what never reaches the core.
"""

import json
import math
from typing import Final, NoReturn

__all__ = ["Json", "parse_object"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse_object(body: bytes) -> dict[str, Json]:
    """Parses one JSON object.

    Duplicate member names at any depth, NaN and infinities, numbers beyond a double, a byte-order
    mark, bytes that are not UTF-8, lone surrogates and nesting deeper than 32 are refused.

    Raises:
        ValueError: The body is not such an object; the message holds nothing of it.
    """
    try:
        text = body.decode("utf-8", "strict")
        value: Json = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except ValueError as error:
        # A decoder's own message quotes the input.
        raise ValueError(
            str(error) if type(error) is _RefusedError else "not JSON in UTF-8"
        ) from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the input is wrong, not an argument
    _check(value, _MAX_DEPTH)
    return value


class _RefusedError(ValueError):
    """A refusal whose message is our own."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError("an object has two members of one name")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise _RefusedError("NaN and infinities are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedError("a number is beyond the range of a double")
    return number


def _check(value: Json, depth_left: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list | dict):
        if depth_left == 0:
            raise ValueError(_TOO_DEEP)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth_left - 1)
        if isinstance(value, dict):
            for name in value:
                _check_text(name)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a string holds a lone surrogate") from None


_MAX_DEPTH: Final = 32
_TOO_DEEP: Final = "nested deeper than 32 levels"
