"""How path patterns relate: whether two fit one path, and which of the two then decides.

Precedence goes segment by segment: a literal before `*`, `*` before `**`, and the end of a pattern
before `**`. The core decides by the same rule; this module only says so beforehand.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from accredit.catalogue.texts import canonical_segment

_LITERAL: Final = 0
_ONE: Final = 1
_REST: Final = 2
# No segment equals a `%` alone: an escape has two digits.
_FRESH: Final = "%"


@functools.lru_cache(maxsize=65_536)
def segments(pattern: str) -> tuple[str, ...]:
    """Returns the segments of a pattern; a trailing slash is an empty last segment."""
    return tuple(canonical_segment(segment) for segment in pattern[1:].split("/"))


def canonical(pattern: str) -> str:
    """Returns a pattern in the one form that all spellings of it share."""
    return "/" + "/".join(segments(pattern))


def overlap(first: str, second: str) -> str | None:
    """Returns a path that fits both patterns, or None where there is none."""
    met = meet(first, second)
    if met is None:
        return None
    return "/" + "/".join("x" if part in {"*", "**"} else part for part in segments(met))


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


def fits(pattern: str, path: tuple[str, ...]) -> bool:
    """Whether a pattern fits the segments of a path."""
    for index, segment in enumerate(segments(pattern)):
        if segment == "**":
            return True
        if index >= len(path) or (segment == "*" and not path[index]):
            return False
        if segment not in {"*", path[index]}:
            return False
    return len(path) == len(segments(pattern))


def meet(first: str, second: str) -> str | None:
    """Returns the pattern that fits exactly the paths that both patterns fit, or None."""
    left, right = segments(first), segments(second)
    met: list[str] = []
    for index in range(max(len(left), len(right)) + 1):
        one, other = left[index : index + 1], right[index : index + 1]
        if one == ("**",):
            return "/" + "/".join((*met, *right[index:]))
        if other == ("**",):
            return "/" + "/".join((*met, *left[index:]))
        if not one or not other:
            return "/" + "/".join(met) if one == other else None
        both = other[0] if one[0] == "*" else one[0]
        if (both != other[0] and other[0] != "*") or (not both and "*" in (*one, *other)):
            return None
        met.append(both)
    return None


def witnesses(pattern: str, length: int) -> Iterator[tuple[str, ...]]:
    """Yields the segments of paths that stand for all that a pattern fits.

    A wildcard becomes a segment that no literal equals, so that a pattern that fits the witness
    fits every path of that shape. A trailing `**` becomes tails of up to `length` segments in all,
    with and without a slash at the end.
    """
    parts = segments(pattern)
    fixed = tuple(_FRESH if part == "*" else part for part in parts if part != "**")
    if parts[-1] != "**":
        yield fixed
        return
    for tail in range(max(1, length - len(fixed) + 1)):
        path = (*fixed, *[_FRESH] * tail)
        if path:
            yield path
        yield (*path, "")


@dataclass(slots=True)
class _Node:
    """A place in the tree: what goes on from here, and which patterns end here."""

    inner: dict[str, "_Node"] = field(default_factory=dict)
    here: str | None = None
    rest: str | None = None

    def below(self) -> Iterator[str]:
        """Yields every pattern that ends here or further on."""
        yield from (one for one in (self.here, self.rest) if one is not None)
        for node in self.inner.values():
            yield from node.below()


class Tree:
    """Patterns by their segments, so that few of many are looked at.

    Args:
        patterns: In canonical form.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._root = _Node()
        for pattern in patterns:
            node = self._root
            *inner, last = segments(pattern)
            for segment in inner:
                node = node.inner.setdefault(segment, _Node())
            if last == "**":
                node.rest = pattern
            else:
                node.inner.setdefault(last, _Node()).here = pattern

    def find(self, path: tuple[str, ...]) -> str | None:
        """Returns the pattern that decides about a path, or None where none fits."""
        return self._find(self._root, path)

    def _find(self, node: _Node, path: tuple[str, ...]) -> str | None:
        if not path:
            return node.rest if node.here is None else node.here
        head, tail = path[0], path[1:]
        for name in (head, "*"):
            # An empty segment is fitted by its equal alone.
            inner = node.inner.get(name) if head or name == head else None
            found = self._find(inner, tail) if inner is not None else None
            if found is not None:
                return found
        return node.rest

    def meeting(self, pattern: str) -> Iterator[str]:
        """Yields every pattern that meets `pattern`, itself included if it is here."""
        return self._meeting(self._root, segments(pattern))

    def _meeting(self, node: _Node, parts: tuple[str, ...]) -> Iterator[str]:
        if parts[:1] == ("**",):
            yield from node.below()
            return
        if node.rest is not None:
            yield node.rest
        if not parts:
            if node.here is not None:
                yield node.here
            return
        head, tail = parts[0], parts[1:]
        for name, inner in node.inner.items():
            if name == head or (name == "*" and head) or (head == "*" and name):
                yield from self._meeting(inner, tail)
