"""What a command writes: results on stdout, everything else on stderr.

Colours and progress appear on a terminal alone, and never where NO_COLOR is set. Text that comes
from a token, a catalogue or a server is shown without control characters, so that it cannot move
the cursor, and never read as markup.
"""

import datetime as dt
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "TOKEN_PART",
    "duration",
    "moment",
    "note",
    "plain",
    "print_json",
    "print_table",
    "print_text",
    "quoted",
    "stderr",
    "stdout",
    "styled",
    "word",
]

# Rich would cut tables at 80 columns where it sees no terminal; a file has no right margin.
_WIDE: Final = 240

_QUOTED_MAX: Final = 100
# A JSON object that begins with a name, in base64url: the head of every token.
TOKEN_PART: Final = re.compile(r"eyJ[A-Za-z0-9_=-]{6,}(\.[A-Za-z0-9_=-]*)*", re.ASCII)

_STYLES: Final[Mapping[str, str]] = {
    "allow": "bold green",
    "ok": "green",
    "pass": "green",
    "expected": "green",
    "passed": "green",
    "usable": "green",
    "tighter": "green",
    "deny": "bold red",
    "fail": "bold red",
    "failed": "bold red",
    "unexpected": "bold red",
    "error": "bold red",
    "looser": "bold red",
    "unusable": "bold red",
    "report": "bold yellow",
    "warning": "yellow",
    "note": "cyan",
    "not_asked": "dim",
    "not_reached": "dim",
    "neutral": "dim",
}


def stdout() -> Console:
    """Returns the console for results."""
    return _console(sys.stdout)


def stderr() -> Console:
    """Returns the console for everything else."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    # Made anew each time: tests and pipes replace the streams.
    wide = None if file.isatty() or os.environ.get("COLUMNS") else _WIDE
    return Console(file=file, highlight=False, markup=False, emoji=False, width=wide)


def plain(text: object) -> str:
    """Returns the text with characters that do not print escaped as in Python."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def quoted(text: str) -> str:
    """Returns what a user gave in backticks, for a message; not where it may be a token."""
    harmless = len(text) <= _QUOTED_MAX and not TOKEN_PART.search(text)
    return f"`{plain(text)}`" if harmless else "(not shown)"


def styled(text: object, style: str = "") -> Text:
    """Returns the text, made plain, in a style of rich."""
    return Text(plain(text), style=style)


def word(text: str) -> Text:
    """Returns a verdict in its colour."""
    return styled(text.replace("_", " "), _STYLES.get(text, ""))


def print_text(*parts: object, sep: str = "  ") -> None:
    """Writes one line to stdout; it is not wrapped."""
    line = Text(sep).join(part if isinstance(part, Text) else styled(part) for part in parts)
    stdout().print(line, soft_wrap=True)


def print_json(value: Any) -> None:
    """Writes one JSON value on one line to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()
) -> None:
    """Writes a table to stdout.

    Args:
        columns: The headings.
        rows: A cell for each column; text, a number, or a styled text.
        right: Headings of the columns that stand to the right.
    """
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    numbers = set(right)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else styled(cell) for cell in row))
    console = stdout()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def note(text: str, *, style: str = "dim") -> None:
    """Writes one line to stderr."""
    stderr().print(styled(text, style), soft_wrap=True)


def moment(seconds: int | None) -> str:
    """Returns seconds since the epoch as RFC 3339 in UTC; a dash where there is none."""
    if seconds is None:
        return "-"
    try:
        return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def duration(seconds: float | None) -> str:
    """Returns a length of time in its two largest units; a dash where there is none."""
    if seconds is None:
        return "-"
    left = int(abs(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
