"""How path patterns relate: whether two fit one path, and which of the two then decides.

Precedence goes segment by segment: a literal before `*`, `*` before `**`, and the end of a pattern
before `**`. The core decides by the same rule; this module only says so beforehand.
"""

from typing import Final

_LITERAL: Final = 0
_ONE: Final = 1
_REST: Final = 2


def segments(pattern: str) -> tuple[str, ...]:
    """Returns the segments of a pattern; a trailing slash is an empty last segment."""
    return tuple(pattern[1:].split("/"))


def overlap(first: str, second: str) -> str | None:
    """Returns a path that fits both patterns, or None where there is none."""
    found = _overlap(segments(first), segments(second))
    return None if found is None else "/" + "/".join(found)


def _overlap(first: tuple[str, ...], second: tuple[str, ...]) -> list[str] | None:
    path: list[str] = []
    for index in range(max(len(first), len(second)) + 1):
        left, right = first[index : index + 1], second[index : index + 1]
        if left == ("**",):
            return path + _example(second[index:])
        if right == ("**",):
            return path + _example(first[index:])
        if not left and not right:
            return path
        if not left or not right:
            return None
        segment = _both(left[0], right[0])
        if segment is None:
            return None
        path.append(segment)
    return path


def _both(left: str, right: str) -> str | None:
    """Returns a segment that fits two segments; `*` fits no empty one."""
    if left == "*":
        return (right or None) if right != "*" else "x"
    if right == "*":
        return left or None
    return left if left == right else None


def _example(rest: tuple[str, ...]) -> list[str]:
    return ["x" if segment in {"*", "**"} else segment for segment in rest]


def precedence(pattern: str) -> tuple[tuple[int, str], ...]:
    """Returns a key: of two patterns that fit one path, the one with the lesser key decides."""
    return tuple(
        (_ONE if segment == "*" else _REST if segment == "**" else _LITERAL, segment)
        for segment in segments(pattern)
    )


def decides(first: str, second: str) -> bool:
    """Whether `first` decides about the paths that fit it and `second`.

    A pattern that ends where the other goes on with `**` is a prefix of it, and the lesser key.
    """
    return precedence(first) < precedence(second)
