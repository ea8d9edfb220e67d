"""Formats of catalogues, and the way from an older one to the current one.

A format is never changed once it is published: a change of meaning is a new number with a step
from the one before. `catalogue/1` is the first that was published, so there is no step yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from accredit.catalogue.model import FORMAT

CASES_FORMAT: Final = "cases/1"

# From an older format to the document in the next one. Takes and returns plain data.
Step = Callable[[dict[str, Any]], dict[str, Any]]
STEPS: Final[Mapping[str, Step]] = {}


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of a document.

    Attributes:
        document: In the current format.
        came_through: The formats it had, oldest first; empty where there was nothing to do.
    """

    document: dict[str, Any]
    came_through: tuple[str, ...]


def migrate(document: Any, steps: Mapping[str, Step] = STEPS) -> Migrated:
    """Returns a document in the current format.

    Raises:
        ValueError: The format is unknown; the message is what is wrong and, after a semicolon,
            what to do.
    """
    came_through: list[str] = []
    current = document
    while (message := format_fault(current, steps)) is not None or _format(current) != FORMAT:
        step = steps.get(_format(current) or "")
        if step is None or message is None or len(came_through) > len(steps):
            raise ValueError(message or "is in a format that leads nowhere; report this")
        came_through.append(str(_format(current)))
        current = step(current)
    return Migrated(current, tuple(came_through))


def format_fault(document: Any, steps: Mapping[str, Step] = STEPS) -> str | None:
    """Says why a document cannot be loaded as it is, judging by its format alone.

    Returns:
        None where the format is current; else what is wrong and, after a semicolon, what to do.
    """
    if not isinstance(document, dict):
        return f"is not a mapping; begin with `accredit: {FORMAT}`"
    if "accredit" not in document:
        return f"states no format; begin with `accredit: {FORMAT}`"
    found = _format(document)
    if found == FORMAT:
        return None
    if found is not None and found in steps:
        return f"is in the older format `{found}`; run `accredit catalogue migrate`"
    shown = f"`{found}` " if found is not None and len(found) < 64 and found.isprintable() else ""  # noqa: PLR2004
    return f"{shown}is no known format; this version reads `{FORMAT}`"


def _format(document: Any) -> str | None:
    found = document.get("accredit") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
