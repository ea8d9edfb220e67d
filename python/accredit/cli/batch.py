"""`accredit check --batch`: JSON lines in, JSON lines out, in the same order."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from accredit.cli.output import note, stderr
from accredit.errors import InputError

if TYPE_CHECKING:
    from accredit.engine import Engine

__all__ = ["run_batch"]

# Long enough that a call into the core costs nothing beside its work, short enough that the bar
# moves and Ctrl-C is heard.
_CHUNK_BYTES: Final = 1_048_576


def run_batch(file: str, engine: Callable[[], "Engine"], *, now_ms: int | None) -> None:
    """Answers every line of a file on stdout, and sums up on stderr.

    Args:
        file: A path, or `-` for stdin.
        engine: Makes the engine; called once the file is known to be readable.
        now_ms: The fixed clock; None reads the clock for each chunk.

    Raises:
        InputError: The file cannot be read.
    """
    with _opened(file) as (source, size):
        decider = engine()
        began_s = time.monotonic()
        counts: Counter[str] = Counter()
        lines = 0
        with _progress(size) as advance:
            for chunk, chunk_lines in _chunks(source, file):
                at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
                answers = decider.query_lines(chunk, now_ms=at_ms)
                sys.stdout.buffer.write(answers)
                counts["allow"] += answers.count(b'"decision":"allow"')
                lines += chunk_lines
                advance(len(chunk), lines)
        sys.stdout.buffer.flush()
    took_s = time.monotonic() - began_s
    note(
        f"{lines:,} lines in {took_s:.1f} s: {counts['allow']:,} allow,"
        f" {lines - counts['allow']:,} deny"
    )


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        opened = open(file, "rb")  # noqa: SIM115, PTH123 - closed below; `-` is no path
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    with opened:
        yield opened, os.fstat(opened.fileno()).st_size


def _chunks(source: BinaryIO, file: str) -> Iterator[tuple[bytes, int]]:
    while True:
        try:
            lines = source.readlines(_CHUNK_BYTES)
        except OSError as error:
            raise InputError(f"{file}: cannot be read: {error.strerror}") from None
        if not lines:
            return
        yield b"".join(lines), len(lines)


@contextmanager
def _progress(size: int | None) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar on stderr where that is a terminal, and nothing elsewhere."""
    console = stderr()
    if not console.is_terminal:
        yield lambda _bytes, _lines: None
        return
    with Progress(
        TextColumn("judging"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("judging", total=size, lines=0)
        yield lambda done, lines: progress.update(task, advance=done, lines=lines)
