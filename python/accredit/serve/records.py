"""Writes decisions to the log, away from the threads that take them.

The core keeps records in a bounded ring; a thread of our own drains it. When nobody could keep up,
the loss is counted and said.
"""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

import structlog

__all__ = ["RecordWriter", "as_console_line", "as_json_line"]

_BATCH: Final = 1_000
_PAUSE_S: Final = 0.1
_HEAD: Final = b'{"at_ms":'

_log = structlog.stdlib.get_logger(__name__)


class _Source(Protocol):
    def drain_records(self, most: int) -> bytes: ...

    def status(self, *, now_ms: int) -> dict[str, object]: ...


def _timestamp(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json_line(record: bytes) -> bytes:
    """Turns a record of the core into a line of the log: the moment in RFC 3339, and what it is."""
    head, comma, rest = record.partition(b",")
    if not comma or not head.startswith(_HEAD):
        return record
    moment = _timestamp(int(head.removeprefix(_HEAD)))
    return b'{"timestamp":"%s","level":"info","event":"decision",%s' % (moment.encode(), rest)


def as_console_line(record: bytes) -> bytes:
    """Turns a record of the core into a line for a terminal."""
    fields = json.loads(record)
    at_ms = fields.pop("at_ms")
    decision, reason = fields.pop("decision"), fields.pop("reason")
    rest = " ".join(f"{name}={value}" for name, value in fields.items())
    # A header of a request can hold what moves a cursor.
    line = f"{_timestamp(at_ms)} {decision:<5} {reason} {rest}"
    return "".join(mark if mark.isprintable() else "?" for mark in line).encode()


class RecordWriter:
    """A thread that moves decision records from the core to a stream.

    Args:
        source: The engine.
        console: Whether a person reads the stream.
        stream: stderr by default.

    Attributes:
        unwritten: Records that the stream did not take.
    """

    def __init__(
        self, source: _Source, *, console: bool = False, stream: TextIO | None = None
    ) -> None:
        self.unwritten = 0
        self._source = source
        self._line = as_console_line if console else as_json_line
        self._stream = stream or sys.stderr
        self._end = threading.Event()
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="accredit-records", daemon=True)

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what is left, and ends."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            ending = self._end.is_set()
            more = self._move()
            if ending and not more:
                return
            if not more:
                self._tell_of_loss()
                self._end.wait(_PAUSE_S)

    def _move(self) -> bool:
        records = self._source.drain_records(_BATCH).splitlines()
        if not records:
            return False
        lines = b"\n".join(self._line(record) for record in records) + b"\n"
        try:
            self._stream.write(lines.decode("utf-8", "replace"))
            self._stream.flush()
        except (OSError, ValueError):
            # Decisions go on without their log: a pipe that nobody reads must not stop them.
            self.unwritten += len(records)
        return True

    def _tell_of_loss(self) -> None:
        lost = self._source.status(now_ms=0)["records_lost"]
        if isinstance(lost, int) and lost > self._lost:
            _log.warning("decision_records_lost", lost=lost - self._lost, total=lost)
            self._lost = lost
